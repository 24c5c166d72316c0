"""SIP text as the peers read and write it.

On purpose not the reader under test: where both ends of a test share one
parser, they also share its mistakes. Headers keep their order and spelling.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

Headers = list[tuple[str, str]]

# RFC 3261 section 7.3.3 and the registrations of later RFCs.
COMPACT = {
    "b": "referred-by",
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
}
FOLD = re.compile(r"\r\n[ \t]+")  # RFC 3261 section 7.3.1
# A name and a token or quoted string; what stands in quotes is passed over whole.
PARAMETER = re.compile(r'([\w.!%*+`\'~-]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s,;"]*))?')

QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


class Address(NamedTuple):
    """A numeric host, no brackets, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """Print as SIP does: brackets around IPv6."""
        return f"{bracketed(self.host)}:{self.port}"


def bracketed(host: str) -> str:
    """A host as a SIP URI spells it."""
    return f"[{host}]" if ":" in host else host


@lru_cache(maxsize=1024)
def folded(name: str) -> str:
    """A header's lower-case full name."""
    lower = name.strip().lower()
    return COMPACT.get(lower, lower)


@dataclass(slots=True)
class Message:
    """A request or a response: start line, headers as written, body."""

    start: str
    headers: Headers = field(default_factory=list)
    body: bytes = b""

    @property
    def is_request(self) -> bool:
        """Whether the start line is a Request-Line."""
        return not self.start.startswith("SIP/")

    @property
    def method(self) -> str:
        """The method; of a response the one in CSeq."""
        return self.start.split(" ")[0] if self.is_request else self.cseq[1]

    @property
    def uri(self) -> str:
        """The Request-URI."""
        return self.start.split(" ")[1]

    @property
    def status(self) -> int:
        """The status code; 0 for a request."""
        return 0 if self.is_request else int(self.start.split(" ")[1])

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method of CSeq."""
        number, method = self.header("cseq").split()
        return int(number), method

    @property
    def branch(self) -> str:
        """The branch of the topmost Via; it names the transaction (RFC 3261 section 17.1.3)."""
        return parameters(split(self.header("via"))[0]).get("branch", "")

    def values(self, name: str) -> list[str]:
        """One value per header line of this full, lower-case name."""
        return [value for written, value in self.headers if folded(written) == name]

    def elements(self, name: str) -> list[str]:
        """The comma-separated elements over all lines of a name."""
        return [element for value in self.values(name) for element in split(value)]

    def get(self, name: str) -> str | None:
        """The first line's value."""
        return next((value for written, value in self.headers if folded(written) == name), None)

    def header(self, name: str) -> str:
        """The first line's value; KeyError without one."""
        value = self.get(name)
        if value is None:
            raise KeyError(f"no {name} in {self.start!r}")
        return value

    def __contains__(self, name: object) -> bool:
        return any(folded(written) == name for written, _ in self.headers)

    def to_bytes(self) -> bytes:
        """The message on the wire; Content-Length is added, or kept where a test wrote one."""
        headers = list(self.headers)
        if "content-length" not in self:
            headers.append(("Content-Length", str(len(self.body))))
        lines = [self.start, *(f"{name}: {value}" for name, value in headers), "", ""]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


def parse(data: bytes) -> Message:
    """Read one whole message; ValueError if it is none."""
    head, blank, body = data.partition(b"\r\n\r\n")
    text = FOLD.sub(" ", head.decode("utf-8", "surrogateescape"))
    start, *lines = text.split("\r\n")
    if not blank or "SIP/2.0" not in start:
        raise ValueError(f"no SIP message: {data[:60]!r}")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(f"no header line: {line!r}")
        headers.append((name, value.strip()))
    message = Message(start, headers, body)
    if int(message.get("content-length") or len(body)) != len(body):
        raise ValueError(f"Content-Length is not the {len(body)} octets of the body")
    return message


def split(value: str, separator: str = ",") -> list[str]:
    """Cut at separators that stand outside quotes and angle brackets; no empty parts."""
    if separator not in value:
        return [value.strip()] if value.strip() else []
    whole = rf'(?:"(?:[^"\\]|\\.)*"|<[^>]*>|[^{separator}"<])+'
    return [part.strip() for part in re.findall(whole, value) if part.strip()]


def unquoted(text: str) -> str:
    """A quoted string's content, or the token itself."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _pairs(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        name, _, value = text.partition("=")
        yield name.strip().lower(), unquoted(value.strip())


def parameters(value: str) -> dict[str, str]:
    """The ``;name=value`` parameters of one element, names in lower case."""
    return dict(_pairs(split(value, ";")[1:]))


def auth_parameters(value: str) -> dict[str, str]:
    """The parameters of a Digest challenge or of credentials, names in lower case."""
    _scheme, _, rest = value.strip().partition(" ")
    found = PARAMETER.finditer(rest)
    return {match[1].lower(): unquoted(match[2] or "") for match in found}


def uri_of(value: str) -> str:
    """The URI of a name-addr or addr-spec element."""
    match = re.search(r"<([^>]*)>", QUOTED.sub("", value))
    return match[1].strip() if match else value.split(";", maxsplit=1)[0].strip()


def uri_parameters(uri: str) -> dict[str, str]:
    """The parameters of a SIP URI, names in lower case."""
    return dict(_pairs(uri.split("?", maxsplit=1)[0].split(";")[1:]))


def host_port(text: str, default: int = 5060) -> Address:
    """Host and port of a SIP URI or of ``host[:port]``."""
    rest = re.sub(r"^sips?:", "", text, flags=re.IGNORECASE).rpartition("@")[2]
    bare = re.split("[;?]", rest)[0].strip()
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?", bare)
    if match is None:
        raise ValueError(f"no host and port: {text!r}")
    return Address(match[1] or match[2], int(match[3] or default))


def sent_by(via: str) -> tuple[str, Address]:
    """Transport and sent-by of one Via element."""
    protocol, _, rest = via.partition(";")[0].strip().rpartition(" ")
    return protocol.replace(" ", "").rpartition("/")[2].upper(), host_port(rest)


def make_response(
    request: Message,
    status: int,
    reason: str,
    headers: Headers | None = None,
    *,
    to_tag: str = "peer",
    body: bytes = b"",
) -> Message:
    """RFC 3261 section 8.2.6.2: Via, From, To, Call-ID and CSeq come from the request.

    A To tag that the request has stays; "" adds none.
    """
    copied = [("Via", via) for via in request.values("via")]
    to = request.header("to")
    if to_tag and "tag" not in parameters(to):
        to += f";tag={to_tag}"
    copied += [("From", request.header("from")), ("To", to)]
    copied += [(name, request.header(name.lower())) for name in ("Call-ID", "CSeq")]
    return Message(f"SIP/2.0 {status} {reason}", copied + (headers or []), body)


def follow_up(request: Message, method: str, to: str) -> Message:
    """CANCEL, or the ACK to a refusal: hop by hop, of the request's own transaction.

    RFC 3261 sections 9.1 and 17.1.1.3.
    """
    number, _ = request.cseq
    headers = [("Via", request.elements("via")[0]), ("Max-Forwards", "70")]
    headers += [("Route", value) for value in request.values("route")]
    headers += [("From", request.header("from")), ("To", to)]
    headers += [("Call-ID", request.header("call-id")), ("CSeq", f"{number} {method}")]
    return Message(f"{method} {request.uri} SIP/2.0", headers)
