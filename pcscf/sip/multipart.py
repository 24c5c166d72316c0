"""A multipart body: what stands between its delimiters (RFC 2046 5.1, RFC 5621).

The body is cut, not rebuilt: joined again, the pieces are the body as it came, with
preamble, epilogue and the delimiters as they were spelled.
"""

import re

from pcscf.errors import ParseError
from pcscf.sip.lines import split_lines
from pcscf.sip.message import Message
from pcscf.sip.params import Params

_MAX_BOUNDARY = 70  # RFC 2046 5.1.1
_MAX_HEAD = 2048  # octets of a part's header; real ones have three short lines


def media_type(content_type: str) -> str:
    """Give ``type/subtype`` of a Content-Type value in lower case, without parameters."""
    return content_type.partition(";")[0].strip(" \t").lower()


def cut(body: bytes, content_type: str) -> list[bytes]:
    """Cut a body into pieces; the second, fourth and so on are parts for ``read_part``.

    The others are delimiters and what is around them. What no further delimiter closes is
    not a part. Raises ParseError 400 if the Content-Type value names no boundary.
    """
    delimiter = _delimiter(content_type)
    pieces = []
    end = 0  # of the last piece
    opened = 0  # where the part at hand starts, 0 if none does
    for match in delimiter.finditer(body):
        if opened:
            pieces += [body[end:opened], body[opened : match.start()]]
            end = match.start()
        if match[1]:
            break
        opened = match.end()
    return [*pieces, body[end:]]


def _delimiter(content_type: str) -> re.Pattern[bytes]:
    """Match a delimiter with the CRLF before it, which is not the part's; group 1 closes."""
    _, semicolon, rest = content_type.partition(";")
    boundary = Params.parse(semicolon + rest).get("boundary")
    if not boundary or len(boundary) > _MAX_BOUNDARY:
        raise ParseError(400, "Bad Multipart Boundary")
    name = re.escape(boundary.encode("utf-8", "surrogateescape"))
    # delimiter = CRLF "--" boundary ; close-delimiter = delimiter "--" ; then *LWSP-char
    return re.compile(rb"(?:\A|\r\n)--" + name + rb"(--)?[ \t]*+(?=\r\n|\Z)")


def read_part(piece: bytes) -> Message:
    """Read a part: a message with an empty start line, as it follows on its delimiter.

    Raises ParseError 400 for a header that is malformed or longer than a part's can be.
    """
    head, blank, body = piece.partition(b"\r\n\r\n")
    if not blank or len(head) > _MAX_HEAD:
        raise ParseError(400, "Bad Part Header")
    start, *lines = split_lines(head.decode("utf-8", "surrogateescape"))
    return Message(start, lines, body)
