"""The edge: events in, effects out. Dispatch only; the procedures decide."""

from collections.abc import Callable
from typing import Protocol

from pcscf.core.blocks import Block
from pcscf.core.challenge import Challenges
from pcscf.core.client_transactions import ClientTransaction, InviteClient
from pcscf.core.confirmation import Confirmations
from pcscf.core.context import Context
from pcscf.core.deadlines import Timed
from pcscf.core.dialogs import Dialogs
from pcscf.core.effects import Effect, SendSip
from pcscf.core.emergency import Emergency, Guest
from pcscf.core.events import (
    DeadlineReached,
    Deafen,
    Deregister,
    Drain,
    Event,
    FlowClosed,
    GiveUp,
    HooksAnswered,
    InstallFailed,
    LoadMeasured,
    PolicyChanged,
    Recalled,
    Resolved,
    SaExpired,
    SasPresent,
    SasUsed,
    SendFailed,
    SipReceived,
    SipUnreadable,
)
from pcscf.core.flow import Side
from pcscf.core.guard import Guard
from pcscf.core.hooks import Hooks
from pcscf.core.hop_health import HopRecord
from pcscf.core.ids import Ids
from pcscf.core.intake import Intake
from pcscf.core.liveness import Liveness
from pcscf.core.lookups import Lookup
from pcscf.core.lost_sas import LostSas
from pcscf.core.measures import Measures
from pcscf.core.originating import Originating
from pcscf.core.own_request import OwnRequest, Sender
from pcscf.core.policy import EdgePolicy
from pcscf.core.probes import Probes, Round
from pcscf.core.reg_changes import Farewell
from pcscf.core.reg_event import RegEvents
from pcscf.core.registration import Registrar
from pcscf.core.revival import Revival
from pcscf.core.routing import targets_of
from pcscf.core.sa_life import SaLife
from pcscf.core.sa_table import SaRow
from pcscf.core.server_transactions import InviteServer, ServerTransaction
from pcscf.core.snapshot import Values, save
from pcscf.core.state import Attempt, Registration
from pcscf.core.subscription import Subscription
from pcscf.core.terminating import Terminating
from pcscf.core.verification import Verification
from pcscf.core.views import Views
from pcscf.core.wire import Wire
from pcscf.sip.message import Request


class _OnPolicy(Protocol):
    def on_policy(self) -> None:
        """Take over what the context's policy says now."""


