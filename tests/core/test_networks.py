from ipaddress import ip_network

import pytest

from pcscf.core.networks import Networks

SOME = Networks((ip_network("192.0.2.0/24"), ip_network("2001:db8::/48")))


@pytest.mark.parametrize(
    ("host", "held"),
    [
        ("192.0.2.255", True),
        ("192.0.3.0", False),
        ("2001:db8:0:7::1", True),
        ("2001:db8:1::1", False),
        ("fe80::1%2", False),
    ],
)
def test_an_address_is_in_a_range_or_not_however_often_it_is_asked(
    host: str, *, held: bool
) -> None:
    assert [host in SOME for _ in range(3)] == [held] * 3


def test_without_ranges_nobody_is_in_them() -> None:
    assert "192.0.2.1" not in Networks(())
