"""Whole messages out of a TCP stream, as the peers cut it (RFC 3261 section 18.3)."""

import re

CONTENT_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:\s*(\d+)", re.IGNORECASE)
PING = b"\r\n\r\n"  # RFC 5626 section 3.5.1
PONG = b"\r\n"


class Framer:
    """Collects what a connection delivers; ``pings`` counts the keep-alives among it."""

    def __init__(self) -> None:
        self._buffer = b""
        self.pings = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came, give the messages that are whole; ValueError without a length."""
        self._buffer += data
        messages: list[bytes] = []
        while True:
            self._skip_keep_alives()
            message = self._next()
            if message is None:
                return messages
            messages.append(message)

    def _skip_keep_alives(self) -> None:
        while self._buffer.startswith(PING):
            self.pings += 1
            self._buffer = self._buffer[len(PING) :]
        if self._buffer.startswith(PONG) and len(self._buffer) > len(PONG):
            self._buffer = self._buffer.lstrip(b"\r\n")

    def _next(self) -> bytes | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        length = CONTENT_LENGTH.search(self._buffer, 0, end)
        if length is None:
            raise ValueError("a message on a stream has no Content-Length")
        size = end + 4 + int(length[1])
        if len(self._buffer) < size:
            return None
        message, self._buffer = self._buffer[:size], self._buffer[size:]
        return message
