"""Own addresses and routes, on networks of the test's making, and on this machine's loopback."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pcscf.core.flow import Endpoint, Transport
from pcscf.core.policy import NextHop
from pcscf.net.checks import addresses
from pcscf.net.checks.addresses import KernelNetwork, OnInterface, Route
from pcscf.net.checks.finding import Level

ETH0 = (OnInterface("192.0.2.1", 24, "eth0", 0), OnInterface("2001:db8::1", 64, "eth0", 0))
WAY = Route("eth0", "192.0.2.254", is_local=False)
HOP = NextHop(Transport.UDP, Endpoint("198.51.100.9", 5060))


class Net:
    """A machine; what it has no route for is unreachable."""

    def __init__(
        self,
        present: Sequence[OnInterface] = ETH0,
        routes: Mapping[tuple[str, str], Route] | None = None,
    ) -> None:
        self.present, self.routes = present, routes or {}

    def addresses(self) -> Sequence[OnInterface]:
        return self.present

    def route(self, to: str, source: str = "") -> Route | None:
        if to in {one.address for one in self.present}:
            return Route("lo", "", is_local=True)
        return self.routes.get((to, source))


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    return tmp_path


def test_an_address_that_is_there(proc: Path) -> None:
    (finding,) = addresses.own(Net(), [("gm.addresses[1]", "192.0.2.1")], proc)
    assert finding.level is Level.OK
    assert finding.text == "gm.addresses[1]: 192.0.2.1 is on eth0"


@pytest.mark.parametrize(
    ("address", "routes", "mends"),
    [
        ("192.0.2.7", {}, "ip address add 192.0.2.7/24 dev eth0"),
        ("2001:db8::7", {}, "ip address add 2001:db8::7/64 dev eth0"),
        ("203.0.113.7", {}, "ip address add 203.0.113.7/32 dev DEV"),
        (
            "203.0.113.7",
            {("203.0.113.7", ""): Route("eth1", "", is_local=False)},
            "ip address add 203.0.113.7/32 dev eth1",
        ),
    ],
)
def test_one_that_is_not_is_an_error_with_the_command(
    proc: Path, address: str, routes: dict[tuple[str, str], Route], mends: str
) -> None:
    (finding,) = addresses.own(Net(routes=routes), [("gm.addresses[1]", address)], proc)
    assert (finding.level, finding.mends) == (Level.ERROR, mends)


def test_one_that_may_come_later_is_a_warning(proc: Path) -> None:
    switch = proc / "sys/net/ipv4/ip_nonlocal_bind"
    switch.parent.mkdir(parents=True)
    switch.write_text("1\n")
    (finding,) = addresses.own(Net(), [("gm.addresses[1]", "192.0.2.7")], proc)
    assert finding.level is Level.WARNING


@pytest.mark.parametrize(("flags", "word"), [(0x40, "duplicates"), (0x48, "another machine")])
def test_an_address_that_is_not_ready(proc: Path, flags: int, word: str) -> None:
    net = Net([OnInterface("2001:db8::1", 64, "eth0", flags)])
    (finding,) = addresses.own(net, [("gm.addresses[1]", "2001:db8::1")], proc)
    assert finding.level is Level.ERROR
    assert word in finding.text


def test_next_hops_need_a_route_from_our_address() -> None:
    net = Net(routes={("198.51.100.9", "192.0.2.1"): WAY})
    (there,) = addresses.to_next_hops(net, [HOP], ["2001:db8::1", "192.0.2.1"])
    assert (there.level, there.text.partition(" goes ")[2]) == (
        Level.OK,
        "out on eth0 by way of 192.0.2.254",
    )
    (gone,) = addresses.to_next_hops(Net(), [HOP], ["192.0.2.1"])
    assert (gone.level, gone.mends) == (
        Level.WARNING,
        "ip route add 198.51.100.9 via GATEWAY dev DEV",
    )


def test_phones_need_a_way_back() -> None:
    net = Net(routes={("203.0.113.1", "192.0.2.1"): WAY})
    back, none = addresses.to_phones(net, ["192.0.2.1", "2001:db8::1", "127.0.0.1"])
    assert (back.level, none.level) == (Level.OK, Level.WARNING)
    assert none.mends == "ip -6 route add default via GATEWAY dev DEV"


def test_which_of_ours_are_here() -> None:
    assert addresses.local_ones(Net(), ["192.0.2.1", "192.0.2.7"]) == ["192.0.2.1"]


def test_an_interface_without_ipsec_is_a_warning(proc: Path) -> None:
    directory = proc / "sys/net/ipv4/conf/eth0"
    directory.mkdir(parents=True)
    for name, value in (("disable_policy", "1"), ("disable_xfrm", "0")):
        (directory / name).write_text(value + "\n")
    (finding,) = addresses.ipsec_on_interfaces(Net(), ["192.0.2.1"], proc)
    assert (finding.level, finding.mends) == (
        Level.WARNING,
        "sysctl -w net.ipv4.conf.eth0.disable_policy=0",
    )
    (directory / "disable_policy").write_text("0\n")
    assert list(addresses.ipsec_on_interfaces(Net(), ["192.0.2.1"], proc)) == []


def test_the_kernel_is_asked_as_it_is() -> None:
    net = KernelNetwork()
    assert ("127.0.0.1", "lo") in {(one.address, one.interface) for one in net.addresses()}
    route = net.route("127.0.0.5", "127.0.0.1")
    assert route is not None
    assert (route.interface, route.is_local) == ("lo", True)
    assert net.route("198.51.100.1", "192.0.2.123") is None
