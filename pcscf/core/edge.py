"""The edge: events in, effects out. Dispatch only; the procedures decide."""

from collections.abc import Callable
from typing import Protocol

from pcscf.core import loops, rewrite
from pcscf.core.agreement import supported
from pcscf.core.blocks import Block
from pcscf.core.challenge import Challenges
from pcscf.core.client_transactions import Cancelling, ClientTransaction, InviteClient
from pcscf.core.confirmation import Confirmations
from pcscf.core.context import Context
from pcscf.core.deadlines import Timed
from pcscf.core.dialogs import Dialogs
from pcscf.core.effects import CloseFlow, Effect, SendSip
from pcscf.core.emergency import Emergency, Guest, service_of
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
from pcscf.core.flow import Flow, Side, Transport
from pcscf.core.guard import Guard
from pcscf.core.hooks import Hooks
from pcscf.core.hop_health import HopRecord
from pcscf.core.ids import Ids
from pcscf.core.liveness import Liveness
from pcscf.core.lookups import Lookup
from pcscf.core.lost_sas import LostSas
from pcscf.core.machines import State
from pcscf.core.measures import Measures
from pcscf.core.offence import Offence
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
from pcscf.core.sa_table import SaRow, Stage
from pcscf.core.server_transactions import InviteServer, ServerTransaction
from pcscf.core.snapshot import Values, save
from pcscf.core.state import Attempt, Registration
from pcscf.core.subscription import Subscription
from pcscf.core.terminating import PhoneRelay, Terminating
from pcscf.core.verification import Verification
from pcscf.core.views import Views
from pcscf.core.wire import Headers, Wire, to_phone
from pcscf.errors import ParseError, SipError
from pcscf.sip.check import check_request, check_response
from pcscf.sip.message import Request, Response, parse
from pcscf.sip.response import answer_unreadable, make_response

_AGREEMENT_STATUS = (421, 494)
_PROBES = ("OPTIONS", "INVITE")  # what scanners send to find out who answers
_EXTENSIONS = frozenset({"sec-agree", "path"})  # that a proxy may be required to know, and we do
_LONGEST_METHOD = 32  # in a report; a peer may write any


class _OnPolicy(Protocol):
    def on_policy(self) -> None:
        """Take over what the context's policy says now."""


