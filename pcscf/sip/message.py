"""A SIP message: its header lines as they came, found once.

The head is decoded once and split once; a dictionary leads from folded names to lines.
Values are parsed when asked for. An edit replaces, inserts or removes one line, and
``to_bytes`` joins the lines again: what was not edited leaves byte for byte as it came,
with its order, folding, case, blanks and compact names (RFC 3261 16.6, 7.3.1).
"""

# ruff: noqa: SLF001 - a Message fills in its own copy

from collections.abc import Iterable
from typing import Any, TypeVar

from pcscf.errors import ParseError
from pcscf.sip.address import NameAddr
from pcscf.sip.auth import AuthValue, parse_auth
from pcscf.sip.cseq import CSeq
from pcscf.sip.elements import split_elements, split_first
from pcscf.sip.grammar import is_token, number
from pcscf.sip.limits import DEFAULT, Limits
from pcscf.sip.lines import print_line, print_lines, split_lines, value_of
from pcscf.sip.names import KNOWN, fold, printed
from pcscf.sip.via import Via

T = TypeVar("T")

SIP_VERSION = "SIP/2.0"


class Message:
    """What requests and responses have in common.

    ``start`` is the start line, ``lines`` are the header lines, each with the lines
    folded under it, none with its closing CRLF. Header names in calls are full names in
    lower case. Values are given unfolded and stripped.
    """

    __slots__ = ("_body", "_index", "_order", "_start", "_text", "_views")

    def __init__(self, start: str, lines: list[str], body: bytes = b"") -> None:
        index: dict[str, tuple[int, ...]] = {}
        for place, line in enumerate(lines):
            name, colon, _ = line.partition(":")
            if not colon:
                raise ParseError(400, "Bad Header Line")
            key = KNOWN.get(name) or fold(name)
            index[key] = (*index[key], place) if key in index else (place,)
        self._start = start
        self._text = lines  # never shrinks: a line keeps its place in here
        self._order = list(range(len(lines)))  # places in the order of the wire
        self._index = index  # no name has an empty tuple
        self._views: dict[str, Any] = {}
        self._body = body

    # reading

    def get(self, name: str) -> str | None:
        """Give the value of the first line of that name."""
        places = self._index.get(name)
        return value_of(self._text[places[0]]) if places else None

    def values(self, name: str) -> list[str]:
        """Give the value of each line of that name."""
        return [value_of(self._text[place]) for place in self._index.get(name, ())]

    def elements(self, name: str) -> list[str]:
        """Give the comma-separated elements over all lines of that name."""
        return [element for value in self.values(name) for element in split_elements(value)]

    def lines(self, name: str) -> list[str]:
        """Give each line of that name as it stands on the wire, without its CRLF."""
        return [self._text[place] for place in self._index.get(name, ())]

    def count(self, name: str) -> int:
        """Give the number of lines of that name."""
        return len(self._index.get(name, ()))

    def __contains__(self, name: str) -> bool:
        return name in self._index

    def names(self) -> Iterable[str]:
        """Give the folded names present, in no order that means anything."""
        return self._index.keys()

    @property
    def start_line(self) -> str:
        """The first line, without its CRLF."""
        return self._start

    # editing

    def set(self, name: str, value: str) -> None:
        """Leave one line of that name with this value: the first one, or a new one at the end."""
        places = self._index.get(name)
        if places is None:
            self.append(name, value)
            return
        self.replace(name, 0, value)
        for place in places[1:]:
            self._order.remove(place)
        self._index[name] = places[:1]

    def replace(self, name: str, index: int, value: str) -> None:
        """Give the ``index``-th line of that name a new value; its name stays as spelled.

        Raises KeyError or IndexError if there is no such line, ValueError for line ends.
        """
        place = self._index[name][index]
        spelled = self._text[place].partition(":")[0]
        self._text[place] = print_line(spelled, value)
        self._views.pop(name, None)

    def remove(self, name: str) -> None:
        """Take out every line of that name; none is no error."""
        for place in self._index.pop(name, ()):
            self._order.remove(place)
        self._views.pop(name, None)

    def prepend(self, name: str, value: str) -> None:
        """Insert a line above the first of that name, or above all headers."""
        places = self._index.get(name, ())
        position = self._order.index(places[0]) if places else 0
        self._index[name] = (self._insert(position, name, value), *places)

    def append(self, name: str, value: str) -> None:
        """Insert a line below the last of that name, or below all headers."""
        places = self._index.get(name, ())
        position = self._order.index(places[-1]) + 1 if places else len(self._order)
        self._index[name] = (*places, self._insert(position, name, value))

    def pop_element(self, name: str) -> str:
        """Take off the topmost comma-separated element and give it; a line left empty goes.

        Raises KeyError if there is no element of that name.
        """
        for value in self.values(name):
            element, rest = split_first(value)
            if rest and split_first(rest)[0]:
                self.replace(name, 0, rest)
            else:
                self._remove_first(name)
            if element:
                return element
        raise KeyError(name)

    def _insert(self, position: int, name: str, value: str) -> int:
        place = len(self._text)
        self._text.append(print_line(printed(name), value))
        self._order.insert(position, place)
        self._views.pop(name, None)
        return place

    def _remove_first(self, name: str) -> None:
        first, *others = self._index[name]
        if not others:
            self.remove(name)
            return
        self._order.remove(first)
        self._index[name] = tuple(others)
        self._views.pop(name, None)

    # the body

    @property
    def body(self) -> bytes:
        """The message body. Setting it sets Content-Length too."""
        return self._body

    @body.setter
    def body(self, body: bytes) -> None:
        self._body = body
        self.set("content-length", str(len(body)))

    def ensure_content_length(self) -> None:
        """Say the body's length if the message does not: a stream needs it (RFC 3261 18.3)."""
        if "content-length" not in self._index:
            self.append("content-length", str(len(self._body)))

    def required(self, name: str) -> str:
        """Give the value of the first line of that name; raises ParseError 400 without one."""
        value = self.get(name)
        if value is None:
            raise ParseError(400, f"Missing {printed(name)}")
        return value

    # values, read on first use and kept until their field is edited; reading raises ParseError 400

    @property
    def via(self) -> Via:
        """The topmost Via value."""
        views = self._views
        if "via" not in views:
            views["via"] = Via.parse(split_first(self.required("via"))[0])
        value: Via = views["via"]
        return value

    @property
    def cseq(self) -> CSeq:
        """CSeq."""
        views = self._views
        if "cseq" not in views:
            views["cseq"] = CSeq.parse(self.required("cseq"))
        value: CSeq = views["cseq"]
        return value

    @property
    def from_(self) -> NameAddr:
        """From."""
        views = self._views
        if "from" not in views:
            views["from"] = NameAddr.parse(self.required("from"))
        value: NameAddr = views["from"]
        return value

    @property
    def to(self) -> NameAddr:
        """To."""
        views = self._views
        if "to" not in views:
            views["to"] = NameAddr.parse(self.required("to"))
        value: NameAddr = views["to"]
        return value

    @property
    def call_id(self) -> str:
        """Call-ID, which is compared byte by byte (RFC 3261 20.8)."""
        views = self._views
        if "call-id" not in views:
            views["call-id"] = _read_call_id(self.required("call-id"))
        value: str = views["call-id"]
        return value

    @property
    def contacts(self) -> list[NameAddr]:
        """All values of Contact in order; empty if there are none."""
        views = self._views
        if "contact" not in views:
            views["contact"] = NameAddr.parse_many(self.values("contact"))
        value: list[NameAddr] = views["contact"]
        return value

    @property
    def credentials(self) -> AuthValue | None:
        """The first line of Authorization; None if there is none."""
        views = self._views
        if "authorization" not in views:
            views["authorization"] = _read_auth(self.get("authorization"))
        value: AuthValue | None = views["authorization"]
        return value

    # the whole

    def to_bytes(self) -> bytes:
        """Give the message as it goes on the wire."""
        text = self._text
        head = "\r\n".join([self._start, *[text[place] for place in self._order], "", ""])
        return head.encode("utf-8", "surrogateescape") + self._body

    def _take(self, other: "Message") -> None:
        """Be independent of another message, with the same content."""
        self._start = other._start
        self._text = other._text.copy()
        self._order = other._order.copy()
        self._index = other._index.copy()
        self._views = other._views.copy()
        self._body = other._body

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._start!r}>"


