"""Routes as the kernel is told them. That it takes them is seen in tests/netns/test_routes.py."""

import struct
from ipaddress import ip_network

import pytest

from pcscf.net.routes import outcome, request


def test_a_route_is_range_and_router() -> None:
    built = request(ip_network("192.168.101.0/24"), "172.22.0.8")
    size, kind, flags = struct.unpack_from("=IHH", built)
    assert (size, kind, flags) == (len(built), 24, 0x505)
    assert built[16:19] == bytes([2, 24, 0])  # AF_INET, length of the range
    assert built[28:] == bytes.fromhex("08000100 c0a86500 08000500 ac160008")


def test_a_route_of_ipv6() -> None:
    built = request(ip_network("2001:db8:1::/48"), "2001:db8::8")
    assert built[16:18] == bytes([10, 48])
    assert len(built) == 28 + 2 * 20


@pytest.mark.parametrize("number", [0, 1, 101])
def test_the_kernel_answers_with_an_error_number(number: int) -> None:
    assert outcome(struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -number)) == number
