"""What an operator's functions are asked, and what they may say; ``pcscf.hooks`` calls them.

The core knows five points and nothing of who answers. What an answer may change is checked
by who gives it (``pcscf.hooks``), and where a request may go by ``gate``.
"""

from enum import StrEnum
from typing import NamedTuple, Protocol

from pcscf.core.policy import Target
from pcscf.core.state import Registration
from pcscf.errors import ParseError
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Request, Response


class Point(StrEnum):
    """Where functions are asked, by the names that they have."""

    REGISTRATION = "on_registration"  # a phone's REGISTER, as it would go to the core
    CORE = "before_core"  # a phone's other requests, as they would go to the core
    PHONE = "before_phone"  # the core's requests, as they would go to a phone
    EMERGENCY = "on_emergency"  # a phone's emergency request, in place of CORE
    RESPONSE = "on_response"  # a response on its way through, as it would leave


class PhoneInfo(NamedTuple):
    """Which phone a message is from, or for.

    ``impi`` is empty for a caller who is not registered; in a REGISTER it is what the phone
    claims, and ``associated`` what was registered before. ``protected``: it has SAs.
    ``emergency``: it is registered for emergency calls.
    """

    impi: str
    address: str
    associated: tuple[str, ...]  # elements of P-Associated-URI
    protected: bool
    emergency: bool

    @property
    def identities(self) -> tuple[str, ...]:
        """The URIs of its registered public identities, the default one first."""
        return tuple(uri for uri in map(_uri, self.associated) if uri)


def _uri(element: str) -> str:
    try:
        return NameAddr.parse(element).uri
    except ParseError:
        return ""


def phone_info(registration: Registration) -> PhoneInfo:
    """Describe a registered phone, or a caller who is a guest."""
    return PhoneInfo(
        "" if registration.is_guest else registration.impi,
        registration.phone.host,
        registration.identities,
        registration.current is not None,
        registration.phone.emergency,
    )


class Case(NamedTuple):
    """One message at one point. ``ticket`` names it until it is answered.

    The message is the core's own: whoever changes it changes a copy. It has no CK and no IK.
    ``towards_phone`` says which way it goes.
    """

    ticket: int
    point: Point
    message: Request | Response
    phone: PhoneInfo | None
    in_dialog: bool
    towards_phone: bool


class Refusal(NamedTuple):
    """An answer in place of the request's way; ``headers`` by folded name."""

    status: int
    reason: str | None
    headers: tuple[tuple[str, str], ...] = ()


class Verdict(NamedTuple):
    """What became of a case: a message to go on with, or a refusal.

    ``targets`` are where the request goes in place of where it would; empty: there. ``function``
    is who refused, or chose them.
    """

    message: Request | Response
    refusal: Refusal | None = None
    targets: tuple[Target, ...] = ()
    function: str = ""


class Hooks(Protocol):
    """Who answers for an operator's functions. It raises nothing."""

    def ask(self, case: Case) -> Verdict | None:
        """Answer at once, or give None: then one ``HooksAnswered`` follows in any case."""
