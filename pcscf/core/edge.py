"""The edge: events in, effects out. Dispatch only; the procedures decide."""

from collections.abc import Callable

from pcscf.core import rewrite
from pcscf.core.agreement import supported
from pcscf.core.challenge import Challenges
from pcscf.core.confirmation import Confirmations
from pcscf.core.context import Context
from pcscf.core.deadlines import Timed
from pcscf.core.effects import CloseFlow, Effect, SendSip
from pcscf.core.emergency import Emergency, is_emergency
from pcscf.core.events import (
    DeadlineReached,
    Event,
    FlowClosed,
    InstallFailed,
    SaExpired,
    SasPresent,
    SendFailed,
    SipReceived,
    SipUnreadable,
)
from pcscf.core.flow import Flow, Side, Transport
from pcscf.core.ids import Ids
from pcscf.core.lost_sas import LostSas
from pcscf.core.originating import Originating
from pcscf.core.policy import EdgePolicy
from pcscf.core.registration import Registrar
from pcscf.core.sa_life import SaLife
from pcscf.core.sa_table import SaRow, Stage
from pcscf.core.state import Attempt, Registration
from pcscf.core.terminating import PhoneRelay, Terminating
from pcscf.core.transactions import ClientTransaction, ServerTransaction, State
from pcscf.core.wire import Headers, Wire, to_phone
from pcscf.errors import ParseError, SipError
from pcscf.sip.check import check_request, check_response
from pcscf.sip.message import Request, Response, parse
from pcscf.sip.response import answer_unreadable, make_response

_AGREEMENT_STATUS = (421, 494)


class Edge:
    """One P-CSCF's decisions."""

    def __init__(self, policy: EdgePolicy, ids: Ids) -> None:
        self._context = context = Context(policy, ids)
        self._wire = wire = Wire(context)
        self._life = life = SaLife(context)
        self._challenges = Challenges(wire, life)
        self._confirmations = Confirmations(wire, life)
        self._registrar = Registrar(wire, self._challenges, self._confirmations)
        self._originating = Originating(wire)
        self._terminating = Terminating(wire)
        self._emergency = Emergency(wire)
        self._lost = LostSas(context, life, self._challenges, self._confirmations)
        self._handlers: dict[type[Event], Callable[..., None]] = {
            SipReceived: self._on_sip,
            SipUnreadable: self._on_unreadable,
            DeadlineReached: self._on_deadlines,
            InstallFailed: self._on_install_failed,
            SendFailed: self._on_send_failed,
            SaExpired: lambda event: self._lost.on_expired(event.sa),
            SasPresent: lambda event: self._lost.on_present(event.sas),
            FlowClosed: self._on_closed,
        }
        self._timed: dict[type[Timed], Callable[..., None]] = {
            ServerTransaction: wire.transactions.on_deadline,
            ClientTransaction: wire.transactions.on_deadline,
            Registration: self._confirmations.on_deadline,
            Attempt: self._challenges.on_deadline,
            SaRow: life.discard,
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
            self._wire.transactions.settle()
        self._handlers[type(event)](event)
        return context.effects

    def next_deadline(self) -> float | None:
        """When to hand in DeadlineReached; None while nothing waits."""
        return self._context.deadlines.next()

    def _on_deadlines(self, _event: DeadlineReached) -> None:
        while (owner := self._context.deadlines.pop_due(self._context.now)) is not None:
            self._timed[type(owner)](owner)

    # --- messages ---

    def _on_sip(self, event: SipReceived) -> None:
        flow = event.flow
        row = None
        if flow.side is Side.PROTECTED:
            row = self._context.sas.find(flow)
            if row is None:
                # TS 33.203 7.1: a protected port serves only whom an SA was made for.
                self._context.report(
                    "debug", "no_sa_for_flow", peer=str(flow.remote), port=flow.local.port
                )
                return
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
            client = self._wire.transactions.client_for(response, flow.side)
        except SipError:
            client = None
        if client is None or not _may_answer(client, row):
            self._context.report(
                "debug", "stray_response", peer=str(flow.remote), status=response.status
            )
            return
        if row is not None:
            self._life.on_traffic(row)
        self._wire.transactions.respond(client, response)

    def _on_request(self, request: Request, flow: Flow, row: SaRow | None) -> None:
        if request.method == "ACK":
            return  # RFC 3261 17.1.1.3: of a transaction that we do not have; never answered
        try:
            check_request(request)
            rewrite.note_source(request, flow)
            server = self._wire.transactions.receive(request, flow, row)
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
            self._wire.reject(server, error.status, error.reason, self._explain(error))
        if flow.side is Side.CLEAR and server.state is State.COMPLETED:
            # Nobody was asked: a copy may be answered anew, and a stranger makes us hold nothing.
            self._wire.transactions.forget(server)

    def _route(self, server: ServerTransaction) -> None:
        """Pick the procedure. Raises SipError for what no procedure may take."""
        request, side = server.request, server.flow.side
        if request.method == "CANCEL":
            raise SipError(481, "Call/Transaction Does Not Exist")
        # TS 24.229 5.2.1: before all else, for it is mostly an INVITE.
        if side is Side.CLEAR and request.method != "REGISTER" and is_emergency(request):
            self._emergency.on_request(server)
        elif request.method == "INVITE":
            raise SipError(501, "Not Implemented")
        elif side is Side.CORE:
            self._terminating.on_request(server)
        elif request.method == "REGISTER":
            self._registrar.on_register(server)
        else:
            self._originating.on_request(server, self._user(server))

    def _user(self, server: ServerTransaction) -> Registration:
        """Whose request this is: by the SA, or by where a phone without IPsec registered."""
        if server.row is not None:
            owner = server.row.owner
            if isinstance(owner, Registration):
                return owner
        else:
            registration = self._context.registry.by_clear_flow(server.flow)
            if registration is not None:
                return registration
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
        response = make_response(
            request, error.status, error.reason, to_tag=self._context.ids.tag()
        )
        self._send_bare(response, flow, row)

    def _answer_unreadable(self, flow: Flow, row: SaRow | None, error: ParseError) -> None:
        response = answer_unreadable(error, self._context.ids.tag())
        self._context.report("info", "unreadable", peer=str(flow.remote), reason=error.reason)
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

    def _on_install_failed(self, event: InstallFailed) -> None:
        row = self._context.sas.find_sa(event.sa_set.ids[0])
        if row is not None:
            self._challenges.on_install_failed(row, event.reason)

    def _on_send_failed(self, event: SendFailed) -> None:
        if self._wire.transactions.fail(event.ref, event.reason):
            return
        server = self._wire.transactions.server_by_ref(event.ref)
        if server is not None:
            self._wire.on_answer_failed(server, event.reason)

    def _on_closed(self, event: FlowClosed) -> None:
        """Forget a phone's connection. Its registration stays: a FIN deregisters nobody.

        Requests under way on the connection go another way, or have failed.
        """
        row = self._context.sas.find(event.flow) if event.flow.side is Side.PROTECTED else None
        if row is not None and row.connection == event.flow:
            row.connection = None
        self._wire.transactions.on_closed(event.flow)


def _may_answer(client: ClientTransaction, row: SaRow | None) -> bool:
    """Only the phone that was asked may answer, under its own SAs."""
    user = client.user
    if isinstance(user, PhoneRelay):
        return row is None or (row.owner is user.registration and row.stage is not Stage.TEMPORARY)
    return row is None
