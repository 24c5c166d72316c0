"""Where in the core a request goes: by its Route, by a dialog's target, or by the settings."""

from collections.abc import Sequence

from pcscf.core import rewrite
from pcscf.core.context import Context
from pcscf.core.flow import Endpoint, Transport
from pcscf.core.policy import NextHop
from pcscf.errors import ParseError
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Request
from pcscf.sip.uri import SipUri

_SIP_PORT = 5060


def hops_of(context: Context, request: Request, target: str) -> Sequence[NextHop]:
    """Give the next hops in order: the top Route's, else the target's, else the settings'.

    Where the settings name the one that a Route names, their others stand behind it.
    """
    routes = request.elements("route")
    uri = NameAddr.parse(routes[0]).uri if routes else target
    hop = hop_of(uri)
    configured = context.policy.next_hops
    if hop is None:
        return configured
    return (hop, *(one for one in configured if one != hop)) if hop in configured else (hop,)


def hop_of(uri: str) -> NextHop | None:
    """Give the next hop that a URI names by address; None if it names none so."""
    try:
        sip = SipUri.parse(uri)
    except ParseError:
        return None
    if rewrite.is_name(sip.host):
        return None
    tcp = (sip.params.get("transport") or "").lower() == "tcp"
    endpoint = Endpoint(sip.host.strip("[]"), sip.port or _SIP_PORT)
    return NextHop(Transport.TCP if tcp else Transport.UDP, endpoint)


def send_strictly(request: Request) -> None:
    """Write a request for a strict router, if the next one is such (RFC 3261 16.6 step 6)."""
    routes = request.elements("route")
    if not routes:
        return
    uri = NameAddr.parse(routes[0]).sip_uri
    if "lr" in uri.params:
        return
    request.append("route", f"<{request.uri}>")
    request.pop_element("route")
    request.uri = str(uri)


def undo_strict(request: Request) -> None:
    """Read what a strict router sent (RFC 3261 16.4): our URI as Request-URI, the real one last."""
    routes = request.elements("route")
    request.remove("route")
    for element in routes[:-1]:
        request.append("route", element)
    request.uri = NameAddr.parse(routes[-1]).uri
