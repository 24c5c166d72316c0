"""One UDP socket: drained in bursts, sent on without waiting.

asyncio's datagram transport costs one and a half times as much per datagram as
reading the socket here, so only the loop's readiness call-backs are used.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable

from pcscf.core.effects import SendSip
from pcscf.core.events import Event, SendFailed, SipReceived, SipUnreadable
from pcscf.core.flow import Flow, Side, Transport
from pcscf.errors import ParseError
from pcscf.net.sockets import endpoint

# Datagrams a wake-up; then the other sockets and the timer have their turn.
BURST = 64
# Keep-alives that phones send over UDP: CRLF, CRLFCRLF, one NUL, nothing at all.
_LONGEST_KEEP_ALIVE = 4
_KEEP_ALIVE_OCTETS = b"\r\n\0"


class UdpSocket:
    """A bound socket, its queue of what the kernel would not take yet, and its events."""

    def __init__(
        self,
        sock: socket.socket,
        side: Side,
        emit: Callable[[Event], None],
        max_message: int,
        send_buffer: int,
    ) -> None:
        self.local = endpoint(sock.getsockname())
        self.receive_errors = 0
        self._sock = sock
        self._side = side
        self._emit = emit
        self._max_message = max_message
        self._send_buffer = send_buffer
        self._queue: deque[SendSip] = deque()
        self._queued = 0  # octets
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Receive from now on."""
        self._loop.add_reader(self._sock, self._drain)

    def close(self) -> None:
        """Close the socket; what is queued is lost, as datagrams are."""
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._sock.close()

    def send(self, effect: SendSip) -> None:
        """Send, or queue while the socket's buffer is full. A failure comes back as an event."""
        if self._queue or not self._sent(effect):
            self._enqueue(effect)

    def _drain(self) -> None:
        size = self._max_message + 1  # one more octet tells a message that is too long
        for _ in range(BURST):
            try:
                data, address = self._sock.recvfrom(size)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # An ICMP error that some peer provoked; it says nothing about this socket.
                self.receive_errors += 1
                return
            self._received(data, Flow(Transport.UDP, self._side, self.local, endpoint(address)))

    def _received(self, data: bytes, flow: Flow) -> None:
        if len(data) <= _LONGEST_KEEP_ALIVE and not data.strip(_KEEP_ALIVE_OCTETS):
            return
        if len(data) > self._max_message:
            self._emit(SipUnreadable(flow, data, ParseError(513, "Message Too Large", data)))
            return
        self._emit(SipReceived(flow, data))

    def _sent(self, effect: SendSip) -> bool:
        """Try to send. False: the kernel has no room now; True: sent, or failed for good."""
        try:
            self._sock.sendto(effect.data, effect.flow.remote)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            self._fail(effect, error.strerror or str(error))
        return True

    def _enqueue(self, effect: SendSip) -> None:
        if self._queued + len(effect.data) > self._send_buffer:
            self._fail(effect, "send buffer is full")
            return
        if not self._queue:
            self._loop.add_writer(self._sock, self._flush)
        self._queue.append(effect)
        self._queued += len(effect.data)

    def _flush(self) -> None:
        while self._queue:
            if not self._sent(self._queue[0]):
                return
            self._queued -= len(self._queue.popleft().data)
        self._loop.remove_writer(self._sock)

    def _fail(self, effect: SendSip, reason: str) -> None:
        if effect.ref:
            self._emit(SendFailed(effect.flow, effect.ref, reason))
