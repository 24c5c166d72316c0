"""Own addresses on the interfaces, and the ways from them to next hops and phones."""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from socket import AF_INET, AF_INET6
from typing import Any, NamedTuple, Protocol

from pyroute2 import IPRoute, NetlinkError

from pcscf.core.policy import NextHop
from pcscf.net.checks.finding import Finding, error, ok, warning

_LOCAL = 2  # RTN_LOCAL, linux/rtnetlink.h
_DUPLICATE, _TENTATIVE = 0x08, 0x40  # IFA_F_DADFAILED and IFA_F_TENTATIVE, linux/if_addr.h
# Of documentation (RFC 5737, RFC 3849): stands for a phone anywhere.
_ANYWHERE = ("203.0.113.1", "2001:db8:ffff::1")
_NO_IPSEC = ("disable_policy", "disable_xfrm")
_PROC = Path("/proc")


class OnInterface(NamedTuple):
    """An address of an interface; ``flags`` are those of the kernel's ``ifaddrmsg``."""

    address: str
    prefix: int
    interface: str
    flags: int


class Route(NamedTuple):
    """Which way a packet goes. ``gateway`` is empty on the link itself."""

    interface: str
    gateway: str
    is_local: bool

    def __str__(self) -> str:
        """As people say it."""
        return self.interface + (f" by way of {self.gateway}" if self.gateway else "")


class Network(Protocol):
    """What is asked of the kernel."""

    def addresses(self) -> Sequence[OnInterface]:
        """All addresses of this machine."""

    def route(self, to: str, source: str = "") -> Route | None:
        """Which way to an address, from one of ours; None if there is none."""


class KernelNetwork:
    """Network over rtnetlink."""

    def addresses(self) -> Sequence[OnInterface]:
        """RTM_GETADDR."""
        with IPRoute() as netlink:
            names = _names(netlink)
            return [
                OnInterface(
                    one.get_attr("IFA_LOCAL") or one.get_attr("IFA_ADDRESS"),
                    one["prefixlen"],
                    names.get(one["index"], "?"),
                    one.get_attr("IFA_FLAGS") or one["flags"],
                )
                for one in netlink.get_addr()
            ]

    def route(self, to: str, source: str = "") -> Route | None:
        """RTM_GETROUTE."""
        more = {"src": source} if source else {}
        with IPRoute() as netlink:
            try:
                (found,) = netlink.route("get", dst=to, family=_family(to), **more)
            except NetlinkError:
                return None
            interface = _names(netlink).get(found.get_attr("RTA_OIF"), "?")
            return Route(interface, found.get_attr("RTA_GATEWAY") or "", found["type"] == _LOCAL)


def _names(netlink: Any) -> dict[int, str]:  # noqa: ANN401 - pyroute2 types nothing
    return {link["index"]: link.get_attr("IFLA_IFNAME") for link in netlink.get_links()}


def _family(address: str) -> int:
    return AF_INET6 if ":" in address else AF_INET


def own(
    network: Network,
    addresses: Iterable[tuple[str, str]],
    proc: Path = _PROC,
    *,
    may_come: bool = False,
) -> Iterator[Finding]:
    """Each (key, address) on an interface, and ready; another instance's if it ``may_come``."""
    present = {one.address: one for one in network.addresses()}
    for key, address in addresses:
        found = present.get(address)
        route = network.route(address)
        if found is not None and found.flags & (_DUPLICATE | _TENTATIVE):
            yield _not_ready(key, found)
        elif found is not None:
            yield ok("addresses", f"{key}: {address} is on {found.interface}")
        elif route is not None and route.is_local:
            yield ok("addresses", f"{key}: {address} is local, by {route.interface}")
        elif may_come:
            yield ok(
                "addresses", f"{key}: {address} is not here at present: it goes with the lease"
            )
        else:
            yield _absent(key, address, route, present.values(), proc)


