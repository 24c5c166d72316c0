"""Routes to phones, as ``ip route`` shows them."""

from ipaddress import ip_network

import pytest

from pcscf.errors import StartError
from pcscf.net.routes import set_route
from tests.netns.lab import Lab

pytestmark = pytest.mark.esp


def routes(lab: Lab) -> str:
    return lab.pcscf.run("ip", "route") + lab.pcscf.run("ip", "-6", "route")


def test_a_route_is_set_and_replaced(lab: Lab) -> None:
    with lab.pcscf.entered():
        for via in ("192.0.2.50", lab.v4.ue):
            set_route(ip_network("192.168.101.0/24"), via)
        set_route(ip_network("2001:db8:46::/48"), lab.v6.ue)
    found = routes(lab)
    assert found.count("192.168.101.0/24") == 1
    assert f"192.168.101.0/24 via {lab.v4.ue} dev gm proto static" in found
    assert f"2001:db8:46::/48 via {lab.v6.ue} dev gm proto static" in found


def test_a_router_that_cannot_be_reached_is_named(lab: Lab) -> None:
    with lab.pcscf.entered(), pytest.raises(StartError, match=r"10.9.9.9 cannot be set: Netw"):
        set_route(ip_network("192.168.101.0/24"), "10.9.9.9")
