"""What matters in a message beside its start line, in a few words for a ladder."""

from collections.abc import Callable, Iterator
from typing import Final

from pcscf.decode.model import SipMessage
from pcscf.decode.output import glance
from pcscf.errors import ParseError
from pcscf.sip.address import NameAddr
from pcscf.sip.auth import parse_auth
from pcscf.sip.message import Message, Request, Response
from pcscf.sip.security import SecMechanism

_LONGEST: Final = 80  # of a note that quotes a peer
_LONGEST_TITLE: Final = 200


def title(message: SipMessage) -> str:
    """Give the start line in short; a response says what it answers."""
    data = message.data
    start = message.start_line
    if not glance.is_response(data):
        return start.removesuffix(" SIP/2.0")[:_LONGEST_TITLE]
    answer, method = start[8:].lstrip(), glance.method(data)
    return (f"{answer} ({method})" if method else answer)[:_LONGEST_TITLE]


def notes(message: SipMessage) -> list[str]:
    """Give what is worth telling; never what a key is. Raises nothing, whatever came."""
    parsed = message.parsed
    if parsed is None:
        return ["not well-formed"]
    found: list[str] = []
    for teller in _TELLERS:
        try:
            found += teller(parsed)
        except ParseError:
            found.append(f"{teller.__name__.strip('_').replace('_', ' ')} malformed")
    return found


def _security(message: Message) -> Iterator[str]:
    if offers := SecMechanism.parse_many(message.values("security-client")):
        # an offer lists each algorithm once for each of the kinds of SA it is for
        yield f"offers {', '.join(dict.fromkeys(map(_suite, offers)))}"[:_LONGEST]
    if "security-verify" in message:
        yield "Security-Verify"
    if servers := SecMechanism.parse_many(message.values("security-server")):
        best = max(servers, key=lambda one: one.q or 0)
        yield f"chosen {_suite(best)}, port-s {best.port_s}"


def _suite(mechanism: SecMechanism) -> str:
    return f"{mechanism.alg}/{mechanism.ealg}"


def _authentication(message: Message) -> Iterator[str]:
    if isinstance(message, Request):
        credentials = message.credentials if message.method == "REGISTER" else None
        if credentials and (protected := credentials.params.get("integrity-protected")):
            yield f"integrity-protected={protected}"[:_LONGEST]
    elif isinstance(message, Response) and message.status == 401:
        challenges = [parse_auth(value) for value in message.values("www-authenticate")]
        keys = any({"ck", "ik"} <= challenge.params.keys() for challenge in challenges)
        yield "with CK and IK" if keys else "no CK, no IK"


def _expiry(message: Message) -> Iterator[str]:
    if isinstance(message, Request):
        if message.get("expires") == "0":
            yield "Expires: 0"
    elif message.start_line.startswith("SIP/2.0 200") and message.cseq.method == "REGISTER":
        yield _granted(message)


def _granted(message: Message) -> str:
    contacts = NameAddr.parse_many(message.values("contact"))
    expiries = [contact.params.get("expires") for contact in contacts]
    granted = [expiry for expiry in expiries if expiry] or message.values("expires")
    if not contacts:
        return "no contact left"
    return f"registered for {granted[0]} s"[:_LONGEST] if granted else "registered"


def _event(message: Message) -> Iterator[str]:
    for name, shown in (
        ("event", "Event"),
        ("subscription-state", "Subscription-State"),
        ("reason", "Reason"),
        ("warning", "Warning"),
        ("retry-after", "Retry-After"),
    ):
        value = message.get(name)
        if value is not None:
            yield f"{shown}: {value}"[:_LONGEST]


def _body(message: Message) -> Iterator[str]:
    if message.body:
        kind = (message.get("content-type") or "body").partition(";")[0].strip()
        yield f"{kind}, {len(message.body)} octets"[:_LONGEST]


_TELLERS: Final[tuple[Callable[[Message], Iterator[str]], ...]] = (
    _expiry,
    _security,
    _authentication,
    _event,
    _body,
)