def _not_ready(key: str, found: OnInterface) -> Finding:
    if found.flags & _DUPLICATE:
        return error(
            "addresses",
            f"{key}: {found.address} on {found.interface} is another machine's too",
            f"ip address delete {found.address}/{found.prefix} dev {found.interface}",
        )
    return error(
        "addresses",
        f"{key}: {found.address} on {found.interface} is still checked for duplicates",
        "a second or two of waiting, or ip address add ... nodad",
    )


def _absent(
    key: str, address: str, route: Route | None, present: Iterable[OnInterface], proc: Path
) -> Finding:
    text = f"{key}: {address} is on no interface of this machine"
    prefix, interface = _place(address, route, present)
    mends = f"ip address add {address}/{prefix} dev {interface}"
    version = "6" if ":" in address else "4"
    if _is_on(proc / f"sys/net/ipv{version}/ip_nonlocal_bind"):
        return warning("addresses", f"{text} at present (ip_nonlocal_bind allows it)", mends)
    return error("addresses", text, mends)


def _place(address: str, route: Route | None, present: Iterable[OnInterface]) -> tuple[int, str]:
    """Say where the address would belong: into the network that it is of, or where packets go."""
    for one in present:
        network = ip_interface(f"{one.address}/{one.prefix}").network
        if network.version == (6 if ":" in address else 4) and _holds(network, address):
            return one.prefix, one.interface
    whole = 128 if ":" in address else 32
    return whole, route.interface if route is not None else "DEV"


def _holds(network: Any, address: str) -> bool:  # noqa: ANN401 - either version
    return bool(network.supernet_of(ip_network(address)))


def local_ones(network: Network, addresses: Iterable[str]) -> list[str]:
    """Those of our addresses that this machine has."""
    routes = ((one, network.route(one)) for one in addresses)
    return [one for one, route in routes if route is not None and route.is_local]


def source_for(hop: NextHop, sources: Iterable[str]) -> str:
    """The first of our addresses of a next hop's family; empty if there is none."""
    is_ipv6 = ":" in hop.endpoint.host
    return next((one for one in sources if (":" in one) == is_ipv6), "")


def to_next_hops(
    network: Network, hops: Iterable[NextHop], sources: Sequence[str]
) -> Iterator[Finding]:
    """A route to each next hop, from our core-side address of its family."""
    for hop in hops:
        host, source = hop.endpoint.host, source_for(hop, sources)
        route = network.route(host, source)
        if route is not None:
            yield ok("routes", f"{hop} goes out on {route}")
        else:
            mends = f"ip route add {host} via GATEWAY dev DEV"
            yield warning("routes", f"{hop} cannot be reached: no route", mends)


def to_phones(network: Network, gm: Iterable[str]) -> Iterator[Finding]:
    """A way back to phones that are not on our own links."""
    for source in gm:
        if ip_address(source).is_loopback:
            continue
        route = network.route(_ANYWHERE[":" in source], source)
        if route is not None:
            yield ok("routes", f"phones of {source} are answered on {route}")
        else:
            version = 6 if ":" in source else 4
            yield warning(
                "routes",
                f"phones of {source} beyond its own network cannot be answered: no route",
                f"ip -{version} route add default via GATEWAY dev DEV",
            )


def ipsec_on_interfaces(
    network: Network, gm: Iterable[str], proc: Path = _PROC
) -> Iterator[Finding]:
    """Whether the kernel does IPsec where the phones come in; on the loopback it does not."""
    gm = frozenset(gm)
    interfaces = {one.interface for one in network.addresses() if one.address in gm}
    for interface in sorted(interfaces):
        directory = proc / "sys/net/ipv4/conf" / interface
        on = [switch for switch in _NO_IPSEC if _is_on(directory / switch)]
        if on:
            settings = " ".join(f"net.ipv4.conf.{interface}.{switch}=0" for switch in on)
            mends = f"sysctl -w {settings}"
            yield warning("ESP", f"the kernel does no IPsec on {interface}", mends)


def _is_on(switch: Path) -> bool:
    return switch.exists() and switch.read_text().strip() == "1"