class Request(Message):
    """A request. ``method`` is case-sensitive, ``version`` as sent in upper case."""

    __slots__ = ("_uri", "method", "version")

    def __init__(self, start: str, lines: list[str], body: bytes = b"") -> None:
        # Request-Line = Method SP Request-URI SP SIP-Version CRLF, single SP
        parts = start.split(" ")
        if len(parts) != 3 or not is_token(parts[0]) or not parts[1]:
            raise ParseError(400, "Bad Request-Line")
        self.method, self._uri, version = parts
        self.version = version.upper()
        if not self.version.startswith("SIP/"):
            raise ParseError(400, "Bad Request-Line")
        super().__init__(start, lines, body)

    @property
    def uri(self) -> str:
        """The Request-URI as text."""
        return self._uri

    @uri.setter
    def uri(self, uri: str) -> None:
        if not uri or any(character in uri for character in " \t\r\n"):
            raise ValueError("a Request-URI has no blanks or line ends")
        self._uri = uri
        self._start = f"{self.method} {uri} {self.version}"

    def copy(self) -> "Request":
        """Give an independent request with the same content."""
        twin = Request(self._start, [])
        twin._take(self)
        return twin


class Response(Message):
    """A response. ``status`` is 100 to 699, ``reason`` as sent."""

    __slots__ = ("reason", "status")

    def __init__(self, start: str, lines: list[str], body: bytes = b"") -> None:
        # Status-Line = SIP-Version SP Status-Code SP Reason-Phrase CRLF
        # Wider: the last SP may be missing with the phrase (RFC 4475 3.1.1.13).
        version, _, rest = start.partition(" ")
        code, _, self.reason = rest.partition(" ")
        if version.upper() != SIP_VERSION or len(code) != 3 or code[0] not in "123456":
            raise ParseError(400, "Bad Status-Line")
        self.status = number(code, 699, "Status-Code")
        super().__init__(start, lines, body)

    def restate(self, status: int, reason: str) -> None:
        """Give it another status; ValueError for line ends in the reason."""
        if "\r" in reason or "\n" in reason:
            raise ValueError("a reason phrase has no line ends")
        self.status, self.reason = status, reason
        self._start = f"{SIP_VERSION} {status} {reason}"

    def copy(self) -> "Response":
        """Give an independent response with the same content."""
        twin = Response(self._start, [])
        twin._take(self)
        return twin