class Edge:
    """One P-CSCF's decisions; ``views`` is what an operator may look at."""

    def __init__(self, policy: EdgePolicy, ids: Ids) -> None:
        self._context = context = Context(policy, ids)
        self._guard = guard = Guard(context)
        self._wire = wire = Wire(context)
        life = SaLife(context)
        self._challenges = Challenges(wire, life)
        self._confirmations = Confirmations(wire, life)
        verification = Verification(wire, guard)
        registrar = Registrar(wire, self._challenges, self._confirmations, guard, verification)
        dialogs = Dialogs(context)
        self._reg_events = RegEvents(context, self._ask_core, self._confirmations.drop)
        self._liveness = liveness = Liveness(context)
        self._confirmations.observe(self._reg_events, liveness)
        originating = Originating(wire, dialogs, verification)
        terminating = Terminating(wire, dialogs, self._reg_events, liveness)
        emergency = Emergency(wire, originating, self._ask_core)
        self._intake = intake = Intake(
            wire,
            guard,
            life,
            liveness,
            registrar=registrar,
            originating=originating,
            terminating=terminating,
            emergency=emergency,
        )
        self._lost = LostSas(context, life, self._challenges, self._confirmations)
        self.views = Views(context, wire.next_hops, guard, liveness)
        probes = Probes(wire, wire.next_hops)
        # Those who keep something that was made from the policy.
        self._by_policy: tuple[_OnPolicy, ...] = (
            guard, wire.next_hops, probes, liveness, self._reg_events,
        )  # fmt: skip
        self._handlers: dict[type[Event], Callable[..., None]] = {
            SipReceived: intake.on_sip,
            SipUnreadable: intake.on_unreadable,
            DeadlineReached: self._on_deadlines,
            InstallFailed: self._on_install_failed,
            SendFailed: self._on_send_failed,
            SaExpired: lambda event: self._lost.on_expired(event.sa),
            SasPresent: lambda event: self._lost.on_present(event.sas),
            SasUsed: liveness.on_used,
            FlowClosed: self._on_closed,
            LoadMeasured: lambda event: guard.on_load(event.lag),
            Resolved: wire.next_hops.lookups.on_resolved,
            Recalled: Revival(context, self._reg_events, liveness).on_recalled,
            PolicyChanged: self._on_policy,
            Drain: self._on_drain,
            Deafen: self._on_deafen,
            GiveUp: self._on_give_up,
            Deregister: self._on_deregister,
            HooksAnswered: wire.gate.on_answered,
        }
        self._timed: dict[type[Timed], Callable[..., None]] = {
            ServerTransaction: wire.servers.on_deadline,
            InviteServer: wire.servers.on_deadline,
            ClientTransaction: wire.clients.on_deadline,
            InviteClient: wire.clients.on_deadline,
            Registration: self._confirmations.on_deadline,
            Attempt: self._challenges.on_deadline,
            SaRow: life.discard,
            Block: guard.on_deadline,
            Guest: emergency.on_deadline,
            Lookup: wire.next_hops.lookups.on_deadline,
            HopRecord: wire.next_hops.health.on_deadline,
            Round: probes.on_deadline,
            Subscription: self._reg_events.on_deadline,
            Farewell: self._reg_events.on_deadline,
        }

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Decide on one event; ``now`` is in seconds and never goes back.

        The effects are to be carried out in order. If an InstallSas among them fails,
        those behind it are dropped and InstallFailed is the next event.
        """
        context = self._context
        context.now = now
        context.effects = []
        if not isinstance(event, InstallFailed):  # which takes the last event's answer back
            self._wire.servers.settle()
        self._handlers[type(event)](event)
        for effect in context.effects:
            if isinstance(effect, SendSip):
                context.measures.count(effect.flow.side, "sent", effect.data)
        return context.effects

    def next_deadline(self) -> float | None:
        """When to hand in DeadlineReached; None while nothing waits."""
        return self._context.deadlines.next()

    def held(self) -> dict[str, int]:
        """Count what is held at present; all but registrations and their SA sets passes by."""
        context, wire = self._context, self._wire
        registrations = context.registry.all()
        return {
            "registrations": len(registrations),
            "authentications": context.registry.attempts,
            "sa_sets": len(context.sas),
            "dialogs": sum(len(one.dialogs) for one in registrations),
            "server_transactions": len(wire.servers),
            "client_transactions": len(wire.clients),
            "subscriptions": len(self._reg_events),
            "silent_phones": self._liveness.silent,
            "waiting_for_hooks": len(wire.gate),
        }

    def counted(self) -> dict[str, int]:
        """Give what was counted since the start: ``Context.counters``."""
        return dict(self._context.counters)

    @property
    def measures(self) -> Measures:
        """What was measured since the start."""
        return self._context.measures

    @property
    def draining(self) -> bool:
        """Whether new phones are turned away."""
        return self._context.draining

    @property
    def unanswered(self) -> int:
        """How many requests wait for a final answer."""
        return len(self._wire.servers.unanswered())

    def use_hooks(self, hooks: Hooks | None) -> None:
        """Have these asked from now on, or none; messages that wait are answered for all the same.

        What an operator's function chooses must not lead to a phone: addresses are known.
        """
        self._context.hooks = hooks
        if hooks is not None:
            self._context.sas.count_hosts()

    # --- what is to outlive the process ---

    def track_changes(self) -> None:
        """Begin to note which registrations change; ``take_changes`` is due now and then."""
        self._context.registry.changed = {}

    @property
    def has_changes(self) -> bool:
        """Whether there is something to take."""
        return bool(self._context.registry.changed)

    def touch_all(self) -> None:
        """Have all registrations among the changes."""
        for registration in self._context.registry.all():
            self._context.registry.touch(registration)

    def take_changes(self, since: float) -> dict[str, Values | None]:
        """Give each changed registration as it is now, by its token; None: it is gone.

        ``since`` is what to add to the core's clock to have seconds since 1970.
        """
        registry = self._context.registry
        changed, registry.changed = registry.changed or {}, {}
        return {token: self._saved(registry.by_token(token), since) for token in changed}

    def _saved(self, registration: Registration | None, since: float) -> Values | None:
        """Callers who are not registered are for one call only."""
        if registration is None or registration.is_guest:
            return None
        return save(registration, since)

    def _ask_core(self, request: Request, sender: Sender, towards: str | None) -> None:
        """Send a request of our own: towards a URI, or to the entry points in their order."""
        targets = targets_of(self._wire.next_hops.entry_points, request, towards or "")
        OwnRequest(self._wire, request, sender).start(targets)

    def _on_policy(self, event: PolicyChanged) -> None:
        self._context.adopt(event.policy)
        for part in self._by_policy:
            part.on_policy()

    def _on_deadlines(self, _event: DeadlineReached) -> None:
        while (owner := self._context.deadlines.pop_due(self._context.now)) is not None:
            self._timed[type(owner)](owner)

    # --- the rest of the world ---

    def _on_drain(self, event: Drain) -> None:
        if event.on is not self._context.draining:
            self._context.draining = event.on
            self._context.report("info", "draining" if event.on else "serving")

    def _on_deafen(self, _event: Deafen) -> None:
        self._context.is_deaf = True

    def _on_give_up(self, _event: GiveUp) -> None:
        for server in self._wire.servers.unanswered():
            if isinstance(server, InviteServer) and server.relay is not None:
                server.relay.cancel(())
            self._wire.reject(server, 503)

    def _on_deregister(self, event: Deregister) -> None:
        """Without a word to the core, which keeps its registration until that runs out.

        The phone is told by nobody: its next request meets no SA, and it registers anew.
        """
        for registration in self._context.registry.of_user(event.impi):
            if registration.phone.host == event.ue:
                self._confirmations.drop(registration, "removed_by_operator")

    def _on_install_failed(self, event: InstallFailed) -> None:
        row = self._context.sas.find_sa(event.sa_set.ids[0])
        if row is not None:
            self._challenges.on_install_failed(row, event.reason)

    def _on_send_failed(self, event: SendFailed) -> None:
        if self._wire.clients.fail(event.ref, event.reason):
            return
        server = self._wire.servers.find(event.ref)
        if server is not None:
            self._wire.on_answer_failed(server, event.reason)

    def _on_closed(self, event: FlowClosed) -> None:
        """Forget a phone's connection. Its registration stays: a FIN deregisters nobody.

        Requests under way on the connection go another way, or have failed.
        """
        row = self._context.sas.find(event.flow) if event.flow.side is Side.PROTECTED else None
        if row is not None and row.connection == event.flow:
            row.connection = None
        self._wire.clients.on_closed(event.flow)
