from ipaddress import IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcscf.core.source import source


def test_an_ipv4_phone_is_its_address() -> None:
    assert source("192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:2:3:4:5", True),
        ("2001:0:1::5", "2001::1:0:0:0:5", False),
        ("fe80::1%2", "fe80::2", True),
        ("::1", "::", True),
    ],
)
def test_an_ipv6_phone_is_its_prefix(one: str, other: str, *, same: bool) -> None:
    assert (source(one) == source(other)) is same


@given(st.integers(0, 2**128 - 1))
def test_the_prefix_is_that_of_the_address(number: int) -> None:
    address = IPv6Address(number)
    assert IPv6Network(source(str(address))) == IPv6Network((number >> 64 << 64, 64))
    assert source(source(str(address))) == source(str(address))