def _read_call_id(value: str) -> str:
    if not value or " " in value or "\t" in value:
        raise ParseError(400, "Bad Call-ID")
    return value


def _read_auth(value: str | None) -> AuthValue | None:
    return None if value is None else parse_auth(value)


def parse(data: bytes, limits: Limits = DEFAULT) -> Request | Response:
    """Read one datagram, or one message that the framer cut out of a stream.

    Octets behind Content-Length are dropped (RFC 3261 18.3); line ends before the start
    line too (7.5). Raises ParseError: 400 for what is malformed or shorter than it says,
    513 for what is larger than ``limits``; its ``head`` is set.
    """
    if data[:2] == b"\r\n":
        data = data.lstrip(b"\r\n")
    try:
        return _read(data, limits)
    except ParseError as error:
        error.head = data[: limits.max_head].partition(b"\r\n\r\n")[0]
        raise


def new_request(
    method: str, uri: str, headers: Iterable[tuple[str, str]], body: bytes = b""
) -> Request:
    """Make a request of our own; Content-Length is added. ValueError for line ends or blanks."""
    request = Request(f"{method} * {SIP_VERSION}", print_lines(headers))
    request.uri = uri
    request.body = body
    return request


def content_length(values: Iterable[str]) -> int | None:
    """Give the one length that all Content-Length values state, None if there are none.

    Raises ParseError 400 if they differ or are no numbers (RFC 4475 3.3.9, 3.1.2.3).
    """
    lengths = {number(value, 2**32 - 1, "Content-Length") for value in values}
    if len(lengths) > 1:
        raise ParseError(400, "Conflicting Content-Length")
    return lengths.pop() if lengths else None


def _read(data: bytes, limits: Limits) -> Request | Response:
    if len(data) > limits.max_message:
        raise ParseError(513, "Message Too Large")
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        raise ParseError(400, "Incomplete Header")
    text = head.decode("utf-8", "surrogateescape")
    start, *lines = split_lines(text)
    if len(lines) > limits.max_headers:
        raise ParseError(513, "Too Many Header Lines")
    if len(text) > limits.max_line and max(map(len, lines), default=0) > limits.max_line:
        raise ParseError(513, "Header Line Too Long")
    kind = Response if start[:4].upper() == "SIP/" else Request
    message = kind(start, lines, body)
    length = content_length(message.values("content-length"))
    if length is not None and length != len(body):
        if length > len(body):
            raise ParseError(400, "Body Shorter Than Content-Length")
        message._body = body[:length]  # past the setter: Content-Length is right already
    return message
