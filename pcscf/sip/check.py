"""Whether a proxy may go on with a message (RFC 3261 16.3 points 1 to 3, 16.7, 18.1.2).

A proxy refuses what it has to understand and cannot. Unknown methods, headers, parameters
and bodies are not among that.
"""

import re
from typing import Final

from pcscf.errors import ParseError, SipError
from pcscf.sip.elements import split_first
from pcscf.sip.grammar import number
from pcscf.sip.message import SIP_VERSION, Message, Request, Response
from pcscf.sip.names import printed
from pcscf.sip.uri import SipUri, TelUri, canonical_host, scheme_of
from pcscf.sip.via import Via

# Methods of the IANA registry. For one of these a wrong CSeq method is the sender's
# error; for any other one it may be a future rule (RFC 4475 3.1.2.18).
KNOWN_METHODS: Final = frozenset(
    {"ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK"}
    | {"PUBLISH", "REFER", "REGISTER", "SUBSCRIBE", "UPDATE"}
)
_SIP_SCHEMES: Final = frozenset({"sip", "sips"})
# urn: urn:service:sos (RFC 5031)
_OTHER_SCHEMES: Final = frozenset({"tel", "urn"})
# RFC 3261 20: at most one line, one value
_SINGLE: Final = ("from", "to", "call-id", "cseq", "max-forwards")
_MAGIC_COOKIE: Final = "z9hG4bK"  # RFC 3261 8.1.1.7
_MULTICAST: Final = frozenset(str(octet) for octet in range(224, 240))  # RFC 5771
_PERHAPS_A_GROUP: Final = re.compile(r"2(?:2[4-9]|3[0-9]|55)\.|[fF][fF][0-9A-Fa-f]{2}:")
_MAX_HOPS: Final = 255  # RFC 3261 20.22


def check_request(request: Request) -> None:
    """Raise SipError with the status to refuse the request with; return if it may go on.

    400 malformed, 416 unknown scheme in the Request-URI, 483 Max-Forwards used up, 501
    method unknown and not that of CSeq, 505 another SIP version. An ACK is never
    answered: the caller drops it.
    """
    if request.version != SIP_VERSION:
        raise SipError(505, "Version Not Supported")
    _check_required(request)
    _check_cseq_method(request)
    check_uri(request.uri)
    _check_max_forwards(request)
    branch = request.via.branch
    if branch is not None and branch.lower() == _MAGIC_COOKIE.lower():  # RFC 4475 3.2.1
        raise ParseError(400, "Empty Branch")
    if request.method == "REGISTER":
        _ = request.contacts  # we read them; malformed ones raise


def check_uri(uri: str) -> None:
    """Raise SipError if a text is no Request-URI that we pass on: 400, or 416 for its scheme."""
    scheme = uri.partition(":")[0].lower()
    if scheme in _SIP_SCHEMES:
        if SipUri.parse(uri).headers:
            raise ParseError(400, "Headers In Request-URI")  # RFC 3261 19.1.1
    elif scheme_of(uri) not in _OTHER_SCHEMES:
        raise SipError(416, "Unsupported URI Scheme")
    elif scheme == "tel":
        TelUri.parse(uri)


def check_response(response: Response) -> None:
    """Raise SipError if the response has to be dropped (RFC 3261 16.7, RFC 4475 3.3.10)."""
    _check_required(response)
    for host in _hosts_below(response):
        if _is_group_address(host):
            raise ParseError(400, "Via Names A Group")


def _check_required(message: Message) -> None:
    for name in _SINGLE:
        if message.count(name) > 1:
            raise ParseError(400, f"Repeated {printed(name)}")
    _ = message.via, message.from_, message.to, message.call_id, message.cseq  # these raise


def _check_cseq_method(request: Request) -> None:
    if request.cseq.method != request.method:
        if request.method not in KNOWN_METHODS:
            raise SipError(501, "Not Implemented")
        raise ParseError(400, "CSeq Method Mismatch")


def _check_max_forwards(request: Request) -> None:
    # RFC 3261 16.3 point 3: absent is fine
    value = request.get("max-forwards")
    if value is not None and number(value, _MAX_HOPS, "Max-Forwards") == 0:
        raise SipError(483, "Too Many Hops")


def _hosts_below(response: Response) -> list[str]:
    """Give sent-by, received and maddr of the Via below ours: where it could be sent on to."""
    if not any(map(_is_odd, response.values("via"))):
        return []
    below = response.elements("via")[1:2]
    vias = [Via.parse(split_first(value)[0]) for value in below]
    return [
        host for via in vias for host in (via.host, via.received, via.params.get("maddr")) if host
    ]


def _is_odd(via: str) -> bool:
    return not via.startswith("SIP/2.0/") or _PERHAPS_A_GROUP.search(via) is not None


def _is_group_address(host: str) -> bool:
    """Say whether a numeric host is a broadcast or multicast address."""
    host = canonical_host(host)
    if ":" in host:
        return host.startswith("ff")
    first, dot, _ = host.partition(".")
    if not (dot and host.replace(".", "").isdecimal()):
        return False
    return host == "255.255.255.255" or first in _MULTICAST
