"""Where in the core a request goes: by its Route, by a dialog's target, or by the settings."""

from functools import lru_cache

from pcscf.core.policy import Target
from pcscf.core.target import SIP_PORT, target_of_uri
from pcscf.errors import ParseError
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Request
from pcscf.sip.uri import SipUri

Targets = tuple[Target, ...]


def targets_of(entry_points: Targets, request: Request, remote: str) -> Targets:
    """Give the targets in order: the top Route's, else the remote Contact's, else the settings'.

    ``remote`` is "" where a request does not go by it. Where the settings name the one that
    is found, their others stand behind it.
    """
    route = request.get("route")
    target = _of_route(route) if route is not None else _of_uri(remote)
    if target is None:
        return entry_points
    known = next((one for one in entry_points if _is_same(target, one)), None)
    if known is None:
        return (target,)
    return (known, *(other for other in entry_points if other is not known))


def _is_same(target: Target, entry: Target) -> bool:
    """Whether a target is one of the settings', which may say more of it."""
    return (
        target.host == entry.host
        and (target.port or SIP_PORT) == (entry.port or SIP_PORT)
        and target.transport in (None, entry.transport)
    )


@lru_cache(1024)
def _of_route(value: str) -> Target | None:
    """Read where the first element of a Route leads."""
    return _of_uri(NameAddr.parse_many(value)[0].uri)


@lru_cache(1024)
def _of_uri(uri: str) -> Target | None:
    try:
        return target_of_uri(SipUri.parse(uri))
    except ParseError:
        return None


def send_strictly(request: Request) -> None:
    """Write a request for a strict router, if the next one is such (RFC 3261 16.6 step 6)."""
    route = request.get("route")
    if route is None or _is_loose(route):
        return
    uri = NameAddr.parse_many(route)[0].uri
    request.append("route", f"<{request.uri}>")
    request.pop_element("route")
    request.uri = uri


@lru_cache(1024)
def _is_loose(value: str) -> bool:
    return "lr" in NameAddr.parse_many(value)[0].sip_uri.params


def undo_strict(request: Request) -> None:
    """Read what a strict router sent (RFC 3261 16.4): our URI as Request-URI, the real one last."""
    routes = request.elements("route")
    request.remove("route")
    for element in routes[:-1]:
        request.append("route", element)
    request.uri = NameAddr.parse(routes[-1]).uri
