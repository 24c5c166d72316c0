"""How single values of the settings are written: addresses, port blocks, next hops, suites."""

import re
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, NamedTuple, TypeVar
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints, WithJsonSchema

from pcscf.core.flow import Endpoint, Transport
from pcscf.core.media_policy import LAST_PAYLOAD, MEDIA, Codec
from pcscf.core.policy import Target
from pcscf.core.target import is_name, is_numeric, target_of_uri
from pcscf.errors import ParseError
from pcscf.sip.uri import SipUri, canonical_host
from xfrm.algorithms import SUITES, Suite, suite_named

_T = TypeVar("_T")
_LAST_PORT = 65535
_DNS_PORT = 53


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


def _next_hop(text: object) -> Target:
    """Read ``udp:198.51.100.9:5060``, ``tcp:[2001:db8::9]:5060`` or ``sip:home.example``."""
    written = str(text)
    if written.startswith("sip:"):
        return _uri_target(written)
    match = _NEXT_HOP.fullmatch(written)
    if not match:
        raise ValueError("must be udp:HOST:PORT, tcp:HOST:PORT or sip:NAME, IPv6 in brackets")
    transport, ipv6, other, port = match.groups()
    host = _numeric_address(ipv6) if ipv6 else _host(other)
    return Target(host, _port(port), Transport(transport.upper()))


def _uri_target(text: str) -> Target:
    """Read where a SIP URI leads by RFC 3263; a user part would be of no effect."""
    try:
        uri = SipUri.parse(text)
    except ParseError:
        raise ValueError("not a SIP URI") from None
    target = target_of_uri(uri)
    if target is None or uri.user is not None:
        raise ValueError("must be sip:HOST, with ;transport=udp or ;transport=tcp at most")
    host = _numeric_address(target.host) if is_numeric(target.host) else target.host
    return replace(target, host=host)


class Collector(NamedTuple):
    """Where copies go; the host may be a name."""

    transport: Transport
    endpoint: Endpoint


def _collector(text: object) -> Collector | None:
    """Read ``udp:192.0.2.5:9060`` or ``tcp:homer.example:9061``; empty is none."""
    if text == "":
        return None
    match = _NEXT_HOP.fullmatch(str(text))
    if not match:
        raise ValueError("must be udp:HOST:PORT or tcp:HOST:PORT, IPv6 in brackets")
    transport, ipv6, other, port = match.groups()
    host = _numeric_address(ipv6) if ipv6 else _host(other)
    return Collector(Transport(transport.upper()), Endpoint(host, _port(port)))


def _host(text: str) -> str:
    host = canonical_host(text)
    if is_name(host):
        return host
    if not is_numeric(host):
        raise ValueError("neither an address nor the name of a host")
    return _numeric_address(host)


def _port(text: str) -> int:
    if not 0 < int(text) <= _LAST_PORT:
        raise ValueError("the port must be in 1..65535")
    return int(text)


_ENDPOINT = re.compile(r"\[([^\]]+)\]:([0-9]{1,5})|([0-9.]+):([0-9]{1,5})")


def _name_server(text: object) -> Endpoint:
    """Read ``192.0.2.53``, ``2001:db8::53``, ``192.0.2.53:5353`` or ``[2001:db8::53]:5353``."""
    match = _ENDPOINT.fullmatch(str(text))
    if not match:
        return Endpoint(_numeric_address(text), _DNS_PORT)
    ipv6, ipv6_port, ipv4, ipv4_port = match.groups()
    return Endpoint(_numeric_address(ipv6 or ipv4), _port(ipv6_port or ipv4_port))


def _listener(text: object) -> Endpoint | None:
    """Read ``127.0.0.1:8060`` or ``[::1]:8060``, also of all addresses; empty is None."""
    if text in ("", None):
        return None
    match = _ENDPOINT.fullmatch(str(text))
    if not match:
        raise ValueError("must be ADDRESS:PORT, IPv6 in brackets, or empty")
    ipv6, ipv6_port, ipv4, ipv4_port = match.groups()
    try:
        host = str(ip_address(ipv6 or ipv4))
    except ValueError:
        raise ValueError("not a numeric address; names are not resolved") from None
    return Endpoint(host, _port(ipv6_port or ipv4_port))


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


def _sip_uri(text: object) -> str:
    """Read ``sip:desk@example.net``."""
    try:
        uri = SipUri.parse(str(text))
    except ParseError:
        raise ValueError("must be a SIP URI") from None
    if uri.scheme != "sip":
        raise ValueError("must be a SIP URI; there is no TLS")
    return str(text)


