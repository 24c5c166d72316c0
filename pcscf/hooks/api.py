"""What a hook file imports: ``from pcscf.hooks import RequestView, Reject``.

A function gets a view of one message. Header names are in any case, full or compact; values are
unfolded text. What may not be changed raises NotAllowedError, which says why; a function that
lets it pass has failed, and its message goes on as if the function were not there. A view can be
changed until its function returns.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from pcscf.core.hooks import PhoneInfo
from pcscf.errors import NotAllowedError, ParseError
from pcscf.hooks import rules
from pcscf.hooks.draft import Draft
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Request, Response
from pcscf.sip.uri import SipUri, TelUri

_REJECTIONS = range(300, 700)
_REDIRECTIONS = range(300, 400)
_LONGEST = 256
_NUMBER = re.compile(r"\+?[0-9*#]+")
_SEPARATORS = re.compile(r"[-.()]")


@dataclass(frozen=True)
class Reject:
    """What a function returns to answer a request in place of passing it on.

    ``status`` is 300 to 699, but not 401, 407, 421 or 494, which belong to the security agreement.
    Without a ``reason`` the phrase is the usual one. ``headers`` are further ones:
    ``Reject(503, headers={"Retry-After": "30"})``. Contact is for a 3xx only.
    """

    status: int
    reason: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise NotAllowedError at once, where the function's line is known."""
        rules.check_status(self.status, _REJECTIONS)
        rules.check_text(self.reason or "", _LONGEST, "a reason")
        for name, value in self.headers.items():
            folded = rules.folded(name)
            if folded != "contact" or self.status not in _REDIRECTIONS:
                rules.check_name(folded, register=False)
            rules.check_text(value, _LONGEST, folded)


class MessageView:
    """What requests and responses have in common. ``name in view`` says if a header is there."""

    __slots__ = ("_draft",)

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    @property
    def method(self) -> str:
        """The method of the request, or of the one that a response is to."""
        return self._draft.message.cseq.method

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self._draft.message.call_id

    @property
    def phone(self) -> PhoneInfo | None:
        """Which phone the message is from, or for.

        None in the answer to a REGISTER that came in clear, and to an unknown caller.
        """
        return self._draft.case.phone

    @property
    def from_uri(self) -> str:
        """The URI in From: what the caller says of itself."""
        return self._draft.message.from_.uri

    @property
    def to_uri(self) -> str:
        """The URI in To: whom the caller meant."""
        return self._draft.message.to.uri

    def get(self, name: str) -> str | None:
        """Give the value of the first line of that name; None if there is none."""
        return self._draft.message.get(rules.folded(name))

    def get_all(self, name: str) -> list[str]:
        """Give the value of each line of that name, in order."""
        return self._draft.message.values(rules.folded(name))

    def names(self) -> list[str]:
        """Give the names of all headers that are there, in lower case."""
        return sorted(self._draft.message.names())

    def __contains__(self, name: str) -> bool:
        return rules.folded(name) in self._draft.message

    def set(self, name: str, value: str) -> None:
        """Leave one line of that name, with this value; a new one stands below all others."""
        self._draft.set(name, value)

    def add(self, name: str, value: str) -> None:
        """Put a line with this value below the last one of that name."""
        self._draft.add(name, value)

    def remove(self, name: str) -> None:
        """Take out every line of that name; none is no error."""
        self._draft.remove(name)

    @property
    def body(self) -> bytes:
        """The body. Setting it sets Content-Length; Content-Type is yours to set."""
        return self._draft.message.body

    @body.setter
    def body(self, body: bytes) -> None:
        self._draft.set_body(body)


class RequestView(MessageView):
    """A request, as it would leave: our own edits are made, but for our Via."""

    __slots__ = ()

    @property
    def uri(self) -> str:
        """The Request-URI. It can be set in a request outside of dialogs that goes to the core."""
        message = self._draft.message
        return message.uri if isinstance(message, Request) else ""

    @uri.setter
    def uri(self, uri: str) -> None:
        self._draft.set_uri(uri)

    @property
    def caller(self) -> str:
        """The URI of who sent it, as P-Asserted-Identity has it, else as From does."""
        return _first_uri(self.get("P-Asserted-Identity") or "") or self.from_uri

    @property
    def in_dialog(self) -> bool:
        """Whether it belongs to a call or subscription that is there already, as BYE does."""
        return self._draft.case.in_dialog

    def route_to(self, *uris: str) -> None:
        """Send the request to these and no others, in place of where its Route leads.

        ``sip:203.0.113.9:5060``, ``sip:gw.example.net;transport=tcp``; names are looked up
        (RFC 3263). The next one is asked when one is silent or answers 503. Route is removed.
        For a request outside of dialogs that goes to the core.
        """
        self._draft.route_to(uris)

    def route_through(self, uri: str) -> None:
        """Send the request by way of this host, which sends it on as Route had it before."""
        self._draft.route_through(uri)


class ResponseView(MessageView):
    """A response, as it would leave. ``method`` is that of its request."""

    __slots__ = ()

    @property
    def status(self) -> int:
        """The status, 101 to 699."""
        message = self._draft.message
        return message.status if isinstance(message, Response) else 0

    @property
    def reason(self) -> str:
        """The reason phrase."""
        message = self._draft.message
        return message.reason if isinstance(message, Response) else ""

    @property
    def towards_phone(self) -> bool:
        """Whether it goes to a phone; else to the core."""
        return self._draft.case.towards_phone

    def replace_status(self, status: int, reason: str = "") -> None:
        """Give a failure (400 to 699) another status of that range; not to a REGISTER."""
        self._draft.set_status(status, reason)


def number_of(uri: str) -> str:
    """Give the telephone number of a tel or SIP URI without separators: "+491701234567".

    "" if there is none: the user of ``sip:alice@example.net`` is a name.
    """
    try:
        number = TelUri.parse(uri).number if uri[:4].lower() == "tel:" else SipUri.parse(uri).user
    except ParseError:
        return ""
    bare = _SEPARATORS.sub("", unquote((number or "").partition(";")[0]))
    return bare if _NUMBER.fullmatch(bare) else ""


def _first_uri(value: str) -> str:
    try:
        return NameAddr.parse_many(value)[0].uri
    except (ParseError, IndexError):
        return ""


__all__ = [
    "MessageView",
    "NotAllowedError",
    "PhoneInfo",
    "Reject",
    "RequestView",
    "ResponseView",
    "number_of",
]
