"""The server: one Edge, and what acts for it: its ports, its SAs in the kernel, its timer."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
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
    SipReceived,
)
from pcscf.core.flow import Flow
from pcscf.core.policy import EdgePolicy
from pcscf.log import describe, written
from pcscf.net.associations import Associations, Monitor
from pcscf.net.handover import Handover
from pcscf.net.key_log import KeyLog
from pcscf.net.load import LoadMeter
from pcscf.net.observers import Journal, Tap
from pcscf.net.ownership import Ownership
from pcscf.net.ports import Ports
from pcscf.net.recorder import Recorder
from pcscf.net.resolver import Resolver
from pcscf.net.sockets import RECEIVE_BUFFER
from xfrm.kernel import SaKernel

log = structlog.get_logger()
_WINDING_UP = 0.05  # seconds between two looks at what is unanswered
_DEAF = 1.0  # seconds, the last ones, in which no new request is taken
_LAST_WORDS = 2.0  # seconds for phones to acknowledge what was sent on connections that ended
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
        self.taps: list[Tap] = []
        self._has_begun = False
        self._settings = settings
        self._edge = edge
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
        self._loop = asyncio.get_running_loop()
        self._ports = Ports(
            settings,
            self.dispatch_all,
            may_act=self._may_act,
            handover=self._before,
            ahead=ownership is not None,
        )
        self._associations = Associations(
            settings,
            kernel,
            monitor,
            self.dispatch,
            key_log=key_log,
            journal=journal,
            recorder=recorder,
        )
        self._resolver = Resolver(
            self.dispatch,
            settings.dns.servers,
            timeout=settings.dns.query_timeout,
            max_queries=settings.dns.max_queries,
        )
        self._events: deque[Event] = deque()
        self._is_busy = False
        self._is_closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._load = LoadMeter(self._loop, self.dispatch)

    # -- life ---------------------------------------------------------------------------------

    def claim(self) -> None:
        """Bind the unprotected ports, and no more. ``start`` does it where it was not done before.

        A second instance on this machine by mistake ends here, before it takes the lease of the
        first or sweeps its SAs. Raises StartError; ``close`` is due then as well.
        """
        self._ports.bind_unprotected()

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
        recalled, swept = await self._associations.open(records or {})
        self._ports.bind_protected()
        if arrive:
            self._ports.listen()
            await arrive()
        self.is_up = self._has_begun = True
        self._associations.watch()
        if recalled:
            self.dispatch(recalled)
        await self._go_on_with(self._before)
        await self._ports.start()
        self._load.start()
        self._associations.count()
        self._set_timer()
        log.info("ready", sockets=self._ports.udp_count, sas_swept=swept)

    async def _go_on_with(self, before: Handover) -> None:
        """Serve the connections of the program before, and what it has put off."""
        connections, messages = len(before.connections), len(before.messages)
        await self._ports.go_on()
        if connections or messages:
            log.info("continued", connections=connections, messages=messages)
        self.dispatch_all(before.messages)

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
        await self._ports.stop_accepting()
        self._is_closed = True  # and from here on nothing is read that would be lost
        await self._ports.hand_over(self._next)
        return self._next

    async def close(self) -> None:
        """Close all sockets, then remove our SAs, and the policies last.

        Where registrations are kept, SAs and policies stay for the next process, if so set. If
        the phones are another one's now SAs go first, so that not even a reset leaves. Policies
        stay as well where the kernel has something to send again: it would leave in clear.
        """
        self._is_closed = True
        self.is_up = False
        is_lost = self._ownership is not None and self._ownership.lost.is_set()
        if is_lost:
            self._associations.sweep()
        if self._timer:
            self._timer.cancel()
        self._load.close()
        self._associations.stop_counting()
        is_kept = self._recorder is not None and self._settings.stop.keep_sas and not is_lost
        keep = is_kept or self._next is not None
        try:
            await self._resolver.close()
            await self._ports.close()
            if not keep and not await self._ports.acknowledged(0 if is_lost else _LAST_WORDS):
                log.warning("policies_stay", reason="a connection that ended is not acknowledged")
                keep = True
        finally:
            self._associations.close(keep=keep)

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
        dns = settings.dns
        self._ports.change(settings)
        self._resolver.change(dns.servers, timeout=dns.query_timeout, max_queries=dns.max_queries)
        self._associations.change(settings)
        self.dispatch(PolicyChanged(policy))

    def tell(self) -> None:
        """Log what is held and what was counted (SIGUSR1)."""
        log.info("held", **self._edge.held())
        log.info("counted", **self._edge.counted())

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
                    self._ports.flush()
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
            self._ports.flush()
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
        self._ports.flush()  # what was sent before has to leave under the SAs that are there now
        match effect:
            case InstallSas():
                return self._install(effect)
            case ExtendSas():
                self._associations.extend(effect)
            case RemoveSas():
                self._associations.remove(effect)
            case CloseFlow(flow, at_once):
                self._ports.close_flow(flow, at_once=at_once)
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
        self._ports.send(effect)

    def _install(self, effect: InstallSas) -> bool:
        refusal = self._associations.install(effect)
        if refusal is None:
            return True
        # Ahead of all other events: until then the core takes these SAs for real.
        self._events.appendleft(InstallFailed(effect.sa_set, refusal))
        return False

    # -- time ---------------------------------------------------------------------------------

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


def _log_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say what went wrong in a call-back without quoting it: asyncio would print its arguments."""
    error = context.get("exception")
    log.error("loop_error", error=describe(error) if error else context["message"])
