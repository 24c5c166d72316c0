"""One UDP socket: drained in bursts, sent on without waiting.

asyncio's datagram transport costs one and a half times as much per datagram as
reading the socket here, so only the loop's readiness call-backs are used. What waits is
read first and handed on together: the kernel and the decisions each work without a break.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence

from pcscf.core.effects import SendSip
from pcscf.core.events import Event, SendFailed, SipReceived, SipUnreadable
from pcscf.core.flow import Flow, Side, Transport
from pcscf.errors import ParseError
from pcscf.net.datagrams import Address, receive, send
from pcscf.net.sockets import endpoint

# Keep-alives that phones send over UDP: CRLF, CRLFCRLF, one NUL, nothing at all.
_LONGEST_KEEP_ALIVE = 4
_KEEP_ALIVE_OCTETS = b"\r\n\0"


class UdpSocket:
    """A bound socket, its queue of what the kernel would not take yet, and its events.

    ``may_act``: whether anything may be sent now. What waits when nothing may is lost.
    """

    def __init__(
        self,
        sock: socket.socket,
        side: Side,
        emit: Callable[[Sequence[Event]], None],
        max_message: int,
        send_buffer: int,
        *,
        may_act: Callable[[], bool] = lambda: True,
    ) -> None:
        self.local = endpoint(sock.getsockname())
        self.receive_errors = 0
        self._sock = sock
        self._side = side
        self._emit = emit
        self._max_message = max_message
        self._send_buffer = send_buffer
        self._may_act = may_act
        self._queue: list[SendSip] = []
        self._queued = 0  # octets
        self._loop = asyncio.get_running_loop()

    def change(self, max_message: int, send_buffer: int) -> None:
        """Take other limits, in octets."""
        self._max_message = max_message
        self._send_buffer = send_buffer

    def start(self) -> None:
        """Receive from now on."""
        self._loop.add_reader(self._sock, self._drain)

    def hand_over(self) -> tuple[Side, socket.socket]:
        """Read no more, and give what stays open when this one is closed."""
        self._loop.remove_reader(self._sock)
        return self._side, self._sock.dup()

    def close(self) -> None:
        """Close the socket; what is queued is lost, as datagrams are."""
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._sock.close()

    def send(self, effects: Sequence[SendSip]) -> None:
        """Send, or queue while the socket's buffer is full. A failure comes back as an event."""
        failed: list[Event] = []
        left = effects if self._queue else self._unsent(effects, failed)
        for effect in left:
            self._enqueue(effect, failed)
        self._tell(failed)

    def _drain(self) -> None:
        try:
            # One more octet tells a message that is too long.
            received = receive(self._sock, self._max_message + 1)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            # An ICMP error that some peer provoked; it says nothing about this socket.
            self.receive_errors += 1
            return
        events = [
            self._event(data, address)
            for data, address in received
            if len(data) > _LONGEST_KEEP_ALIVE or data.strip(_KEEP_ALIVE_OCTETS)
        ]
        if events:
            self._emit(events)

    def _event(self, data: bytes, address: Address) -> Event:
        flow = Flow(Transport.UDP, self._side, self.local, endpoint(address))
        if len(data) > self._max_message:
            return SipUnreadable(flow, data, ParseError(513, "Message Too Large", data))
        return SipReceived(flow, data)

    def _unsent(self, effects: Sequence[SendSip], failed: list[Event]) -> Sequence[SendSip]:
        """Send from the first on; give those that the kernel has no room for now."""
        start = 0
        datagrams = [(effect.data, effect.flow.remote) for effect in effects]
        while start < len(datagrams):
            try:
                start += send(self._sock, datagrams[start:])
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                _fail(effects[start], error.strerror or str(error), failed)
                start += 1
        return effects[start:]

    def _enqueue(self, effect: SendSip, failed: list[Event]) -> None:
        if self._queued + len(effect.data) > self._send_buffer:
            _fail(effect, "send buffer is full", failed)
            return
        if not self._queue:
            self._loop.add_writer(self._sock, self._flush)
        self._queue.append(effect)
        self._queued += len(effect.data)

    def _flush(self) -> None:
        failed: list[Event] = []
        self._queue = list(self._unsent(self._queue, failed)) if self._may_act() else []
        self._queued = sum(len(effect.data) for effect in self._queue)
        if not self._queue:
            self._loop.remove_writer(self._sock)
        self._tell(failed)

    def _tell(self, failed: list[Event]) -> None:
        """Say what could not be sent, once the queue is in order again: more may be sent then."""
        if failed:
            self._emit(failed)


def _fail(effect: SendSip, reason: str, failed: list[Event]) -> None:
    if effect.ref:
        failed.append(SendFailed(effect.flow, effect.ref, reason))
