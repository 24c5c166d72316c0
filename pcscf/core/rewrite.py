"""The edits a P-CSCF makes to messages (TS 24.229 5.2, RFC 3327, RFC 7315)."""

import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

from pcscf.core.context import Context
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.errors import ParseError, SipError
from pcscf.sip.auth import add_param, take_params
from pcscf.sip.ims import PChargingVector
from pcscf.sip.lines import value_of
from pcscf.sip.message import Message, Request, Response
from xfrm.model import AkaKeys

SECURITY_HEADERS = ("security-client", "security-server", "security-verify")
CHARGING_HEADERS = ("p-charging-vector", "p-charging-function-addresses")
_CHALLENGES = ("www-authenticate", "proxy-authenticate")
_KEY_NAME = re.compile("[ci]k", re.IGNORECASE)
_PROTECTED = "integrity-protected"
_MAX_FORWARDS = 70  # RFC 3261 16.6 step 3


def strip_keys(message: Message) -> AkaKeys | None:
    """Take ck and ik out of every challenge; give the first whole pair.

    A challenge that cannot be read, and may hold keys, goes altogether.
    """
    found: AkaKeys | None = None
    for name in reversed(_CHALLENGES):
        if name not in message:
            continue
        for index in range(len(message.values(name)) - 1, -1, -1):
            text = message.values(name)[index]
            if not _KEY_NAME.search(text):
                continue
            try:
                value, taken = take_params(text, ("ck", "ik"))
            except ParseError:
                _remove_line(message, name, index)
                continue
            if taken:
                message.replace(name, index, value)
                found = _keys(taken) or found
    return found


def _keys(taken: dict[str, str]) -> AkaKeys | None:
    try:
        return AkaKeys(ck=bytes.fromhex(taken["ck"]), ik=bytes.fromhex(taken["ik"]))
    except (KeyError, ValueError):
        return None


def _remove_line(message: Message, name: str, index: int) -> None:
    rest = [value for n, value in enumerate(message.values(name)) if n != index]
    message.remove(name)
    for value in rest:
        message.append(name, value)


def drop(message: Message, *names: str) -> None:
    """Remove header fields, whichever of them are there."""
    for name in names:
        if name in message:
            message.remove(name)


def drop_security_agreement(request: Request) -> None:
    """End the security agreement's hop: its headers and its option tag (RFC 3329 2.3.1)."""
    drop(request, *SECURITY_HEADERS)
    for name in ("require", "proxy-require"):
        _drop_elements(request, name, lambda element: element.lower() == "sec-agree")


def _drop_elements(message: Message, name: str, unwanted: Callable[[str], bool]) -> None:
    if name not in message:
        return
    elements = message.elements(name)
    kept = [element for element in elements if not unwanted(element)]
    if len(kept) == len(elements):
        return
    if kept:
        message.set(name, ", ".join(kept))
    else:
        message.remove(name)


def drop_network_provided(message: Message) -> None:
    """Access network information that only the network may state (TS 24.229 5.2)."""
    _drop_elements(
        message, "p-access-network-info", lambda element: "network-provided" in element.lower()
    )


def drop_early_media_claims(request: Request) -> None:
    """A phone may say that it knows P-Early-Media, and no more (RFC 5009)."""
    _drop_elements(request, "p-early-media", lambda element: element.lower() != "supported")


def set_integrity_protected(request: Request, value: str) -> None:
    """State how the REGISTER was protected, whatever the phone stated (TS 33.203 6.1.5)."""
    credentials, text = request.credentials, request.get("authorization")
    if credentials is None or text is None:
        return
    if _PROTECTED in text.lower():
        text, _ = take_params(text, (_PROTECTED,))
    if credentials.is_digest:
        text = add_param(text, f'{_PROTECTED}="{value}"')
    request.set("authorization", text)


