"""A phone that agrees on SAs as it should, and then sends whatever it likes under them."""

import contextlib
import random
import re
import socket
import struct
from collections.abc import Iterator
from typing import Any

from tests.peers.agreement import Agreement
from tests.peers.cleanliness import keys_in
from tests.peers.core import Core
from tests.peers.peer import Sent
from tests.peers.phone import Phone
from tests.peers.text import Message
from tests.peers.wire import Origin, Send
from tests.sip.mutations import mutated

MAX_DATAGRAM = 60_000  # octets; ESP needs some of the rest
# Whatever a stream has begun with, behind so much nobody follows it any more.
FILLER = b"x" * 40_000
RESET = struct.pack("ii", 1, 0)  # struct linger
BRANCH = re.compile(rb"branch=z9hG4bK[^;,\r]*")


class Insider(Phone):
    """Before each message under its SAs come ``versions`` broken ones of it.

    One in four is in the name of ``victim``. Over TCP each takes a connection of its own.
    ``sent`` counts their octets, ``count`` them.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.source = random.Random(33203)
        self.versions = 0
        self.victim: Phone = self
        self.sent = self.count = 0

    def deliver(self, data: bytes, origin: Origin) -> None:
        """Answers to broken messages may be of any kind."""
        with contextlib.suppress(ValueError, LookupError):
            super().deliver(data, origin)

    def assert_clean(self) -> None:
        """Who keeps no rule may not ask for most; that keys stay secret holds in any case."""
        with self.lock:
            found = [line for one in self.received for line in keys_in(self, one)]
        assert not found, found

    def bring_up(self, agreement: Agreement) -> None:
        super().bring_up(agreement)
        self._ports._udp[agreement.own.port_c]._sock.setblocking(True)  # a burst waits for room

    def send_over(self, over: Agreement | None, request: Message, transport: str) -> Sent:
        if over is not None:
            for data in self._broken(request.to_bytes()):
                if transport == "TCP":
                    self._stream(over, data)
                else:
                    self._from_uc(over)(data)
        return super().send_over(over, request, transport)

    def answer(self, request: Message, response: Message, send: Send) -> None:
        with contextlib.suppress(OSError):  # a broken stream is closed
            for data in self._broken(response.to_bytes()):
                send(data)
        super().answer(request, response, send)

    def _broken(self, data: bytes) -> Iterator[bytes]:
        for _ in range(self.versions):
            version = self._in_other_words(data) if data[:4] != b"SIP/" else data
            version = mutated(self.source, version)[:MAX_DATAGRAM]
            self.sent += len(version)
            self.count += 1
            yield version

    def _in_other_words(self, data: bytes) -> bytes:
        """A request that is no copy of the one before, and perhaps somebody else's."""
        data = BRANCH.sub(b"branch=z9hG4bK%x" % self.source.getrandbits(64), data, count=1)
        if self.source.random() < 0.25:
            data = data.replace(
                self.subscription.impi.encode(), self.victim.subscription.impi.encode()
            )
        return data

    def _stream(self, over: Agreement, data: bytes) -> None:
        """Send it from uc to ps on a new connection, and so much more that it is cut off."""
        self._hang_up(over)
        self.sent += len(FILLER)
        with contextlib.suppress(OSError), self._dialled(over) as link:
            link.sendall(data + FILLER)
            while link.recv(len(FILLER)):
                pass

    def _dialled(self, over: Agreement) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        link = self._factory(family, socket.SOCK_STREAM)
        link.settimeout(5)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # The next one starts from the same port: no TIME_WAIT.
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        link.bind((self.address, over.own.port_c))
        try:
            link.connect((self.pcscf.host, over.peer.port_s))
        except OSError:  # its SAs may be gone by now
            link.close()
            raise
        return link

    def _hang_up(self, over: Agreement) -> None:
        if over.link is not None and not over.link.closed.is_set():
            over.link._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            over.link.close()


class UnshakenCore(Core):
    """A core that takes no offence at what a P-CSCF may pass on of an insider."""

    def deliver(self, data: bytes, origin: Origin) -> None:
        with contextlib.suppress(ValueError, LookupError):
            super().deliver(data, origin)
