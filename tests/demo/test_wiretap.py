import pytest

from tests.demo.forge import (
    AES,
    CLEAR,
    NULL,
    PHONE,
    PHONE_CLEAR,
    PS,
    REGISTER,
    flipped,
    sa,
    sealed,
    tcp,
    udp,
)
from tests.demo.packets import Packet
from tests.demo.wiretap import Flow, messages, open_esp, segments
from xfrm.algorithms import Suite

FIRST = 4_294_967_200  # sequence numbers run over during the test


def stream(*parts: tuple[int, bytes]) -> list[Packet]:
    """SYN and segments at these offsets, each a little later."""
    syn = tcp(PHONE_CLEAR, CLEAR, FIRST, syn=True)
    said = (
        tcp(PHONE_CLEAR, CLEAR, (FIRST + 1 + offset) % 2**32, data, at=number / 10)
        for number, (offset, data) in enumerate(parts, 1)
    )
    return [syn, *said]


@pytest.mark.parametrize("suite", [NULL, AES])
def test_esp_opens_with_the_keys_of_its_sa(suite: Suite) -> None:
    inner = udp(PHONE, PS, REGISTER)
    (opened,) = open_esp([udp(PHONE_CLEAR, CLEAR, b""), sealed(inner, sa(suite), 7)], [sa(suite)])
    assert opened.fault == ""
    assert opened.esp == (sa().spi, 7)
    assert opened.inner is not None
    assert opened.inner.payload == inner.payload


@pytest.mark.parametrize(
    ("packet", "fault"),
    [
        (flipped(sealed(udp(PHONE, PS, REGISTER), sa())), "ICV"),
        (sealed(udp(PHONE, PS, REGISTER), sa(spi=999)), "SPI"),
        (sealed(udp(PHONE, PS, REGISTER), sa(AES)), "ICV|ports"),
        (sealed(udp(PHONE_CLEAR, PS, REGISTER), sa()), "ports"),
        (sealed(udp(PHONE, CLEAR, REGISTER), sa()), "ports"),
    ],
)
def test_a_packet_that_is_not_right_says_why(packet: Packet, fault: str) -> None:
    (opened,) = open_esp([packet], [sa()])
    assert any(word in opened.fault for word in fault.split("|"))


def test_datagrams_come_out_with_their_protection() -> None:
    clear, protected = udp(PHONE_CLEAR, CLEAR, b"a", at=1), udp(PHONE, PS, b"b", at=2)
    outer = sealed(protected, sa(), 3)
    said = segments([outer, clear], open_esp([outer], [sa()]))
    assert [(one.flow, one.data, one.esp) for one in said] == [
        (Flow("UDP", PHONE_CLEAR, CLEAR), b"a", None),
        (Flow("UDP", PHONE, PS), b"b", (sa().spi, 3)),
    ]


@pytest.mark.parametrize(
    "parts",
    [
        [(0, REGISTER[:20]), (20, REGISTER[20:])],
        [(20, REGISTER[20:]), (0, REGISTER[:20])],
        [(0, REGISTER[:20]), (0, REGISTER[:20]), (20, REGISTER[20:])],
        [(0, REGISTER[:20]), (10, REGISTER[10:30]), (5, REGISTER[5:])],
    ],
)
def test_a_stream_is_put_together(parts: list[tuple[int, bytes]]) -> None:
    said = segments(stream(*parts))
    assert b"".join(one.data for one in said) == REGISTER
    assert [one.data for one in messages(said)] == [REGISTER]


def test_what_follows_a_gap_is_not_said() -> None:
    assert b"".join(one.data for one in segments(stream((0, b"ab"), (3, b"d")))) == b"ab"


def test_keep_alives_are_no_messages() -> None:
    said = segments([udp(PHONE_CLEAR, CLEAR, data) for data in (b"\r\n\r\n", REGISTER, b"\0")])
    assert [one.data for one in messages(said)] == [REGISTER]
