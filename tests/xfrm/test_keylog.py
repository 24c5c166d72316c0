"""What is written comes back; what is damaged is refused without its keys in the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xfrm.algorithms import SUITES, EspKeys, Suite
from xfrm.keylog import LoggedSa, read_line, sa_line, set_line
from xfrm.model import AkaKeys, SaSet, SelectorMode

AES_CBC = Suite("hmac-sha-1-96", "aes-cbc")
AKA = AkaKeys(b"c" * 16, b"i" * 16)
SAS = SaSet(
    "192.0.2.10", "192.0.2.1", AES_CBC, 2001, 2002, 3001, 3002, 40001, 40002, 6101, 6100
)  # fmt: skip
TIME = 1_764_125_462_000_000_789
LINE = set_line(TIME, SAS, AKA)
SINGLE = LoggedSa(None, "2001:db8::1", "2001:db8::2", AES_CBC, 7, None, AES_CBC.keys(AKA))


def test_the_line_of_a_set() -> None:
    assert LINE == (
        "GM_SAS 1764125462.000000789 192.0.2.10 192.0.2.1 hmac-sha-1-96/aes-cbc "
        "uc=40001:2001 us=40002:2002 pc=6101:3001 ps=6100:3002 "
        + "63" * 16
        + " "
        + "69" * 16
        + "\n"
    )


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_a_set_comes_back_as_the_four_sas_that_the_kernel_gets(suite) -> None:
    sas = SaSet("2001:db8::9", "2001:db8::1", suite, 1001, 1002, 1003, 1004, 9, 8, 7, 6)
    expected = [
        LoggedSa(
            TIME,
            sa.source,
            sa.id.destination,
            suite,
            sa.id.spi,
            (sa.selector.source_ports.port, sa.selector.destination_ports.port),
            sa.keys,
        )
        for sa in sas.associations(AKA, 1, SelectorMode.STRICT, 0)
    ]
    assert read_line(set_line(TIME, sas, AKA)) == expected
    assert all(sa.checked for sa in expected)


port = st.integers(1, 65535)
one_sa = st.builds(
    LoggedSa,
    time=st.none() | st.integers(0, 2**62),
    src=st.just("192.0.2.1"),
    dst=st.just("::1"),
    suite=st.sampled_from(SUITES),
    spi=st.integers(1, 2**32 - 1),
    ports=st.none() | st.tuples(port, port),
    keys=st.builds(EspKeys, st.binary(max_size=32), st.binary(max_size=32)),
)


@given(one_sa)
def test_one_sa_comes_back(sa) -> None:
    assert read_line(sa_line(sa)) == [sa]
    assert sa.checked == (bool(sa.keys.auth) or sa.suite.combined is not None)


@pytest.mark.parametrize("line", ["", "\n", "  ", "# a comment\n", "#GM_SAS x"])
def test_comments_and_empty_lines_hold_nothing(line) -> None:
    assert read_line(line) == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("GM_SAS", "GM_SA", "no line"),
        (" us=40002:2002", "", "no line"),
        ("us=", "uc=", "us= expected"),
        ("40002:2002", "40002", "no SPI"),
        ("40002:2002", "0:2002", "no port"),
        ("40002:2002", "65536:2002", "no port"),
        ("40002:2002", "40002:4294967296", "no SPI"),
        ("40002:2002", "40002:\N{SUPERSCRIPT TWO}", "no SPI"),
        ("40002:2002", "40002:" + "9" * 5000, "no SPI"),
        ("192.0.2.10", "192.0.2", "no address"),
        ("aes-cbc", "aes", "unknown algorithms"),
        ("1764125462.000000789", "now", "no time"),
        ("1764125462.000000789", "1764125462.0000007890", "no time"),
        ("1764125462.000000789", "9" * 30, "no time"),
        ("63" * 16, "63" * 15, "16 octets"),
        ("63" * 16, "6x" * 16, "hexadecimal"),
    ],
)
def test_a_damaged_line_is_refused_without_a_word_of_it(old, new, reason) -> None:
    assert old in LINE
    with pytest.raises(ValueError, match=reason) as caught:
        read_line(LINE.replace(old, new, 1))
    assert "69" * 16 not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_time_may_have_fewer_digits() -> None:
    assert read_line(sa_line(SINGLE).replace(" - ", " 17.5 ", 1))[0].time == 17_500_000_000


def test_keys_are_in_the_line_only() -> None:
    assert "c" * 16 not in repr(SINGLE)
