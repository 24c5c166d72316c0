"""The little that filters and outputs need of every message, without parsing it.

A capture may hold a million messages: this takes well under a microsecond where a header is
spelled as usual, and the parser twenty.
"""

import re
from typing import Final

# Patterns that begin with a literal are found quicker than ``bytes.find`` finds the literal.
_HEAD_END: Final = re.compile(rb"\r\n\r\n")


class Header:
    """A header of which the first value is wanted."""

    def __init__(self, name: str, compact: str = "") -> None:
        self._usual = re.compile(rf"\n{name}: *+([^\r\n]*+)\r\n(?![ \t])".encode())
        names = f"{name}|{compact}" if compact else name
        self._any = re.compile(rf"\n(?:{names})[ \t]*+:".encode(), re.IGNORECASE)

    def value(self, data: bytes) -> str | None:
        """Give the value, unfolded and stripped; None if there is no such header."""
        found = self._usual.search(data)
        if found and not _HEAD_END.search(data, 0, found.start()):
            return found[1].strip().decode("utf-8", "replace")
        head_end = _HEAD_END.search(data)
        end = head_end.start() if head_end else len(data)
        found = self._any.search(data, 0, end)
        return _line(data, found.end(), end) if found else None


def _line(data: bytes, start: int, end: int) -> str:
    stop = data.find(b"\n", start, end)
    while stop >= 0 and data[stop + 1 : stop + 2] in (b" ", b"\t"):  # folded
        stop = data.find(b"\n", stop + 1, end)
    line = data[start : end if stop < 0 else stop].strip()
    if b"\n" in line:
        line = b" ".join(line.split())
    return line.decode("utf-8", "replace")


_CALL_ID: Final = Header("Call-ID", "i")
_CSEQ: Final = Header("CSeq")

call_id = _CALL_ID.value


def is_response(data: bytes) -> bool:
    """Whether the start line is that of a response."""
    return data[:4].upper() == b"SIP/"


def status(data: bytes) -> int | None:
    """Give the status of a response; None for a request, or where there is no number."""
    code = data[8:11]
    return int(code) if is_response(data) and code.isdigit() else None


def method(data: bytes) -> str:
    """Give a request's method, or that of the request which a response answers; "" if unknown."""
    if is_response(data):
        words = (_CSEQ.value(data) or "").split()
        return words[1] if len(words) > 1 else ""
    return data[:64].partition(b" ")[0].decode("utf-8", "replace")
