"""What comes in: read, checked, and handed to its procedure; or refused, or met with silence."""

from pcscf.core import loops, rewrite
from pcscf.core.agreement import supported
from pcscf.core.client_transactions import Cancelling, ClientTransaction
from pcscf.core.effects import CloseFlow, SendSip
from pcscf.core.emergency import Emergency, service_of
from pcscf.core.events import SipReceived, SipUnreadable
from pcscf.core.flow import Flow, Side, Transport
from pcscf.core.guard import Guard
from pcscf.core.liveness import Liveness
from pcscf.core.machines import State
from pcscf.core.offence import Offence
from pcscf.core.originating import Originating
from pcscf.core.registration import Registrar
from pcscf.core.sa_life import SaLife
from pcscf.core.sa_table import SaRow, Stage
from pcscf.core.server_transactions import ServerTransaction
from pcscf.core.state import Registration
from pcscf.core.terminating import PhoneRelay, Terminating
from pcscf.core.wire import Headers, Wire, to_phone
from pcscf.errors import ParseError, SipError
from pcscf.sip.check import check_request, check_response
from pcscf.sip.message import Request, Response, parse
from pcscf.sip.response import answer_unreadable, make_response

_AGREEMENT_STATUS = (421, 494)
_PROBES = ("OPTIONS", "INVITE")  # what scanners send to find out who answers
_EXTENSIONS = frozenset({"sec-agree", "path"})  # that a proxy may be required to know, and we do
_LONGEST_METHOD = 32  # in a report; a peer may write any


class Intake:
    """The way of every message that is received, as far as the procedure that decides on it."""

    def __init__(
        self,
        wire: Wire,
        guard: Guard,
        life: SaLife,
        liveness: Liveness,
        *,
        registrar: Registrar,
        originating: Originating,
        terminating: Terminating,
        emergency: Emergency,
    ) -> None:
        self._context = wire.context
        self._wire = wire
        self._guard = guard
        self._life = life
        self._liveness = liveness
        self._registrar = registrar
        self._originating = originating
        self._terminating = terminating
        self._emergency = emergency

    def on_sip(self, event: SipReceived) -> None:
        """Take a message, whole as its transport gave it."""
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

    def on_unreadable(self, event: SipUnreadable) -> None:
        """Answer a broken stream once, then close it."""
        row = self._context.sas.find(event.flow) if event.flow.side is Side.PROTECTED else None
        if row is not None or event.flow.side is not Side.PROTECTED:
            error = ParseError(event.error.status, event.error.reason, event.head)
            self._answer_unreadable(event.flow, row, error)
        self._context.emit(CloseFlow(event.flow))

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