_STORE_SCHEMES = ("valkey", "valkeys", "redis", "rediss")
_STORE_OPTIONS = {"db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}


def _store_url(text: object) -> str:
    """Read ``valkey://[USER:PASSWORD@]HOST[:PORT][/DB]`` or ``unix:///PATH``, with options."""
    try:
        url = urlsplit(str(text))
        place = url.path if url.scheme == "unix" else url.hostname
        options = set(parse_qs(url.query, strict_parsing=bool(url.query)))
        url.port  # noqa: B018 - what is no number raises
    except ValueError:
        raise ValueError("not a URL") from None
    is_unix = url.scheme == "unix"
    has_number = is_unix or re.fullmatch("/?[0-9]*", url.path)
    if url.scheme not in (*_STORE_SCHEMES, "unix") or not place or not has_number:
        raise ValueError("must be valkey://HOST:PORT/DB, valkeys:// for TLS, or unix:///PATH")
    if options - _STORE_OPTIONS:
        raise ValueError("has options other than " + ", ".join(sorted(_STORE_OPTIONS)))
    return str(text)


def _distinct(values: tuple[_T, ...]) -> tuple[_T, ...]:
    if len(set(values)) != len(values):
        raise ValueError("names something twice")
    return values


def _written(how: str) -> WithJsonSchema:
    """Say how a value is written, for the schema and the reference page that is made from it."""
    return WithJsonSchema({"type": "string", "description": how})


Port = Annotated[int, Field(ge=1, le=_LAST_PORT)]
Address = Annotated[str, PlainValidator(_numeric_address), _written("numeric address")]
Addresses = Annotated[tuple[Address, ...], Field(min_length=1), AfterValidator(_distinct)]
AddressRange = Annotated[
    IPv4Network | IPv6Network, PlainValidator(_network), _written("range of addresses")
]
PortBlock = Annotated[range, PlainValidator(_port_block), _written("two ports, first-last")]
# It stands between quotes in P-Visited-Network-ID and P-Charging-Vector.
NetworkName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9.:_-]+$", max_length=255),
    _written("text of letters, digits and .:_-"),
]
_Target = Annotated[
    Target, PlainValidator(_next_hop), _written("udp:HOST:PORT, tcp:HOST:PORT or sip:NAME")
]
CollectorOrNone = Annotated[
    Collector | None,
    PlainValidator(_collector),
    _written("udp:ADDRESS:PORT or tcp:ADDRESS:PORT, or nothing"),
]
Targets = Annotated[tuple[_Target, ...], AfterValidator(_distinct)]
NextHops = Annotated[tuple[_Target, ...], Field(min_length=1), AfterValidator(_distinct)]
_Uri = Annotated[str, PlainValidator(_sip_uri), _written("SIP URI")]
SipUris = Annotated[tuple[_Uri, ...], AfterValidator(_distinct)]
# As dialled: digits, and what else a keypad has.
_Number = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9*#]+$", max_length=15),
    _written("text of digits, * and #"),
]
StoreUrl = Annotated[
    str, PlainValidator(_store_url), _written("valkey://HOST, valkeys://HOST or unix:///PATH")
]
StorePrefix = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9.:_-]*$", max_length=64),
    _written("text of letters, digits and .:_-"),
]
InstanceName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9.:_-]+$", max_length=64),
    _written("text of letters, digits and .:_-"),
]
DeviceName = Annotated[
    str,
    StringConstraints(pattern=r"^[^\s/:]*$", max_length=15),
    _written("name of a network device"),
]
Numbers = Annotated[frozenset[_Number], Field()]
_NameServer = Annotated[
    Endpoint, PlainValidator(_name_server), _written("numeric address, a port behind it or not")
]
# Where to listen, or nowhere.
Listener = Annotated[
    Endpoint | None, PlainValidator(_listener), _written("ADDRESS:PORT, or nothing")
]
# Bits of a file's mode, as chmod takes them.
FileMode = Annotated[
    str, StringConstraints(pattern=r"^0?[0-7]{3}$"), _written("mode of a file, as chmod takes it")
]
HostName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=255),
    _written("host name"),
]
NameServers = Annotated[tuple[_NameServer, ...], AfterValidator(_distinct)]
_Suite = Annotated[Suite, PlainValidator(_suite), _written("alg/ealg pair")]
Suites = Annotated[tuple[_Suite, ...], Field(min_length=1), AfterValidator(_distinct)]
_Codec = Annotated[Codec, PlainValidator(_codec), _written("name or payload type of a codec")]
Codecs = Annotated[tuple[_Codec, ...], AfterValidator(_distinct)]
