"""Requests from the core to a phone, found by the token in our Path or Record-Route.

TS 24.229 5.2.6.4, RFC 3327.
"""

from pcscf.core import identity, record_route, rewrite
from pcscf.core.client_transactions import ClientTransaction
from pcscf.core.dialogs import CREATING, Dialogs, Opening, contact_of, is_last
from pcscf.core.effects import SendSip
from pcscf.core.flow import Flow, Side, Transport
from pcscf.core.relay import SILENCE, Relay
from pcscf.core.routing import undo_strict
from pcscf.core.sa_table import SaRow
from pcscf.core.server_transactions import ServerTransaction
from pcscf.core.state import Dialog, Registration
from pcscf.core.wire import Wire, to_phone
from pcscf.errors import ParseError, SipError
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Request, Response
from pcscf.sip.uri import SipUri

_SUCCESS = range(200, 300)


class PhoneRelay(Relay):
    """A request at a phone. Only that phone's own SAs may bring the answer.

    ``row`` is the set it goes out under, None to a phone that registered in clear.
    """

    def __init__(
        self,
        wire: Wire,
        server: ServerTransaction,
        dialogs: Dialogs,
        registration: Registration,
        row: SaRow | None,
    ) -> None:
        super().__init__(wire, server)
        request = server.request
        self.registration = registration
        self._dialogs = dialogs
        self._row = row
        self._method = request.method
        self._last = self._method == "NOTIFY" and is_last(request)
        self._charging = request.get("p-charging-vector") or ""
        self._call = request.call_id, request.from_.tag or ""
        self._dialog = self._known_dialog(request)
        self._identity = (
            self._dialog.identity
            if self._dialog is not None
            else identity.called(request, registration)
        )
        self._opening: Opening | None = None
        self._own = self._shown = ""  # our Record-Route towards core and phone

    def _known_dialog(self, request: Request) -> Dialog | None:
        if not request.to.tag:
            return None
        dialog = self._dialogs.find(self.registration, request, by_phone=False)
        if dialog is not None:
            self._dialogs.on_request(dialog, request)
        return dialog

    def start(self, request: Request) -> None:
        """Send the request, which is the phone's to see but for our Via and Record-Route.

        Raises SipError 480 where nothing leads to the phone.
        """
        if self._method in CREATING and self._dialog is None:
            self._open(request)
        self.trying()
        self.pass_media(request)
        if self._row is not None:
            client = self.wire.ask_phone(self.registration, self._row, request, self)
        elif self.registration.clear_flow is not None:
            client = self.wire.ask_clear(self.registration.clear_flow, request, self)
        else:
            raise SipError(480, "No security association")
        self.branch = client.ref

    def _open(self, request: Request) -> None:
        """Stay in the way of the dialog that this request may begin."""
        route = tuple(request.elements("record-route"))
        self._opening = Opening(
            self._method, self._charging, self._identity, route, contact_of(request)
        )
        context = self.wire.context
        self._own = record_route.to_core(context, self.registration)
        self._shown = record_route.to_phone(context, self.registration, self._row)
        record_route.push(request, self._shown)

    def provisional(self, response: Response) -> None:
        """Pass a 1xx back."""
        self._pass(response)

    def final(self, response: Response) -> None:
        """Pass a final response back, and take note of what it does to dialogs."""
        if self._dialog is not None:
            self._dialogs.on_final(
                self.registration, self._dialog, self._method, response.status, last=self._last
            )
        self._pass(response)

    def _pass(self, response: Response) -> None:
        opening = self._opening
        if opening is not None and response.status < 300 and response.to.tag:
            self._restore_record_route(response, opening)
            if not (self._last and response.status in _SUCCESS):
                self._dialogs.begin(self.registration, opening, response, by_phone=False)
        rewrite.drop(
            response, *rewrite.CHARGING_HEADERS, *rewrite.SECURITY_HEADERS, "p-early-media"
        )
        rewrite.drop_network_provided(response)
        identity.assert_identity(response, self._identity)
        if self._charging:
            vector = rewrite.answered_charging(self.wire.context, self._charging)
            response.append("p-charging-vector", vector)
        self.pass_media(response)
        self.wire.answer(self.server, response)

    def _restore_record_route(self, response: Response, opening: Opening) -> None:
        """The list is the one that was sent, whatever the phone made of it (TS 24.229 5.2.6.4)."""
        if record_route.restore(response, [self._shown, *opening.route]):
            self.wire.context.count("record_route_restored")
        record_route.swap(response, self._shown, self._own)

    def on_over(self) -> None:
        """Early dialogs that no 2xx confirmed are over with their INVITE."""
        self._dialogs.end_early(self.registration, *self._call)

    def may_send_again(self) -> bool:
        """Not under numbers that may be another user's by now, nor in clear to a phone with SAs."""
        if self._row is None:
            return self.registration.clear_flow is not None
        return self.wire.context.sas.holds(self._row)

    def on_no_response(self, client: ClientTransaction, reason: str) -> None:
        """Ask once more where the phone's connection failed, else tell the sender."""
        if self.caller_gone:
            self.no_final()
            return
        flow = self._another_way(client.effect)
        if client.fallback is not None and reason != SILENCE:
            # A connection that we opened for the size alone was refused; its own one may just end.
            self.registration.udp_only = client.effect.connect
            self.wire.fall_back(client)
            return
        if flow is not None and reason != SILENCE:
            self.wire.ask_again(client, flow)
            return
        context = self.wire.context
        context.report("info", "phone_unreachable", impi=self.registration.impi, reason=reason)
        if reason == SILENCE:
            self.no_final()
        else:
            self.wire.reject(self.server, 480, "Temporarily Unavailable")

    def _another_way(self, failed: SendSip) -> Flow | None:
        """From pc to us under the set in use, if the phone's own connection failed."""
        flow, row = failed.flow, self.registration.sending
        own = flow.transport is Transport.TCP and flow.side is Side.PROTECTED and not failed.connect
        if not own or row is None or not self.registration.bindings:
            return None
        return to_phone(row, Transport.TCP)


