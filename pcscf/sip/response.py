"""Answers made from a request (RFC 3261 8.2.6)."""

from collections.abc import Iterable
from typing import Final

from pcscf.errors import ParseError, SipError
from pcscf.sip.address import NameAddr
from pcscf.sip.lines import join_folding, print_lines
from pcscf.sip.message import SIP_VERSION, Request, Response
from pcscf.sip.names import fold

REASONS: Final = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    423: "Interval Too Brief",
    430: "Flow Failed",
    439: "First Hop Lacks Outbound Support",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    606: "Not Acceptable",
}

_COPIED: Final = ("via", "from", "to", "call-id", "cseq")  # RFC 3261 8.2.6.2
_TRYING: Final = 100


def make_response(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Response:
    """Answer a request: Via list, From, To, Call-ID and CSeq are copied as they came.

    ``to_tag`` is added to a To without a tag, except in a 100, which also repeats
    Timestamp (RFC 3261 8.2.6.1). ``headers`` have folded names. Content-Length is added.
    """
    lines = [line for name in _COPIED for line in _copied(name, request.lines(name))]
    if to_tag is not None and status != _TRYING:
        lines = [_with_tag(line, to_tag) for line in lines]
    if status == _TRYING:
        lines += request.lines("timestamp")
    return _respond(status, reason, [*lines, *print_lines(headers)], body)


def answer_unreadable(error: ParseError, to_tag: str | None = None) -> Response | None:
    """Answer a request that could not be read, from ``error.head``, as far as it names a Via.

    Lines that are not whole, clean header lines are left out. None if there is nothing to
    answer: a response, an ACK, or no Via.
    """
    start, *rest = error.head.decode("utf-8", "surrogateescape").split("\r\n")
    clean = [line for line in join_folding(rest) if _is_clean(line)]
    found = {name: [line for line in clean if _name_of(line) == name] for name in _COPIED}
    if not found["via"] or start[:4].upper() == "SIP/" or start.startswith("ACK "):
        return None
    lines = [line for name in _COPIED for line in _copied(name, found[name])]
    if to_tag is not None:
        lines = [_with_tag(line, to_tag) for line in lines]
    return _respond(error.status, error.reason, lines, b"")


def _copied(name: str, lines: list[str]) -> list[str]:
    """Give what of the lines of a name goes into a response: every Via, one of the others."""
    return lines if name == "via" else lines[:1]


def _respond(status: int, reason: str | None, lines: list[str], body: bytes) -> Response:
    phrase = REASONS.get(status, "") if reason is None else reason
    if "\r" in phrase or "\n" in phrase:
        raise ValueError("a reason phrase has no line ends")
    response = Response(f"{SIP_VERSION} {status} {phrase}", lines)
    response.body = body
    return response


def _with_tag(line: str, tag: str) -> str:
    """Add a tag to a To line that has none; any other line stays as it is."""
    if _name_of(line) != "to" or _has_tag(line):
        return line
    return f"{line.rstrip()};tag={tag}"


def _has_tag(line: str) -> bool:
    value = " ".join(line.partition(":")[2].split())
    try:
        return NameAddr.parse(value).tag is not None
    except SipError:
        return "tag" in value.lower()  # unreadable: better no tag than two


def _name_of(line: str) -> str:
    """Give the folded name of a line, "" if it has none."""
    name, colon, _ = line.partition(":")
    try:
        return fold(name) if colon else ""
    except ParseError:
        return ""


def _is_clean(line: str) -> bool:
    """Say whether a line has a name, a colon, and no line end that is not folding."""
    folds = line.count("\r\n")
    return line.count("\r") == line.count("\n") == folds and _name_of(line) != ""