class Edge:
    """One P-CSCF's decisions; ``views`` is what an operator may look at."""

    def __init__(self, policy: EdgePolicy, ids: Ids) -> None:
        self._context = context = Context(policy, ids)
        self._guard = guard = Guard(context)
        self._wire = wire = Wire(context)
        self._life = life = SaLife(context)
        self._challenges = Challenges(wire, life)
        self._confirmations = Confirmations(wire, life)
        verification = Verification(wire, guard)
        self._registrar = Registrar(
            wire, self._challenges, self._confirmations, guard, verification
        )
        dialogs = Dialogs(context)
        self._reg_events = RegEvents(context, self._ask_core, self._confirmations.drop)
        self._liveness = liveness = Liveness(context)
        self._confirmations.observe(self._reg_events, liveness)
        self._originating = Originating(wire, dialogs, verification)
        self._terminating = Terminating(wire, dialogs, self._reg_events, liveness)
        self._emergency = Emergency(wire, self._originating, self._ask_core)
        self._lost = LostSas(context, life, self._challenges, self._confirmations)
        self.views = Views(context, wire.next_hops, guard, liveness)
        probes = Probes(wire, wire.next_hops)
        # Those who keep something that was made from the policy.
        self._by_policy: tuple[_OnPolicy, ...] = (
            guard, wire.next_hops, probes, liveness, self._reg_events,
        )  # fmt: skip
        self._handlers: dict[type[Event], Callable[..., None]] = {
            SipReceived: self._on_sip,
            SipUnreadable: self._on_unreadable,
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
            Guest: self._emergency.on_deadline,
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

    # --- messages ---

    def _on_sip(self, event: SipReceived) -> None:
        flow = event.flow
        if not self._guard.admits(flow):
            self._context.emit(CloseFlow(flow, at_once=True))
            return
        self._context.measures.count(flow.side, "received", event.data)
        row = None
        if flow.side is Side.PROTECTED:
            row = self._context.sas.find(flow)
            if row is None:
                # TS 33.203 7.1: a protected port serves only whom an SA was made for.
                self._context.report(
                    "debug", "no_sa_for_flow", peer=str(flow.remote), port=flow.local.port
                )
                return
            self._liveness.on_sip(row)
        try:
            message = parse(event.data, self._context.policy.limits)
        except ParseError as error:
            self._answer_unreadable(flow, row, error)
            return
        if (
            row is not None
            and flow.transport is Transport.TCP
            and flow != to_phone(row, flow.transport)
        ):
            row.connection = flow
        if isinstance(message, Response):
            self._on_response(message, flow, row)
        else:
            self._on_request(message, flow, row)

    def _on_response(self, response: Response, flow: Flow, row: SaRow | None) -> None:
        try:
            check_response(response)
            client = self._wire.clients.find(response, flow.side)
        except SipError:
            client = None
        if client is None or not _may_answer(client, row):
            self._context.report(
                "debug", "stray_response", response, peer=str(flow.remote), status=response.status
            )
            return
        if row is not None:
            self._life.on_traffic(row)
        self._wire.clients.respond(client, response)

    def _on_request(self, request: Request, flow: Flow, row: SaRow | None) -> None:
        if request.method == "ACK":
            self._on_ack(request, flow, row)
            return
        try:
            check_request(request)
            _check_proxy_require(request)
            loops.check(request, flow.side)
            if not self._guard.admits_request(request, flow):
                return
            rewrite.note_source(request, flow)
            server = self._wire.receive(request, flow, row)
        except SipError as error:
            self._refuse(request, flow, row, error)
            return
        if server is None:
            return
        if row is not None:
            self._life.on_traffic(row)
        try:
            self._route(server)
        except SipError as error:
            headers = (*error.headers, *self._explain(error))
            self._report_refusal(request, flow, error)
            self._wire.reject(server, error.status, error.reason, headers)
        if flow.side is Side.CLEAR and server.state is State.COMPLETED:
            # Nobody was asked: a copy may be answered anew, and a stranger makes us hold nothing.
            self._wire.servers.forget(server)

    def _on_ack(self, ack: Request, flow: Flow, row: SaRow | None) -> None:
        """Take an ACK, which is never answered: of our own final response, or of a 2xx."""
        try:
            check_request(ack)
            invite = self._wire.servers.find_invite(ack, flow, row)
            if invite is not None and self._wire.servers.acknowledge(invite):
                return
            if row is not None:
                self._life.on_traffic(row)
            if flow.side is Side.CORE:
                self._terminating.on_ack(ack)
            else:
                user = self._known_user(flow, row)
                if user is not None:  # else of a refusal in clear, which is not remembered
                    self._originating.on_ack(ack, user)
        except SipError as error:
            self._context.report(
                "debug", "ack_dropped", ack, peer=str(flow.remote), reason=error.reason
            )

    def _route(self, server: ServerTransaction) -> None:
        """Pick the procedure. Raises SipError for what no procedure may take."""
        request, flow, row = server.request, server.flow, server.row
        if request.method == "CANCEL":
            self._on_cancel(server)
        elif flow.side is Side.CORE:
            self._terminating.on_request(server)
        # TS 24.229 5.2.1: before all else, and no limit concerns it.
        elif service := service_of(request, self._context.policy.emergency.numbers):
            self._emergency.on_request(server, self._known_user(flow, row), service)
        else:
            self._check_limits(server)
            if request.method == "REGISTER":
                self._registrar.on_register(server)
            else:
                self._originating.on_request(server, self._user(flow, row, request.method))

    def _check_limits(self, server: ServerTransaction) -> None:
        """Raise SipError 503 for what is too much."""
        request, flow, row = server.request, server.flow, server.row
        if flow.side is Side.CLEAR:
            self._guard.check_source(flow)
        self._guard.check_load(request, flow, emergency=False)
        user = row.owner if row is not None else self._context.registry.by_clear_flow(flow)
        if user is not None:
            self._guard.check_user(user)

    def _on_cancel(self, server: ServerTransaction) -> None:
        """Answer a CANCEL, and pass it on if its INVITE still waits (RFC 3261 16.10)."""
        request = server.request
        invite = self._wire.servers.find_invite(request, server.flow, server.row)
        if invite is None:
            raise SipError(481, "Call/Transaction Does Not Exist")
        self._wire.reject(server, 200, "OK")
        if invite.state is State.PROCEEDING and invite.relay is not None:
            invite.relay.cancel(request.lines("reason"))

    def _known_user(self, flow: Flow, row: SaRow | None) -> Registration | None:
        """Whose request this is: by the SA, or by where a phone without IPsec registered."""
        if row is None:
            return self._context.registry.by_clear_flow(flow)
        owner = row.owner
        return owner if isinstance(owner, Registration) and owner.bindings else None

    def _user(self, flow: Flow, row: SaRow | None, method: str) -> Registration:
        """As above. Raises SipError 403 for a request of nobody."""
        user = self._known_user(flow, row)
        if user is not None:
            return user
        if row is None:
            probes = method in _PROBES
            self._guard.note(flow.remote.host, Offence.PROBE if probes else Offence.UNREGISTERED)
        raise SipError(403, "Forbidden")

    # --- answers without a transaction ---

    def _explain(self, error: SipError) -> Headers:
        """RFC 3329 2.3.1: both statuses carry what we support."""
        if error.status not in _AGREEMENT_STATUS:
            return ()
        return (
            ("require", "sec-agree"),
            ("security-server", supported(self._context.policy.suites)),
        )

    def _refuse(self, request: Request, flow: Flow, row: SaRow | None, error: SipError) -> None:
        """Answer a request that is not worth a transaction."""
        self._report_refusal(request, flow, error)
        response = make_response(
            request,
            error.status,
            error.reason,
            to_tag=self._context.ids.tag(),
            headers=error.headers,
        )
        self._send_bare(response, flow, row)

    def _report_refusal(self, request: Request, flow: Flow, error: SipError) -> None:
        self._context.report(
            "debug",
            "refused",
            request,
            peer=str(flow.remote),
            method=request.method[:_LONGEST_METHOD],
            status=error.status,
            reason=error.reason,
        )

    def _answer_unreadable(self, flow: Flow, row: SaRow | None, error: ParseError) -> None:
        response = answer_unreadable(error, self._context.ids.tag())
        fields = {"peer": str(flow.remote), "reason": error.reason}
        if row is not None:
            fields |= {"impi": row.owner.impi, "ue": row.sa_set.ue}
        self._context.report("info", "unreadable", **fields)
        if flow.side is Side.CLEAR:
            self._guard.note(flow.remote.host, Offence.UNREADABLE)
        if response is not None:
            self._send_bare(response, flow, row)

    def _send_bare(self, response: Response, flow: Flow, row: SaRow | None) -> None:
        if row is not None and flow.transport is Transport.UDP:
            flow = to_phone(row, Transport.UDP)
        self._context.emit(SendSip(flow, response.to_bytes()))

    # --- the rest of the world ---

    def _on_unreadable(self, event: SipUnreadable) -> None:
        """Answer a broken stream once, then close it."""
        row = self._context.sas.find(event.flow) if event.flow.side is Side.PROTECTED else None
        if row is not None or event.flow.side is not Side.PROTECTED:
            error = ParseError(event.error.status, event.error.reason, event.head)
            self._answer_unreadable(event.flow, row, error)
        self._context.emit(CloseFlow(event.flow))

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


def _may_answer(client: ClientTransaction, row: SaRow | None) -> bool:
    """Only the phone that was asked may answer, under its own SAs."""
    user = client.user.invite if isinstance(client.user, Cancelling) else client.user
    if isinstance(user, PhoneRelay):
        return row is None or (row.owner is user.registration and row.stage is not Stage.TEMPORARY)
    return row is None


def _check_proxy_require(request: Request) -> None:
    """Raise SipError 420 for an extension we do not know (RFC 3261 16.3 point 5)."""
    if "proxy-require" not in request or request.method == "CANCEL":
        return
    unknown = [tag for tag in request.elements("proxy-require") if tag.lower() not in _EXTENSIONS]
    if unknown:
        raise SipError(420, "Bad Extension", [("unsupported", tag) for tag in unknown])
