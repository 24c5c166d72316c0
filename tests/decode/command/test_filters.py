from typing import Any

import pytest

from pcscf.decode.command.filters import Filters, read_moment, read_network, read_spi
from pcscf.decode.model import Endpoint, SipMessage
from tests.decode.samples import CHALLENGE, MESSAGE, OK, PCSCF, REGISTER, START, an_sa, seen, sip

CAPTURE = [
    seen(REGISTER, at=0),
    seen(CHALLENGE, at=1000),
    seen(OK, at=2000, sa=an_sa(0xABC)),
    seen(MESSAGE, Endpoint("2001:db8::1", 1), PCSCF, sa=an_sa(5), at=3000),
]


def passing(**wanted: Any) -> list[int]:
    """The places of what passes."""
    filters = Filters(**wanted)
    filters.begin(START)
    return [place for place, message in enumerate(CAPTURE) if filters.passes(message)]


def test_without_a_filter_all_pass() -> None:
    assert passing() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ({"call_ids": frozenset({"text-1"})}, [3]),
        ({"call_ids": frozenset({"text-1", "reg-1"})}, [0, 1, 2, 3]),
        ({"call_ids": frozenset({"text"})}, []),
        ({"methods": frozenset({"register"})}, [0, 1, 2]),
        ({"users": ("BOB@home",)}, [3]),
        ({"users": ("alice",)}, [0, 2, 3]),  # the sample's 401 says not whose it is
        ({"networks": (read_network("2001:0db8::0001"),)}, [3]),
        ({"networks": (read_network("192.0.2.11/28"),)}, [0, 1, 2, 3]),
        ({"networks": (read_network("192.0.2.11"),)}, [0, 1, 2]),
        ({"spis": frozenset({0xABC})}, [2]),
        ({"after": read_moment("1")}, [1, 2, 3]),
        ({"before": read_moment("1.0")}, [0, 1]),
        ({"after": read_moment("0.5"), "before": read_moment("2.5")}, [1, 2]),
        ({"after": read_moment("2023-11-14T22:13:22Z")}, [2, 3]),
        ({"before": read_moment("2023-11-14 23:13:21+01:00")}, [0]),
        ({"methods": frozenset({"REGISTER"}), "spis": frozenset({0xABC, 5})}, [2]),
    ],
)
def test_what_passes(wanted: dict[str, Any], places: list[int]) -> None:
    assert passing(**wanted) == places


def test_a_user_is_also_whom_the_sa_belongs_to_and_whom_a_broken_message_names() -> None:
    filters = Filters(users=("alice@home",))
    assert filters.passes(seen(CHALLENGE, sa=an_sa()))
    assert not filters.passes(seen(b"SIP/2.0 200 OK\r\nbroken"))
    assert filters.passes(seen(b"OPTIONS sip:Alice@home SIP/2.0\r\nbroken"))


def test_more_addresses_than_are_remembered() -> None:
    filters = Filters(networks=(read_network("10.0.0.0/24"),))
    messages = [
        SipMessage(1, 0, Endpoint(f"10.0.{n >> 8}.{n & 255}", 1), PCSCF, "UDP", None, sip("x"))
        for n in range(5000)
    ]
    assert [sum(map(filters.passes, messages)) for _ in range(2)] == [256, 256]


def test_a_time_without_a_zone_is_utc_and_a_number_counts_from_the_start() -> None:
    assert read_moment("2023-11-14T22:13:20.5").at(7) == 1_700_000_000_500_000_000
    assert read_moment("1.5").at(7) == 1_500_000_007


@pytest.mark.parametrize("text", ["", "noon", "nan", "inf", "2023-13-01"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_moment(text)


def test_spis_in_both_spellings() -> None:
    assert (read_spi("0x000012ab"), read_spi("4779"), read_spi("0XFFFFFFFF")) == (
        0x12AB, 4779, 2**32 - 1,
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "0x", "12ab", "-1", "0x-1", "4294967296"])
def test_what_is_no_spi(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_spi(text)
