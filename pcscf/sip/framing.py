"""Cutting messages out of a stream (RFC 3261 18.3, 7.5; RFC 5626 3.5.1)."""

import re
from dataclasses import dataclass

from pcscf.errors import ParseError
from pcscf.sip.limits import DEFAULT, Limits
from pcscf.sip.message import content_length

_CRLF = b"\r\n"
_BLANK = b"\r\n\r\n"
# ( "Content-Length" / "l" ) HCOLON 1*DIGIT ; at the start of a line, value up to its end.
# A value folded away further is read as empty, which is refused.
_LENGTH = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*+:[ \t]*+(?:\r\n[ \t]++)?([^\r\n]*+)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Ping:
    """CRLFCRLF between messages: a keep-alive. Answer it with one CRLF."""


class StreamFramer:
    """Bytes of one connection in, whole messages out.

    Every octet is looked at a bounded number of times, however the stream is cut.
    """

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0  # no blank line starts before this place
        self._size = 0  # of the message at the front; 0 until its head is complete
        self._broken: tuple[int, str, bytes] | None = None  # what the error says

    @property
    def pending(self) -> int:
        """Octets kept of a message that is not whole yet."""
        return len(self._buffer)

    @property
    def rest(self) -> bytes:
        """The octets kept."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[bytes | Ping]:
        """Take what was received; give the messages and pings it completes, in order.

        Raises ParseError when the stream cannot be followed any further: 400 for a bad or
        missing Content-Length, 413 and 513 for what is too large. Its ``head`` is set. What
        was whole before is given first; the error is then raised by the next call. Answer
        and close the connection: every later call raises the same error.
        """
        self._buffer += data
        items: list[bytes | Ping] = []
        while self._broken is None:
            try:
                item = self._next()
            except ParseError as error:
                # Not the error itself: its traceback leads back here, a circle around all octets.
                self._broken = (error.status, error.reason, error.head)
                break
            if item is None:
                return items
            items.append(item)
        if self._broken is not None and not items:
            self._buffer.clear()
            raise ParseError(*self._broken)
        return items

    def _next(self) -> bytes | Ping | None:
        if not self._size:
            if self._buffer.startswith(_BLANK):
                del self._buffer[: len(_BLANK)]
                return Ping()
            if not self._find_head():
                return None
        if len(self._buffer) < self._size:
            return None
        message = bytes(self._buffer[: self._size])
        del self._buffer[: self._size]
        self._size = 0
        return message

    def _find_head(self) -> bool:
        """Look for the end of a head; tell the message's size once it is known."""
        if self._buffer.startswith(_CRLF):
            # two octets may be the first half of a ping, three its first three quarters
            if bytes(self._buffer) in {_CRLF, b"\r\n\r"}:
                return False
            del self._buffer[: len(_CRLF)]
        end = self._buffer.find(_BLANK, self._searched)
        # not found: its first octets may still be the last ones here
        self._searched = end if end >= 0 else max(len(self._buffer) - len(_BLANK) + 1, 0)
        if self._searched > self._limits.max_head:
            raise ParseError(513, "Header Too Large", self._front(self._limits.max_head))
        if end < 0:
            return False
        self._searched = 0
        self._size = self._measure(end)
        return True

    def _measure(self, end: int) -> int:
        """Give the whole size of the message whose head ends at ``end``."""
        head = self._front(end)
        try:
            values = [value.decode("latin-1").strip(" \t") for value in _LENGTH.findall(head)]
            length = content_length(values)
        except ParseError as error:
            error.head = head
            raise
        if length is None:
            raise ParseError(400, "Missing Content-Length", head)
        if length > self._limits.max_body:
            raise ParseError(413, "Request Entity Too Large", head)
        size = end + len(_BLANK) + length
        if size > self._limits.max_message:
            raise ParseError(513, "Message Too Large", head)
        return size

    def _front(self, size: int) -> bytes:
        return bytes(self._buffer[:size])
