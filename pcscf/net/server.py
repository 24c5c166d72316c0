"""The server: one Edge, its sockets, its timer and the kernel. The one place that acts."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from socket import socket
from typing import Any, Protocol

import structlog

from pcscf.config import Settings
from pcscf.core.effects import (
    CloseFlow,
    Effect,
    ExtendSas,
    InstallSas,
    PutOff,
    RemoveSas,
    Report,
    Resolve,
    SendSip,
)
from pcscf.core.events import (
    DeadlineReached,
    Deafen,
    Drain,
    Event,
    GiveUp,
    InstallFailed,
    PolicyChanged,
    Recalled,
    SaExpired,
    SasPresent,
    SasUsed,
    SendFailed,
    SipReceived,
)
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.core.policy import EdgePolicy
from pcscf.errors import StartError
from pcscf.log import describe, written
from pcscf.net import plan
from pcscf.net.connection import TcpLimits
from pcscf.net.handover import Handover
from pcscf.net.key_log import KeyLog
from pcscf.net.load import LoadMeter
from pcscf.net.observers import Journal, Tap
from pcscf.net.ownership import Ownership
from pcscf.net.recorder import Recorder
from pcscf.net.resolver import Resolver
from pcscf.net.sockets import BACKLOG, RECEIVE_BUFFER, bound_at_start
from pcscf.net.tcp import TcpTable
from pcscf.net.udp import UdpSocket
from pcscf.net.usage import UsageReader
from pcscf.pace import Pace
from xfrm.errors import MonitorOverrunError, XfrmError
from xfrm.kernel import SaKernel
from xfrm.model import SaId, SaSet, SaUsage

log = structlog.get_logger()
_WINDING_UP = 0.05  # seconds between two looks at what is unanswered
_DEAF = 1.0  # seconds, the last ones, in which no new request is taken
_ACCEPTED = 0.02  # seconds, in which a connection that was accepted last is made
_LEVELS = logging.getLevelNamesMapping()


class Decider(Protocol):
    """What the server needs of ``pcscf.core.edge.Edge``."""

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Decide on one event."""

    def next_deadline(self) -> float | None:
        """When to hand in DeadlineReached."""

    def held(self) -> dict[str, int]:
        """Count what is held at present."""

    def counted(self) -> dict[str, int]:
        """Give what was counted since the start."""

    @property
    def unanswered(self) -> int:
        """How many requests wait for a final answer."""


class Monitor(Protocol):
    """What the server needs of ``xfrm.monitor.ExpireMonitor``."""

    def fileno(self) -> int:
        """Descriptor to wait on."""

    def read(self) -> list[SaId]:
        """Return SAs that ran out. Raises MonitorOverrunError."""

    def close(self) -> None:
        """Close the socket."""


