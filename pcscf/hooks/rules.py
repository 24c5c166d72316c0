"""What an operator's function may not change, and why. The reason is part of the error."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from pcscf.errors import NotAllowedError, ParseError
from pcscf.sip.names import fold, printed

_WAY = "messages find their way by it; see route_to and route_through"
_TRANSACTION = "it tells to which transaction or dialog a message belongs"
_ACCESS = "it says who a phone is, or how it is protected"
_REGISTER = "the registration depends on it"

_OF_WAY = ("via", "route", "record-route", "path", "service-route", "max-forwards")
_OF_TRANSACTION = ("call-id", "cseq", "rack", "rseq", "event", "subscription-state")
_OF_ACCESS = (
    "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate",
    "authentication-info", "proxy-authentication-info",
)  # fmt: skip
_PROTECTED: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(_OF_WAY, _WAY)
    | dict.fromkeys(_OF_TRANSACTION, _TRANSACTION)
    | dict.fromkeys(_OF_ACCESS, _ACCESS)
    | {
        "from": "it names the dialog; P-Asserted-Identity says who calls",
        "to": "it names the dialog; the Request-URI says who is called",
        "contact": "the phone and the core reach each other by it",
        "content-length": "it follows from the body",
    }
)
_IN_REGISTER: Final = ("require", "proxy-require", "supported", "expires")
_AGREEMENT: Final = "security-"  # Security-Client, -Server and -Verify (RFC 3329)

# What only the security agreement and authentication say (RFC 3261 22, RFC 3329).
_NOT_FOR_REJECT: Final = frozenset({401, 407, 421, 494})


def folded(name: str) -> str:
    """Give the lower-case full name; raises NotAllowedError for what is no header name."""
    try:
        return fold(name)
    except (ParseError, TypeError, AttributeError):
        raise NotAllowedError(f"{str(name)[:40]!r} is not the name of a header") from None


def check_name(name: str, *, register: bool) -> None:
    """Raise NotAllowedError for a header that is not a function's to change; ``name`` is folded."""
    reason = _PROTECTED.get(name)
    if reason is None and name.startswith(_AGREEMENT):
        reason = _ACCESS
    if reason is None and register and name in _IN_REGISTER:
        reason = _REGISTER
    if reason is not None:
        raise NotAllowedError(f"{printed(name)} cannot be changed: {reason}")


def check_text(text: str, longest: int, what: str) -> None:
    """Raise NotAllowedError for what would be more than one line, or too long a line."""
    if not isinstance(text, str):
        raise NotAllowedError(f"{what} is a str, not {type(text).__name__}")
    if len(text) > longest:
        raise NotAllowedError(f"{what} has {len(text)} characters; {longest} are allowed")
    if not _is_clean(text):
        raise NotAllowedError(f"{what} has line ends or other control characters")


def _is_clean(text: str) -> bool:
    """Whether a text is one line that can be sent: of surrogates, only octets that came as such."""
    try:
        octets = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return all(octet == 0x09 or 0x20 <= octet != 0x7F for octet in octets)


def check_status(status: int, allowed: Iterable[int]) -> None:
    """Raise NotAllowedError for a status that is not a function's to give."""
    if status not in allowed:
        raise NotAllowedError(f"{status} is not a status that can be given here")
    if status in _NOT_FOR_REJECT:
        raise NotAllowedError(f"{status} belongs to the security agreement")
