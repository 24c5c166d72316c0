"""One TCP connection: its framer, its time-outs, its bounded send buffer."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from pcscf.core.events import Event, SipReceived, SipUnreadable
from pcscf.core.flow import Flow, Side, Transport
from pcscf.errors import ParseError
from pcscf.net.handover import OpenConnection
from pcscf.net.sockets import endpoint, reset_on_close, untie, vanish_on_close
from pcscf.sip.framing import Ping, StreamFramer
from pcscf.sip.limits import Limits

# RFC 5626 4.4.1: the answer to a CRLFCRLF.
_PONG = b"\r\n"
# A lone CRLF is a keep-alive of some phones, or the first half of a ping: no message has begun.
_HALF_PING = 3


@dataclass(frozen=True, slots=True)
class TcpLimits:
    """Seconds and octets; ``pcscf.toml`` gives the reasons."""

    connect_timeout: float
    message_timeout: float
    idle_timeout: float
    send_buffer: int


class Owner(Protocol):
    """Who holds the connections."""

    def may_act(self) -> bool:
        """Whether anything may leave: the phones may be another instance's by now."""

    def emit(self, event: Event) -> None:
        """Hand an event on."""

    def opened(self, connection: "Connection") -> bool:
        """Take a connection that is up. False: there are too many, it is dropped unread."""

    def closed(self, connection: "Connection") -> None:
        """Forget a connection that was taken."""


class Connection(asyncio.Protocol):
    """Octets of one connection to events, and messages to octets."""

    flow: Flow
    _transport: asyncio.Transport

    def __init__(
        self, owner: Owner, side: Side, sip: Limits, tcp: TcpLimits, *, accepted: bool
    ) -> None:
        self.side = side
        self.accepted = accepted
        self._owner = owner
        self._limits = tcp
        self._framer = StreamFramer(sip)
        self._loop = asyncio.get_running_loop()
        self._taken = False
        self._last_read = self._loop.time()
        self._idle_timer: asyncio.TimerHandle | None = None
        self._message_timer: asyncio.TimerHandle | None = None
        self._close_timer: asyncio.TimerHandle | None = None

    # -- from one program to the next ---------------------------------------------------------

    def go_on_with(self, begun: bytes) -> None:
        """Begin with what the program before has read of a message that is not whole yet."""
        self._framer.feed(begun)
        self._watch_message(begun_anew=False)

    def pause(self) -> None:
        """Leave what comes where it is, in the kernel."""
        if not self.is_closing:
            self._transport.pause_reading()

    def hand_over(self) -> OpenConnection | None:
        """Let go of the connection without a word to its other end; None if it cannot go on."""
        if self.is_closing or self._transport.get_write_buffer_size():
            return None
        sock = self._transport.get_extra_info("socket").dup()
        self._transport.abort()
        return OpenConnection(sock, self.side, self.accepted, self._framer.rest)

    # -- sending ------------------------------------------------------------------------------

    @property
    def is_closing(self) -> bool:
        """Whether it takes nothing more to send."""
        return self._transport.is_closing()

    def send(self, data: bytes) -> str:
        """Send one message whole. Return the reason if it cannot be, else an empty string."""
        if self.is_closing:
            return "connection is closing"
        if self._transport.get_write_buffer_size() + len(data) > self._limits.send_buffer:
            return "send buffer is full"
        self._transport.write(data)
        return ""

    def close(self) -> None:
        """Close after what was sent has left; a peer that does not read has no say in it."""
        if not self._owner.may_act():
            self.reset()
        elif not self.is_closing:
            self._transport.close()
            delay = self._limits.message_timeout
            self._close_timer = self._loop.call_later(delay, self._transport.abort)

    def reset(self) -> None:
        """Close at once with RST, and forget what is unsent; without a word if none may leave."""
        end = reset_on_close if self._owner.may_act() else vanish_on_close
        end(self._transport.get_extra_info("socket"))
        self._transport.abort()

    # -- asyncio's call-backs -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn the four-tuple, and ask whether there is room for one more."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for mypy; it is TCP
        self._transport = transport
        local = endpoint(transport.get_extra_info("sockname"))
        remote = endpoint(transport.get_extra_info("peername"))
        self.flow = Flow(Transport.TCP, self.side, local, remote)
        self._taken = self._owner.opened(self)
        if self._taken:
            self._idle_timer = self._loop.call_later(self._limits.idle_timeout, self._check_idle)
        else:
            self.reset()

    def data_received(self, data: bytes) -> None:
        """Cut messages out and hand them on."""
        self._last_read = self._loop.time()
        try:
            items = self._framer.feed(data)
            for item in items:
                self._hand_on(item)
            if items:
                self._framer.feed(b"")  # raises what is wrong behind the messages that are whole
        except ParseError as error:
            self._give_up(error)
            return
        self._watch_message(begun_anew=bool(items))

    def eof_received(self) -> None:
        """Close as well: what was sent leaves, or its time runs out."""
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Stop the timers and say goodbye, whatever the reason was."""
        for timer in (self._idle_timer, self._message_timer, self._close_timer):
            if timer:
                timer.cancel()
        untie(self._transport)
        if self._taken:
            self._owner.closed(self)

    # -- receiving ----------------------------------------------------------------------------

    def _hand_on(self, item: bytes | Ping) -> None:
        if not isinstance(item, Ping):
            self._owner.emit(SipReceived(self.flow, item))
        elif self._owner.may_act():
            self.send(_PONG)

    def _give_up(self, error: ParseError) -> None:
        """Have the message answered, then close: where the next one begins cannot be known."""
        if self.is_closing:
            return
        self._owner.emit(SipUnreadable(self.flow, error.head, error))
        self.close()

    # -- time-outs ----------------------------------------------------------------------------

    def _watch_message(self, *, begun_anew: bool) -> None:
        """Give a message that has begun its time. One octet now and then does not renew it."""
        is_partial = self._framer.pending > _HALF_PING
        if self._message_timer and (begun_anew or not is_partial):
            self._message_timer.cancel()
            self._message_timer = None
        if is_partial and not self._message_timer:
            delay = self._limits.message_timeout
            self._message_timer = self._loop.call_later(delay, self.reset)

    def _check_idle(self) -> None:
        """Close if nothing came for long, else look again when that could be so.

        With a reset: after FIN this port pair would stay in TIME_WAIT, and the
        same one has to open again when the phone has a call (TS 33.203 7.1: pc to us).
        """
        left = self._last_read + self._limits.idle_timeout - self._loop.time()
        if left > 0:
            self._idle_timer = self._loop.call_later(left, self._check_idle)
        else:
            self.reset()
