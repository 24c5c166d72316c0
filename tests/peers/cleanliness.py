"""What a P-CSCF must never let a phone see, checked on everything that came.

Each rule yields one readable line for each message that breaks it.
"""

from collections.abc import Iterator

from tests.peers.agreement import Agreement
from tests.peers.dialog import tag_of
from tests.peers.handset import Handset
from tests.peers.offers import Mechanism, read
from tests.peers.peer import Received
from tests.peers.text import Address, Message, auth_parameters, host_port, sent_by, split, uri_of

AUTH_HEADERS = (
    "www-authenticate",
    "proxy-authenticate",
    "authorization",
    "proxy-authorization",
    "authentication-info",
)
# Between the P-CSCF and its core only (RFC 7315 sections 5.5 and 5.6).
CORE_HEADERS = ("p-charging-vector", "p-charging-function-addresses")
# They are of one hop, and of requests from the phone (RFC 3329 section 2.3.1).
SECURITY_HEADERS = ("security-client", "security-verify", "security-server")
OPENING = {"INVITE", "SUBSCRIBE"}
RESERVED_SPIS = 256  # RFC 4303 section 2.1
CLEAR_PORTS = {5060, 5061}


def violations(phone: Handset) -> list[str]:
    """Every rule that was broken, in the order of the messages."""
    found = [f"no SIP message: {data[:80]!r} on {origin}" for data, origin in phone.unreadable]
    for received in phone.received:
        rules = (
            keys_in(phone, received),
            _headers(received),
            _socket(phone, received),
            _requests(phone, received),
            _record_route(phone, received),
        )
        found += [f"{received.message.start}: {line}" for rule in rules for line in rule]
    for agreement in phone.agreements:
        found += [f"Security-Server: {line}" for line in _server_list(agreement)]
    return found


def keys_in(phone: Handset, received: Received) -> Iterator[str]:
    """CK and IK neither as parameters nor as octets, whatever the spelling."""
    for name in AUTH_HEADERS:
        for value in received.message.values(name):
            for key in {"ck", "ik"} & auth_parameters(value).keys():
                yield f"parameter {key} in {name}"
    text = received.data.lower()
    for run in phone.aka_runs:
        for name, octets in (("CK", run.ck), ("IK", run.ik)):
            if octets in received.data or octets.hex().encode() in text:
                yield f"the octets of {name}"


def _headers(received: Received) -> Iterator[str]:
    message = received.message
    for name in CORE_HEADERS:
        if name in message:
            yield f"header {name}"
    if not message.is_request and len(message.elements("via")) != 1:
        yield "a response with more than the phone's own Via"
    allowed = {401, 421, 494}  # RFC 3329 section 2.3.1; the 401 by TS 33.203 section 7.2
    if "security-server" in message and message.status not in allowed:
        yield "Security-Server outside a 401, 421 or 494"


def _socket(phone: Handset, received: Received) -> Iterator[str]:
    """TS 33.203 section 7.1: which socket a message may come to, and from where."""
    origin = received.origin
    sent = received.sent
    if not received.message.is_request and sent is None:
        yield "answers nothing that the phone has sent"
    elif origin.role == "clear" and (sent is None or sent.role != "clear"):
        yield "came in clear"
    elif origin.role != "clear" and sent is not None and sent.role == "clear":
        yield "an answer under SAs to a request in clear"
    elif origin.role != "clear" and not _is_agreed(phone, received):
        yield f"{origin.transport} {origin.remote} -> {origin.local} is none of the agreed pairs"


def _requests(phone: Handset, received: Received) -> Iterator[str]:
    """No agreement of others; answers are to come back to ps (TS 24.229 5.2.6.4)."""
    message = received.message
    if not message.is_request:
        return
    for name in SECURITY_HEADERS:
        if name in message:
            yield f"header {name} in a request"
    for name in ("require", "proxy-require"):
        if "sec-agree" in message.elements(name):
            yield f"{name}: sec-agree in a request"
    via = sent_by(message.elements("via")[0])[1]
    if received.origin.role != "clear" and via not in _ps(phone, received):
        yield f"the topmost Via names {via}, not ps"


def _record_route(phone: Handset, received: Received) -> Iterator[str]:
    """The entry next to the phone is the P-CSCF at ps: the first of a request, a response's last.

    Where a dialog opens there has to be one (TS 24.229 5.2.6.3 and 5.2.6.4).
    """
    message = received.message
    routes = message.elements("record-route")
    if received.origin.role == "clear":
        return
    if not routes:
        if _opens_a_dialog(received):
            yield "no Record-Route where a dialog opens"
        return
    nearest = host_port(uri_of(routes[0] if message.is_request else routes[-1]))
    if nearest not in _ps(phone, received):
        yield f"Record-Route has {nearest} next to the phone, not ps"


def _opens_a_dialog(received: Received) -> bool:
    message: Message = received.message
    if message.is_request:
        return message.method in OPENING and not tag_of(message.header("to"))
    asked = received.sent.message if received.sent else None
    if asked is None or not 200 <= message.status < 300:
        return False
    return asked.method in OPENING and not tag_of(asked.header("to"))


def _ps(phone: Handset, received: Received) -> set[Address]:
    """The P-CSCF's protected server ports of the agreements that a message may belong to."""
    host = received.origin.remote.host
    return {Address(host, one.peer.port_s) for one in phone.agreements}


def _is_agreed(phone: Handset, received: Received) -> bool:
    """Datagrams come pc -> us only; connections may also be the phone's own, uc -> ps."""
    origin = received.origin
    pair = (origin.local.port, origin.remote.port)
    allowed = {(one.own.port_s, one.peer.port_c) for one in phone.agreements}
    if origin.transport == "TCP":
        allowed |= {(one.own.port_c, one.peer.port_s) for one in phone.agreements}
    return pair in allowed


def _server_list(agreement: Agreement) -> Iterator[str]:
    """TS 33.203 section 7.2 and Annex H, RFC 3329 section 2.2."""
    entries = [entry for value in agreement.server for entry in split(value)]
    mechanisms = read(agreement.server)
    if len(mechanisms) != len(entries):
        yield f"an entry that is not ipsec-3gpp: {entries}"
    weights = [one.q for one in mechanisms]
    if len(set(weights)) != len(weights):
        yield f"q values that are not all different: {weights}"
    if len(weights) > 1 and not all(0 <= q <= 1 for q in weights):
        yield f"an entry without q between 0 and 1: {weights}"
    if len({one.numbers for one in mechanisms}) != 1:
        yield "entries with different SPIs or ports"
    yield from _numbers(agreement)
    yield from _choice(agreement, mechanisms)


def _numbers(agreement: Agreement) -> Iterator[str]:
    peer = agreement.peer
    if CLEAR_PORTS & {peer.port_c, peer.port_s}:
        yield f"an unprotected port: {peer}"
    for spi in peer[:2]:
        if not RESERVED_SPIS <= spi < 1 << 32:
            yield f"SPI {spi} is reserved or too large"
    if peer.spi_c == peer.spi_s or {*peer[:2]} & {*agreement.own[:2]}:
        yield f"SPIs not all different: {peer} and {agreement.own}"


def _choice(agreement: Agreement, mechanisms: list[Mechanism]) -> Iterator[str]:
    """The P-CSCF's choice, which has the highest q, is something that the phone offered."""
    highest = max(mechanisms, key=lambda one: one.q)
    if highest.kind not in {one.kind for one in read(agreement.client)}:
        yield f"the entry of the highest q was not offered: {highest.kind}"
