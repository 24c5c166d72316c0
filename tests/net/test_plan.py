"""Which sockets and policies the settings ask for."""

from pcscf.core.flow import Endpoint, Side, Transport
from pcscf.net import plan
from pcscf.net.plan import Bind
from tests.net.support import settings
from xfrm.model import Direction, Ports

HOSTS = ["192.0.2.1", "2001:db8::1"]
GM: dict[str, object] = {
    "addresses": HOSTS,
    "port": 5060,
    "port_ps": 6100,
    "ports_pc": "6112-6115",
}
CORE: dict[str, object] = {"addresses": ["198.51.100.1"], "port": 5080}
BOTH = (Transport.UDP, Transport.TCP)


def test_gm_in_clear_and_the_core_speak_udp_and_tcp():
    assert set(plan.unprotected(settings(gm=GM, core=CORE))) == {
        Bind(side, transport, local)
        for side, local in (
            (Side.CLEAR, Endpoint("192.0.2.1", 5060)),
            (Side.CLEAR, Endpoint("2001:db8::1", 5060)),
            (Side.CORE, Endpoint("198.51.100.1", 5080)),
        )
        for transport in BOTH
    }


def test_nothing_listens_on_pc():
    binds = plan.protected(settings(gm=GM))
    tcp = {bind.local for bind in binds if bind.transport is Transport.TCP}
    udp = {bind.local for bind in binds if bind.transport is Transport.UDP}
    assert tcp == {Endpoint("192.0.2.1", 6100), Endpoint("2001:db8::1", 6100)}
    assert udp - tcp == {Endpoint(host, port) for host in HOSTS for port in range(6112, 6116)}
    assert {bind.side for bind in binds} == {Side.PROTECTED}
    assert not any(bind.shared for bind in binds)
    assert plan.shared_ports(settings(gm=GM)) == range(0)


def test_tolerant_listens_on_pc_and_shares_its_ports():
    tolerant = settings(gm=GM | {"selectors": "tolerant"})
    extra = set(plan.protected(tolerant)) - set(plan.protected(settings(gm=GM)))
    assert extra == {
        Bind(Side.PROTECTED, Transport.TCP, Endpoint(host, port), shared=True)
        for host in HOSTS
        for port in range(6112, 6116)
    }
    assert plan.shared_ports(tolerant) == range(6112, 6116)


def test_policies_cover_every_protected_socket_in_both_directions():
    given = settings(gm=GM, security={"reqid": 77})
    policies = plan.policies(given)
    assert {policy.reqid for policy in policies} == {77}
    for bind in plan.protected(given):
        ways = {
            policy.direction
            for policy in policies
            for host, ports in [
                (policy.selector.destination, policy.selector.destination_ports)
                if policy.direction is Direction.IN
                else (policy.selector.source, policy.selector.source_ports)
            ]
            if host == bind.local.host and bind.local.port in within(ports)
        }
        assert ways == {Direction.IN, Direction.OUT}


def test_no_policy_touches_the_unprotected_sockets():
    given = settings(gm=GM, core=CORE | {"addresses": ["192.0.2.1"]})
    guarded = {
        port
        for policy in plan.policies(given)
        for ports in (policy.selector.destination_ports, policy.selector.source_ports)
        if ports.mask
        for port in within(ports)
    }
    assert guarded == {6100, 6112, 6113, 6114, 6115}


def within(ports: Ports) -> set[int]:
    return {port for port in range(6000, 6200) if port & ports.mask == ports.port}
