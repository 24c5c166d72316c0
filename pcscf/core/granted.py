"""What the core granted: contacts and for how long (RFC 3261 10.2.4, 10.3)."""

from dataclasses import dataclass
from functools import lru_cache

from pcscf.errors import ParseError
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Message, Request, Response
from pcscf.sip.remembered import remembered
from pcscf.sip.uri import SipUri, canonical_uri

_DEFAULT = 3600  # RFC 3261 10.2.1.1, where nobody says anything
_LONGEST = 2**31


@dataclass(frozen=True, slots=True)
class Grant:
    """One contact of the REGISTER and the seconds it was granted; 0 means it was removed."""

    contact: str
    seconds: int


ContactKey = tuple[str, int | None]


def contact_key(uri: str) -> ContactKey:
    """Compare contacts by: user, host and port. A URI that cannot be read is compared as text."""
    try:
        sip = SipUri.parse(uri)
    except ParseError:
        return (uri, None)
    return (sip.aor(), sip.port)


@remembered
def identity_key(text: str) -> str:
    """Compare public identities by: the AOR or number of a name-addr; as text if unreadable."""
    try:
        return canonical_uri(NameAddr.parse(text).uri)
    except ParseError:
        return text


def service_route(response: Response) -> tuple[str, ...]:
    """Give the elements of Service-Route (RFC 3608), one object for all phones that share them."""
    return _shared(tuple(response.elements("service-route")))


@lru_cache(1024)
def _shared(route: tuple[str, ...]) -> tuple[str, ...]:
    return route


def removes_all(request: Request) -> bool:
    """Whether the REGISTER removes every contact (Contact: *)."""
    return any(contact.uri == "*" for contact in request.contacts)


def grants(request: Request, response: Response) -> list[Grant]:
    """Pair each contact of a REGISTER with what its 200 granted."""
    listed = {contact_key(c.uri): c for c in response.contacts}
    return [
        Grant(
            contact.uri, _seconds(contact, listed.get(contact_key(contact.uri)), request, response)
        )
        for contact in request.contacts
        if contact.uri != "*"
    ]


def _seconds(asked: NameAddr, given: NameAddr | None, request: Request, response: Response) -> int:
    """The core's word first: its Contact, its Expires; then what the phone asked for."""
    wanted = _first(_expires_of(asked), _expires_header(request), _DEFAULT)
    if wanted == 0:
        return 0
    return _first(_expires_of(given) if given else None, _expires_header(response), wanted)


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def _expires_of(contact: NameAddr) -> int | None:
    return _number(contact.params.get("expires"))


def _expires_header(message: Message) -> int | None:
    return _number(message.get("expires"))


def _number(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdecimal():
        return None
    return min(int(text[:12]), _LONGEST)
