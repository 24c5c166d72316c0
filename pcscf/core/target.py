"""Where a request is to go, before anything is looked up (RFC 3263 4)."""

import re
from ipaddress import ip_address

from pcscf.core.flow import Endpoint, Transport
from pcscf.core.policy import NextHop, Target
from pcscf.sip.uri import SipUri, canonical_host

SIP_PORT = 5060
# 253 characters (RFC 1035 2.3.4), of which "_sip._udp." is needed for SRV.
_MAX_NAME = 243
# The last label is not all digits: "192.0.2.300" is a slip of the pen, no name.
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*(?![0-9]+$)[a-z0-9_-]{1,63}")
_TRANSPORTS = {"": None, "udp": Transport.UDP, "tcp": Transport.TCP}


def target_of_uri(uri: SipUri) -> Target | None:
    """Read where a URI leads. None if we cannot go there: TLS, SCTP, a bad host or port."""
    host = canonical_host(uri.params.get("maddr") or uri.host)
    transport = (uri.params.get("transport") or "").lower()
    if uri.scheme != "sip" or transport not in _TRANSPORTS or uri.port == 0:
        return None
    if not (is_numeric(host) or is_name(host)):
        return None
    return Target(host, uri.port, _TRANSPORTS[transport])


def target_of_hop(hop: NextHop) -> Target:
    """Give the target that is this hop and no other."""
    return Target(hop.endpoint.host, hop.endpoint.port, hop.transport)


def numeric_hop(target: Target) -> NextHop | None:
    """Give the next hop if the host is numeric: nothing is looked up (RFC 3263 4.1, 4.2)."""
    if not is_numeric(target.host):
        return None
    endpoint = Endpoint(target.host, target.port or SIP_PORT)
    return NextHop(target.transport or Transport.UDP, endpoint)


def is_numeric(host: str) -> bool:
    """Say whether a host is an address, without brackets."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host  # a scope means nothing beyond this machine


def is_name(host: str) -> bool:
    """Say whether a host is a name that can be looked up, SRV included; in lower case."""
    return len(host) <= _MAX_NAME and _NAME.fullmatch(host) is not None