def hop(request: Request) -> None:
    """Count the hop (RFC 3261 16.6 step 3). Raises SipError 483 at the last one."""
    text = request.get("max-forwards")
    left = int(text) if text is not None and text.isdecimal() else _MAX_FORWARDS + 1
    if left <= 0:
        raise SipError(483, "Too Many Hops")
    request.set("max-forwards", str(min(left, 256) - 1))


def note_source(request: Request, flow: Flow) -> None:
    """Add ``received`` and fill ``rport`` in the peer's Via (RFC 3261 18.2.1, RFC 3581 4).

    On protected ports answers follow the SAs, so rport is left as it came.
    """
    via = request.via
    params = via.params
    if not same_host(via.host, flow.remote.host):
        params = params.with_("received", flow.remote.host)
    if via.rport is not None and flow.side is not Side.PROTECTED:
        params = params.with_("received", flow.remote.host).with_("rport", str(flow.remote.port))
    if params != via.params:
        request.pop_element("via")
        request.prepend("via", str(via._replace(params=params)))


def restore_vias(response: Response, lines: list[str]) -> None:
    """Answer with the lines of Via that came (RFC 3261 8.2.6.2), whatever became of them."""
    if response.lines("via") == lines:
        return
    response.remove("via")
    for line in reversed(lines):
        response.prepend("via", value_of(line))


def same_host(text: str, numeric: str) -> bool:
    """Whether a host as SIP writes it is this numeric address; IPv6 compared as binary."""
    if text == numeric:
        return True
    try:
        return ip_address(text.strip("[]")) == ip_address(numeric)
    except ValueError:
        return False


def is_name(host: str) -> bool:
    """Whether a Via host is a name, not an address."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return True
    return False


def host_text(endpoint: Endpoint) -> str:
    """Print an address as SIP does, without its port."""
    return f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host


def via_value(transport: Transport, sent_by: Endpoint, branch: str) -> str:
    """Print our own Via."""
    return f"SIP/2.0/{transport} {sent_by};branch={branch}"


def path_uri(token: str, endpoint: Endpoint) -> str:
    """Print our URI in Path (RFC 3327): the token names the registration."""
    return f"<sip:{token}@{endpoint};lr>"


def charging_vector(context: Context) -> str:
    """Start charging correlation (RFC 7315 4.6); what the phone sent does not count."""
    own = host_text(context.own)
    return f'icid-value="{context.ids.icid()}";icid-generated-at={own};orig-ioi="{_ioi(context)}"'


def answered_charging(context: Context, vector: str) -> str:
    """Give the vector of an answer: the request's, with our network as the terminating one.

    One that cannot be read goes back as it came.
    """
    try:
        asked = PChargingVector.parse(vector)
    except ParseError:
        return vector
    return str(replace(asked, term_ioi=_ioi(context)))


def _ioi(context: Context) -> str:
    return context.policy.orig_ioi or context.policy.visited_network


def register_upward(context: Context, request: Request, *, token: str, protected: str) -> None:
    """Make the phone's REGISTER what the core is to see (TS 24.229 5.2.2)."""
    hop(request)
    drop_security_agreement(request)
    drop_network_provided(request)
    # A phone has no say in where its REGISTER goes, or in who it is but by the challenge;
    # nor in which way requests come to it, unless a proxy before us has (RFC 3327 5.3).
    drop(request, "route", "p-asserted-identity", "p-preferred-identity")
    if len(request.elements("via")) == 1:
        drop(request, "path")
    set_integrity_protected(request, protected)
    request.prepend("path", path_uri(token, context.own))
    request.append("require", "path")
    request.set("p-visited-network-id", f'"{context.policy.visited_network}"')
    drop(request, *CHARGING_HEADERS)
    request.append("p-charging-vector", charging_vector(context))


def response_downward(response: Response) -> None:
    """Keep from the phone what is the network's own. Keys go first, whatever the status."""
    strip_keys(response)
    drop(response, *CHARGING_HEADERS, *SECURITY_HEADERS, "p-access-network-info")