class Server:
    """Runs until told to stop. Everything happens in the thread of one event loop.

    ``taps`` see every message; without any, none costs more for it. ``is_up``: phones are served.
    With an ``ownership`` nothing is decided or sent while that may be another one's to do.
    """

    def __init__(
        self,
        settings: Settings,
        edge: Decider,
        kernel: SaKernel,
        monitor: Monitor,
        *,
        key_log: KeyLog | None = None,
        journal: Journal | None = None,
        recorder: Recorder | None = None,
        ownership: Ownership | None = None,
        handover: Handover | None = None,
    ) -> None:
        self.failed_events = 0
        self.is_up = False
        self._has_begun = False
        self.taps: list[Tap] = []
        self._journal = journal
        self._recorder = recorder
        self._ownership = ownership
        if ownership:
            ownership.when_sure(self._go_on)
        self._before = handover or Handover()
        self._next: Handover | None = None
        self._handled: Event | None = None
        self._put_off: list[SipReceived] = []
        self._room_to_put_off = RECEIVE_BUFFER
        self._key_log = key_log
        self._settings = settings
        self._edge = edge
        self._kernel = kernel
        self._monitor = monitor
        self._loop = asyncio.get_running_loop()
        self._udp: dict[Endpoint, UdpSocket] = {}
        self._listeners: list[tuple[socket, Side]] = []  # bound, not listening yet
        self._tcp = self._tcp_table()
        self._resolver = Resolver(
            self.dispatch,
            settings.dns.servers,
            timeout=settings.dns.query_timeout,
            max_queries=settings.dns.max_queries,
        )
        self._events: deque[Event] = deque()
        self._leaving: dict[Endpoint, list[SendSip]] = {}  # datagrams, by the socket
        self._is_busy = False
        self._is_closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._load = LoadMeter(self._loop, self.dispatch)
        self._usage = UsageReader(
            self._loop,
            kernel,
            self._on_usage,
            interval=settings.liveness.interval,
        )
        self._numbers = UsageReader(
            self._loop,
            kernel,
            self._on_numbers,
            interval=settings.store.sequence_interval if recorder else 0,
        )

    # -- life ---------------------------------------------------------------------------------

    def claim(self) -> None:
        """Bind the unprotected ports, and no more. ``start`` does it where it was not done before.

        A second instance on this machine by mistake ends here, before it takes the lease of the
        first or sweeps its SAs. Raises StartError; ``close`` is due then as well.
        """
        if not self._udp:
            unprotected = plan.unprotected(self._settings)
            self._before.keep(unprotected + plan.protected(self._settings))
            self._bind(unprotected)

    async def start(
        self,
        records: Mapping[str, bytes] | None = None,
        arrive: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Bind, guard, bind, listen: in an order that fails closed.

        ``records`` are what an earlier process has left; with them its phones are served on.
        ``arrive`` brings our addresses here, once there is no port that would refuse anything.

        The protected ports come after the policies: no packet in clear ever reaches one of
        them or leaves it. Raises StartError; ``close`` is due then as well.
        """
        self._loop.set_exception_handler(_log_loop_error)
        self.claim()
        try:
            recalled, swept = await self._open_kernel(records or {})
        except (XfrmError, OSError) as error:
            raise StartError(f"the kernel refuses the policies: {error}") from None
        self._bind(plan.protected(self._settings))
        if arrive:
            for sock, _ in self._listeners:
                sock.listen(BACKLOG)
            await arrive()
        self.is_up = self._has_begun = True
        self._loop.add_reader(self._monitor.fileno(), self._on_expirations)
        if recalled:
            self.dispatch(recalled)
        await self._go_on_with(self._before)
        for udp in self._udp.values():
            udp.start()
        while self._listeners:
            await self._tcp.listen(*self._listeners.pop())
        self._load.start()
        self._usage.start()
        self._numbers.start()
        self._set_timer()
        log.info("ready", sockets=len(self._udp), sas_swept=swept)

    async def _go_on_with(self, before: Handover) -> None:
        """Serve the connections of the program before, and what it has put off."""
        for connection in before.connections:
            await self._tcp.adopt(connection)
        if before.connections or before.messages:
            log.info(
                "continued", connections=len(before.connections), messages=len(before.messages)
            )
        before.connections.clear()
        before.close()
        self.dispatch_all(before.messages)

    async def _open_kernel(self, records: Mapping[str, bytes]) -> tuple[Recalled | None, int]:
        if self._recorder:
            return await Pace().take(self._recorder.recall(records, self._kernel))
        return None, self._kernel.open()

    def _sweep(self) -> None:
        self._kernel.open()

    async def wind_up(self, hurry: asyncio.Event, *, drain: bool = True) -> None:
        """Let no new phone in, if so said, and wait until all requests are answered.

        At last no new ones are taken: ``hand_over`` leaves them to the next program, and who sends
        over UDP sends again. What is unanswered, when the time is over or there is a hurry, is
        answered 503.
        """
        if drain:
            self.dispatch(Drain(on=True))
        deadline = self._loop.time() + self._settings.stop.timeout
        hurried = self._loop.create_task(hurry.wait())
        await self._answered(deadline - _DEAF, hurried)
        self.dispatch(Deafen())
        await self._answered(deadline, hurried)
        hurried.cancel()
        self.dispatch(GiveUp())

    async def _answered(self, deadline: float, hurried: asyncio.Task[bool]) -> None:
        """Wait until nothing is unanswered, or the deadline, or the hurry."""
        while self._edge.unanswered and self._loop.time() < deadline and not hurried.done():
            await asyncio.wait({hurried}, timeout=_WINDING_UP)

    async def hand_over(self) -> Handover:
        """Take leave of phones that do not notice; ``close`` closes what this does not give.

        Nothing is received or sent by this process any more, and SAs and policies stay.
        """
        self._next = Handover(messages=self._put_off)
        sockets = self._tcp.stop_listening()
        await asyncio.sleep(_ACCEPTED)
        self._is_closed = True  # and from here on nothing is read that would be lost
        self._tcp.pause()
        sockets += [udp.hand_over() for udp in self._udp.values()]
        for side, sock in sockets:
            self._next.add(side, sock)
        self._next.connections = await self._tcp.hand_over()
        return self._next

    async def close(self) -> None:
        """Close all sockets, then remove our SAs, and the policies last.

        Where registrations are kept, SAs and policies stay for the next process, if so set. If
        the phones are another one's now SAs go first, so that not even a reset leaves.
        """
        self._is_closed = True
        self.is_up = False
        is_lost = self._ownership is not None and self._ownership.lost.is_set()
        if is_lost:
            self._try_kernel("close_failed", self._sweep)
        if self._timer:
            self._timer.cancel()
        self._load.close()
        self._usage.close()
        self._numbers.close()
        await self._resolver.close()
        await self._tcp.close()
        for sock, _ in self._listeners:
            sock.close()
        self._before.close()
        for udp in self._udp.values():
            udp.close()
        self._loop.remove_reader(self._monitor.fileno())
        self._monitor.close()
        kept = self._recorder is not None and self._settings.stop.keep_sas and not is_lost
        keep = kept or self._next is not None
        self._try_kernel("close_failed", lambda: self._kernel.close(keep=keep))
        if self._key_log:
            self._key_log.close()

    @property
    def lag(self) -> float:
        """How late the event loop is, in seconds."""
        return self._load.lag

    def adopt(self, settings: Settings, policy: EdgePolicy) -> None:
        """Go by other settings, as far as that is possible while running.

        ``policy`` is what the core makes of them. Sockets, connections and questions under way
        stay as they are: addresses and ports have to be those of the start.
        """
        self._settings = settings
        limits, dns = settings.limits, settings.dns
        self._tcp.change(
            settings.sip_limits(),
            _tcp_limits(settings),
            max_connections=limits.max_connections,
            max_per_source=limits.max_connections_per_source,
        )
        for udp in self._udp.values():
            udp.change(limits.max_message, limits.send_buffer)
        self._resolver.change(dns.servers, timeout=dns.query_timeout, max_queries=dns.max_queries)
        self._usage.change(settings.liveness.interval)
        self.dispatch(PolicyChanged(policy))

    def tell(self) -> None:
        """Log what is held and what was counted (SIGUSR1)."""
        log.info("held", **self._edge.held())
        log.info("counted", **self._edge.counted())

    def _bind(self, binds: list[plan.Bind]) -> None:
        limits = self._settings.limits
        for bind in binds:
            side, transport, local, shared = bind
            ahead = self._ownership is not None
            sock = self._before.take(bind)
            sock = sock or bound_at_start(transport, local, shared=shared, ahead=ahead)
            if transport is Transport.TCP:
                self._listeners.append((sock, side))
            else:
                self._udp[local] = UdpSocket(
                    sock,
                    side,
                    self.dispatch_all,
                    limits.max_message,
                    limits.send_buffer,
                    may_act=self._may_act,
                )

    def _tcp_table(self) -> TcpTable:
        limits = self._settings.limits
        return TcpTable(
            self.dispatch,
            self._settings.sip_limits(),
            _tcp_limits(self._settings),
            max_connections=limits.max_connections,
            max_per_source=limits.max_connections_per_source,
            shared_ports=plan.shared_ports(self._settings),
            may_act=self._may_act,
        )

    # -- events and effects -------------------------------------------------------------------

    def dispatch(self, event: Event) -> None:
        """Handle an event and all that follows from it."""
        self.dispatch_all((event,))

    def dispatch_all(self, events: Sequence[Event]) -> None:
        """Handle events in their order, and all that follows from them.

        Effects may cause events; those wait their turn, so that a list of
        effects is carried out whole before the core decides again.
        """
        if self._is_closed:
            return
        if self.taps:
            for event in events:
                if isinstance(event, SipReceived):
                    self._show(event.flow, event.data, sent=False)
        self._events.extend(events)
        if self._is_busy:
            return
        self._is_busy = True
        try:
            while self._events and self._may_act():
                self._handle(self._events.popleft())
                if not self._events:
                    self._flush()
        finally:
            self._is_busy = False
        if self._recorder:
            self._recorder.look()
        self._set_timer()

    def _may_act(self) -> bool:
        """Whether the phones are ours to serve, or nobody has been served yet."""
        return self._ownership is None or self._ownership.may_act or not self._has_begun

    def _go_on(self) -> None:
        """Handle what has waited until it was certain that it is ours to handle."""
        if self.is_up:
            self._flush()
            self.dispatch_all(())

    def _show(self, flow: Flow, data: bytes, *, sent: bool) -> None:
        for tap in tuple(self.taps):
            try:
                tap.seen(flow, data, sent=sent)
            except Exception as error:  # noqa: BLE001 - whoever looks on must not end the service
                self.taps.remove(tap)
                log.error("tap_failed", error=describe(error))  # noqa: TRY400 - it would quote

    def _handle(self, event: Event) -> None:
        self._handled = event
        try:
            for effect in self._edge.handle(event, self._loop.time()):
                if not self._execute(effect):
                    break
        except Exception as error:  # noqa: BLE001 - one phone's event must not end the service of all
            self.failed_events += 1
            # not log.exception: a traceback quotes the message
            log.error("event_failed", about=type(event).__name__, error=describe(error))  # noqa: TRY400

    def _execute(self, effect: Effect) -> bool:
        """Carry out one effect. False: those behind it must not happen."""
        if isinstance(effect, SendSip):
            self._send(effect)
            return True
        if isinstance(effect, Report):
            self._report(effect)
            return True
        self._flush()  # what was sent before has to leave under the SAs that are there now
        match effect:
            case InstallSas():
                return self._install(effect)
            case ExtendSas(sa_set, lifetime):
                self._try_kernel("extend_failed", lambda: self._extend(sa_set, lifetime))
            case RemoveSas(sa_set):
                self._try_kernel("remove_failed", lambda: self._remove(sa_set))
            case CloseFlow(flow, at_once):
                self._tcp.close_flow(flow, at_once=at_once)
            case Resolve():
                self._resolver.ask(effect)
            case PutOff():
                self._put_off_handled()
        return True

    def _put_off_handled(self) -> None:
        """Keep what is being handled for the next program, within a bound; who sent it waits."""
        event = self._handled
        if isinstance(event, SipReceived) and len(event.data) <= self._room_to_put_off:
            self._room_to_put_off -= len(event.data)
            self._put_off.append(event)

    def _report(self, report: Report) -> None:
        level, event, fields = report.level, report.event, report.fields
        if level in written:
            log.log(_LEVELS[level.upper()], event, **fields)
        if self._journal is not None:
            self._journal.reported(level, event, fields)

    def _send(self, effect: SendSip) -> None:
        if self.taps:
            self._show(effect.flow, effect.data, sent=True)
        if effect.flow.transport is Transport.TCP:
            self._tcp.send(effect)
        elif effect.flow.local in self._udp:
            self._leaving.setdefault(effect.flow.local, []).append(effect)
        elif effect.ref:
            self.dispatch(SendFailed(effect.flow, effect.ref, "no socket at the local address"))

    def _flush(self) -> None:
        """Send the datagrams of the events that were handled together."""
        if not self._may_act():
            return
        leaving, self._leaving = self._leaving, {}
        for local, effects in leaving.items():
            self._udp[local].send(effects)

    def _install(self, effect: InstallSas) -> bool:
        try:
            self._kernel.install(effect.sa_set, effect.keys, effect.lifetime)
        except (XfrmError, OSError) as error:
            # Ahead of all other events: until then the core takes these SAs for real.
            self._events.appendleft(InstallFailed(effect.sa_set, str(error)))
            if self._journal is not None:
                self._journal.refused(effect.sa_set, str(error))
            return False
        if self._key_log:
            self._key_log.write(effect.sa_set, effect.keys)
        if self._recorder:
            self._recorder.installed(effect.sa_set, effect.keys)
        if self._journal is not None:
            self._journal.installed(effect.sa_set, effect.lifetime)
        return True

    def _extend(self, sa_set: SaSet, lifetime: int) -> None:
        self._kernel.extend(sa_set, lifetime)
        if self._journal is not None:
            self._journal.extended(sa_set, lifetime)

    def _remove(self, sa_set: SaSet) -> None:
        self._kernel.remove(sa_set)
        if self._recorder:
            self._recorder.removed(sa_set)
        if self._journal is not None:
            self._journal.removed(sa_set)

    def _try_kernel(self, failure: str, request: Callable[[], None]) -> None:
        """Ask for what is no one's loss: SAs also go by their hard lifetime."""
        try:
            request()
        except (XfrmError, OSError) as error:
            log.warning(failure, reason=str(error))

    # -- time and expirations -----------------------------------------------------------------

    def _set_timer(self) -> None:
        """Have the one timer go off no later than the core's next deadline.

        One that goes off too early costs less than a new one for every message.
        """
        if not (self.is_up and self._may_act()):
            return
        deadline = self._edge.next_deadline()
        if deadline is None or (self._timer and self._timer.when() <= deadline):
            return
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        deadline = self._edge.next_deadline()
        if deadline is not None and deadline <= self._loop.time():
            self.dispatch(DeadlineReached())
        else:
            self._set_timer()

    def _on_expirations(self) -> None:
        try:
            expired = self._monitor.read()
        except MonitorOverrunError:
            log.warning("expirations_lost")
            self._try_kernel("dump_failed", self._compare_sas)
            return
        except OSError as error:
            # It would be readable for ever. The core's own deadlines remove SAs without it.
            log.error("monitor_failed", reason=str(error))  # noqa: TRY400 - one line
            self._loop.remove_reader(self._monitor.fileno())
            return
        for sa in expired:
            if self._journal is not None:
                self._journal.expired(sa)
            self.dispatch(SaExpired(sa))

    def _on_usage(self, part: list[SaUsage]) -> None:
        """Hand in the counts of SAs that end here."""
        own = self._settings.gm.addresses
        self.dispatch(SasUsed({one.id: one.packets for one in part if one.id.destination in own}))

    def _on_numbers(self, part: list[SaUsage]) -> None:
        """Have the numbers of SAs that end here kept: nothing up to there is taken twice."""
        if self._recorder:
            own = self._settings.gm.addresses
            self._recorder.used([one for one in part if one.id.destination in own])

    def _compare_sas(self) -> None:
        self.dispatch(SasPresent(self._kernel.present()))


def _tcp_limits(settings: Settings) -> TcpLimits:
    limits = settings.limits
    return TcpLimits(
        connect_timeout=limits.connect_timeout,
        message_timeout=limits.message_timeout,
        idle_timeout=limits.idle_timeout,
        send_buffer=limits.send_buffer,
    )


def _log_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say what went wrong in a call-back without quoting it: asyncio would print its arguments."""
    error = context.get("exception")
    log.error("loop_error", error=describe(error) if error else context["message"])
