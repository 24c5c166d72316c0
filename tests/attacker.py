"""A peer on an unprotected port that keeps no rule, and sees that those who do are served."""

import contextlib
import random
import socket
from collections.abc import Callable

from tests.peers import text
from tests.peers.text import Address
from tests.sip import samples
from tests.sip.mutations import mutated

SO_RCVBUFFORCE = 33  # asm-generic/socket.h; Python has no name for it
RECEIVE_BUFFER = 8 << 20  # octets; a burst and all its retransmissions
BURST = 50  # datagrams
STREAMS = 16  # connections that follow a burst
MAX_DATAGRAM = 65507  # octets over IPv4
TEXTS = (samples.REGISTER, samples.CHALLENGE, samples.OK)
WITH_KEYS = text.parse(samples.CHALLENGE).header("www-authenticate")
OPTIONS = (
    "OPTIONS sip:ping@example.com SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{call}\r\n"
    "Max-Forwards: 1\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\n"
    "Call-ID: {call}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


class Attacker:
    """Sends broken messages to ``target``, and sees that sound ones are answered.

    ``udp`` is its socket, ``dial`` makes one to connect; ``expected`` begins the answer to
    OPTIONS. ``sent`` counts octets.
    """

    def __init__(
        self,
        udp: socket.socket,
        dial: Callable[[], socket.socket],
        target: tuple[str, int],
        *,
        expected: bytes,
    ) -> None:
        self.source = random.Random(5060)
        self.challenges = self.sent = 0
        self._udp, self._dial, self._target, self._expected = udp, dial, target, expected
        self._at = Address(*udp.getsockname()[:2])
        # What is passed on to us while we send must not push out the answer that we wait for.
        # FORCE goes past net.core.rmem_max where we are root.
        with contextlib.suppress(PermissionError):
            udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)

    def close(self) -> None:
        self._udp.close()

    def _message(self) -> bytes:
        # A branch of its own, or it would be taken for a copy of the one before.
        branch = b"z9hG4bK%x" % self.source.getrandbits(64)
        data = self.source.choice(TEXTS).replace(b"z9hG4bK-524287-1", branch)
        return mutated(self.source, data)

    def attack(self) -> None:
        """Send a burst of datagrams, then some streams."""
        for _ in range(BURST):
            self.datagram(self._message())
        self.ping()
        for _ in range(STREAMS):
            self.stream(self._message())

    def datagram(self, data: bytes) -> None:
        self.sent += self._udp.sendto(data[:MAX_DATAGRAM], self._target)

    def ping(self) -> None:
        """Wait for the answer to a sound request, and so for all that was sent before it."""
        call = f"ping{self.source.getrandbits(64):x}"
        self.datagram(OPTIONS.format(at=self._at, call=call).encode())
        while True:
            data = self._udp.recv(MAX_DATAGRAM)
            if f"Call-ID: {call}\r\n".encode() in data:
                assert data.startswith(self._expected)
                return
            self._challenge(data)

    def _challenge(self, data: bytes) -> None:
        """A REGISTER that came through to the core gets a broken challenge with keys."""
        with contextlib.suppress(ValueError, KeyError):
            request = text.parse(data)
            if request.is_request and request.method == "REGISTER":
                headers = [("WWW-Authenticate", WITH_KEYS)]
                answer = text.make_response(request, 401, "Unauthorized", headers)
                self.datagram(mutated(self.source, answer.to_bytes()))
                self.challenges += 1

    def connect(self) -> socket.socket:
        link = self._dial()
        try:
            link.connect(self._target)
        except OSError:
            link.close()
            raise
        return link

    def stream(self, data: bytes) -> bytes:
        """Send octets on a connection of their own, end it, and return the first answer."""
        # It may be reset before all is sent.
        with contextlib.suppress(ConnectionError), self.connect() as link:
            self.sent += len(data)
            link.sendall(data)
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_WR)
            return link.recv(MAX_DATAGRAM)
        return b""
