"""How single values of the settings are written: addresses, port blocks, next hops, suites."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints

from pcscf.core.flow import Endpoint, Transport
from pcscf.core.media_policy import LAST_PAYLOAD, MEDIA, Codec
from pcscf.core.policy import NextHop
from xfrm.algorithms import SUITES, Suite, suite_named

_T = TypeVar("_T")
_LAST_PORT = 65535


def _numeric_address(text: object) -> str:
    """Read an address that sockets and SAs can carry; the result is as the kernel prints it."""
    try:
        address = ip_address(str(text))
    except ValueError:
        raise ValueError("not a numeric address; names are not resolved") from None
    if address.is_unspecified or address.is_multicast or address.is_link_local:
        # An SA, a Via and a Path each need an address that the other side can reach.
        raise ValueError("must be one global, private or loopback address")
    return str(address)


def _port_block(text: object) -> range:
    """Read ``first-last``: one XFRM policy with a port mask covers the block, so it is aligned."""
    match = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", str(text))
    if not match:
        raise ValueError("must be two ports, first-last")
    first, last = int(match[1]), int(match[2])
    size = last - first + 1
    if not 0 < first < last <= _LAST_PORT:
        raise ValueError("must be at least two ports in 1..65535")
    if size & (size - 1) or first % size:
        raise ValueError("must be a power of two of ports that starts at a multiple of its size")
    return range(first, last + 1)


_NEXT_HOP = re.compile(r"(udp|tcp):(?:\[([^\]]+)\]|([^:\[\]]+)):([0-9]{1,5})")


def _next_hop(text: object) -> NextHop:
    """Read ``udp:198.51.100.9:5060`` or ``tcp:[2001:db8::9]:5060``."""
    match = _NEXT_HOP.fullmatch(str(text))
    if not match:
        raise ValueError("must be udp:ADDRESS:PORT or tcp:ADDRESS:PORT, IPv6 in brackets")
    transport, ipv6, other, port = match.groups()
    if not 0 < int(port) <= _LAST_PORT:
        raise ValueError("the port must be in 1..65535")
    endpoint = Endpoint(_numeric_address(ipv6 or other), int(port))
    return NextHop(Transport(transport.upper()), endpoint)


def _suite(text: object) -> Suite:
    """Read ``alg/ealg`` as Security-Client spells them."""
    alg, _, ealg = str(text).partition("/")
    suite = suite_named(alg, ealg)
    if suite is None:
        raise ValueError("must be one of " + ", ".join(known.name for known in SUITES))
    return suite


def _network(text: object) -> IPv4Network | IPv6Network:
    """Read ``203.0.113.0/24``."""
    try:
        return ip_network(str(text))
    except ValueError as error:
        raise ValueError(f"not a range of addresses: {error}") from None


# A media subtype name (RFC 6838 4.2), or a payload type
_CODEC = re.compile(rf"(?:({'|'.join(MEDIA)})/)?([a-z0-9][a-z0-9!#$&^_.+-]{{0,126}})")


def _codec(text: object) -> Codec:
    """Read ``AMR-WB``, ``audio/AMR-WB`` or ``audio/18``."""
    match = _CODEC.fullmatch(str(text).lower())
    if not match:
        raise ValueError(
            "must be the name or payload type of a codec, audio/, video/ or text/ before it or not"
        )
    media, name = match.groups(default="")
    if name.isdigit() and int(name) > LAST_PAYLOAD:
        raise ValueError(f"a payload type is 0 to {LAST_PAYLOAD}")
    return Codec(str(int(name)) if name.isdigit() else name, media)


def _distinct(values: tuple[_T, ...]) -> tuple[_T, ...]:
    if len(set(values)) != len(values):
        raise ValueError("names something twice")
    return values


Port = Annotated[int, Field(ge=1, le=_LAST_PORT)]
Address = Annotated[str, PlainValidator(_numeric_address)]
Addresses = Annotated[tuple[Address, ...], Field(min_length=1), AfterValidator(_distinct)]
AddressRange = Annotated[IPv4Network | IPv6Network, PlainValidator(_network)]
PortBlock = Annotated[range, PlainValidator(_port_block)]
# It stands between quotes in P-Visited-Network-ID and P-Charging-Vector.
NetworkName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:_-]+$", max_length=255)]
NextHops = Annotated[
    tuple[Annotated[NextHop, PlainValidator(_next_hop)], ...],
    Field(min_length=1),
    AfterValidator(_distinct),
]
Suites = Annotated[
    tuple[Annotated[Suite, PlainValidator(_suite)], ...],
    Field(min_length=1),
    AfterValidator(_distinct),
]
Codecs = Annotated[tuple[Annotated[Codec, PlainValidator(_codec)], ...], AfterValidator(_distinct)]
