"""MESSAGEs through a proxy, in a closed loop: both ends of them in one thread.

Neither end parses more than it must: the proxy is what is measured, and its CPU alone counts.
"""

import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from secrets import randbits

SIZE = 1024  # octets of a request as the phone sends it
WINDOW = 16  # transactions at a time
PATIENCE = 10.0  # seconds
_LARGEST = 65535
_COPIED = (b"via:", b"from:", b"to:", b"call-id:", b"cseq:")  # RFC 3261 8.2.6.2
MARK = "0123456789abcdef"  # its place is taken by a number that makes each message another


class LostError(Exception):
    """A message or its answer did not come."""


@dataclass(slots=True)
class Load:
    """Requests from ``client`` to ``proxy``; answers to them come to ``answered``.

    ``sink`` stands for the core and answers with 200. ``template`` is a MESSAGE with the
    text MARK where its branch and Call-ID are to differ.
    """

    template: bytes
    proxy: tuple[str, int]
    client: socket.socket
    answered: socket.socket
    sink: socket.socket
    _numbers: Iterator[int] = field(default_factory=lambda: count(randbits(48)))

    def __post_init__(self) -> None:
        for one in self.client, self.answered, self.sink:
            one.setblocking(False)

    def close(self) -> None:
        """Close all sockets."""
        for one in self.client, self.answered, self.sink:
            one.close()

    def carry(self, messages: int) -> None:
        """See so many transactions to their end. Raises LostError."""
        left, done = messages, 0
        for _ in range(min(WINDOW, left)):
            self._send()
            left -= 1
        while done < messages:
            ready, _, _ = select.select([self.sink, self.answered], [], [], PATIENCE)
            if not ready:
                raise LostError(f"{done} of {messages} came back")
            if self.sink in ready:
                self._answer()
            for _ in range(self._answers() if self.answered in ready else 0):
                done += 1
                if left:
                    self._send()
                    left -= 1

    def _send(self) -> None:
        number = f"{next(self._numbers):016x}".encode()
        self.client.sendto(self.template.replace(MARK.encode(), number), self.proxy)

    def _answer(self) -> None:
        for data, source in _received(self.sink):
            self.sink.sendto(ok(data), source)

    def _answers(self) -> int:
        """How many answers have come. Raises LostError for one that is no 200."""
        got = [data.partition(b"\r\n")[0] for data, _ in _received(self.answered)]
        if wrong := [line for line in got if not line.startswith((b"SIP/2.0 200 ", b"SIP/2.0 1"))]:
            raise LostError(wrong[0].decode())
        return sum(line.startswith(b"SIP/2.0 200 ") for line in got)


def ok(request: bytes) -> bytes:
    """The 200 to a request whose To, the template's, has no parameters."""
    lines = request.partition(b"\r\n\r\n")[0].split(b"\r\n")
    copied = [
        line + b";tag=core" * line.startswith(b"To:")
        for line in lines
        if line.lower().startswith(_COPIED)
    ]
    return b"\r\n".join([b"SIP/2.0 200 OK", *copied, b"Content-Length: 0", b"", b""])


def _received(sock: socket.socket) -> Iterator[tuple[bytes, tuple[str, int]]]:
    while True:
        try:
            yield sock.recvfrom(_LARGEST)
        except BlockingIOError:
            return