class Terminating:
    """Finds the phone and sends under its SAs."""

    def __init__(self, wire: Wire, dialogs: Dialogs) -> None:
        self._wire = wire
        self._context = wire.context
        self._dialogs = dialogs

    def on_request(self, server: ServerTransaction) -> None:
        """Take a request of the core. Raises SipError for what is answered with a failure."""
        request = server.request.copy()
        token = self._token(request)
        if token is None:
            self._for_us(server)
            return
        registration = self._registration(token)
        self._rewrite(request)
        row = registration.sending
        PhoneRelay(self._wire, server, self._dialogs, registration, row).start(request)

    def on_ack(self, ack: Request) -> None:
        """Pass the ACK of a 2xx on. Raises SipError where it reaches nobody: it is dropped."""
        request = ack.copy()
        registration = self._registration(self._token(request) or "")
        self._rewrite(request)
        row = registration.sending
        if row is not None:
            self._wire.ack_phone(registration, row, request)
        elif registration.clear_flow is not None:
            self._wire.ack_clear(registration.clear_flow, request)

    def _registration(self, token: str) -> Registration:
        registration = self._context.registry.by_token(token)
        if registration is None:
            raise SipError(404, "Not Found")
        if not registration.bindings:
            raise SipError(480, "Temporarily Unavailable")
        return registration

    def _token(self, request: Request) -> str | None:
        """Take our own Route off, and give its user part (RFC 3327 5.1); None if there is none.

        A strict router has put it into the Request-URI (RFC 3261 16.4).
        """
        routes = request.elements("route")
        if not routes:
            return None
        if self._is_ours(request.uri) and (user := SipUri.parse(request.uri).user):
            undo_strict(request)
            return user
        uri = NameAddr.parse(routes[0]).sip_uri
        if not self._is_ours(str(uri)):
            return None
        request.pop_element("route")
        return uri.user

    def _is_ours(self, text: str) -> bool:
        """Whether a URI names our side towards the core."""
        try:
            uri = SipUri.parse(text)
        except ParseError:
            return False
        return any(
            (uri.port or 5060) == own.port and rewrite.same_host(uri.host, own.host)
            for own in self._context.policy.core
        )

    def _for_us(self, server: ServerTransaction) -> None:
        """Without our Path it is for nobody; OPTIONS asks whether we live."""
        if server.request.method == "OPTIONS":
            self._wire.reject(server, 200, "OK")
            return
        raise SipError(404, "Not Found")

    def _rewrite(self, request: Request) -> None:
        """Make it what the phone is to see."""
        rewrite.hop(request)
        rewrite.strip_keys(request)
        rewrite.drop(request, *rewrite.CHARGING_HEADERS, *rewrite.SECURITY_HEADERS)
        rewrite.drop(request, "p-visited-network-id", "p-access-network-info")
        identity.keep_private(request)
