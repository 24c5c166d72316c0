"""Requests from the core to a phone, found by the token in our Path or Record-Route.

TS 24.229 5.2.6.4, RFC 3327.
"""

from collections.abc import Callable

from pcscf.core import identity, record_route, rewrite
from pcscf.core.client_transactions import ClientTransaction
from pcscf.core.dialogs import CREATING, Dialogs, Opening, contact_of, is_last
from pcscf.core.effects import SendSip
from pcscf.core.flow import Flow, Side, Transport
from pcscf.core.liveness import Liveness
from pcscf.core.reg_event import RegEvents
from pcscf.core.relay import SILENCE, Relay
from pcscf.core.routing import undo_strict
from pcscf.core.sa_table import SaRow
from pcscf.core.server_transactions import ServerTransaction
from pcscf.core.state import Dialog, Registration
from pcscf.core.subscription import EVENT
from pcscf.core.wire import Wire, to_phone
from pcscf.errors import ParseError, SipError
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Request, Response
from pcscf.sip.subscription import event_package
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
        self._sent_routes: list[str] = []  # Record-Route as the phone was sent it, if we stay
        self.told: Callable[[Registration, Request], None] | None = None  # once it has a 2xx

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
        if self._method in CREATING:
            self._stay(request)
        self.trying()
        self.pass_media(request)
        if self._row is not None:
            client = self.wire.ask_phone(self.registration, self._row, request, self, self.mark)
        elif self.registration.clear_flow is not None:
            client = self.wire.ask_clear(self.registration.clear_flow, request, self, self.mark)
        else:
            raise SipError(480, "No security association")
        self.branch = client.ref

    def _stay(self, request: Request) -> None:
        """Stay in the way of the dialog that this request may begin, or refreshes."""
        route = tuple(request.elements("record-route"))
        if self._dialog is None:
            self._opening = Opening(
                self._method, self._charging, self._identity, route, contact_of(request)
            )
        context = self.wire.context
        shown = record_route.to_phone(context, self.registration, self._row)
        record_route.push(request, shown)
        self._sent_routes = [shown, *route]

    def provisional(self, response: Response) -> None:
        """Pass a 1xx back."""
        self._pass(response)

    def final(self, response: Response) -> None:
        """Pass a final response back, and take note of what it does to dialogs."""
        if self._dialog is not None:
            self._dialogs.on_final(
                self.registration, self._dialog, self._method, response.status, last=self._last
            )
        if self.told is None or response.status not in _SUCCESS:
            self._pass(response)
            return
        notify = self.server.request
        self._pass(response)
        self.told(self.registration, notify)

    def _pass(self, response: Response) -> None:
        if self._sent_routes and response.status < 300 and response.to.tag:
            self._restore_record_route(response)
            over = self._last and response.status in _SUCCESS
            if self._opening is not None and not over and self.begins(response):
                self._dialogs.begin(self.registration, self._opening, response, by_phone=False)
        rewrite.drop(
            response, *rewrite.CHARGING_HEADERS, *rewrite.SECURITY_HEADERS, "p-early-media"
        )
        rewrite.drop_network_provided(response)
        identity.assert_identity(response, self._identity)
        if self._charging:
            vector = rewrite.answered_charging(self.wire.context, self._charging)
            response.append("p-charging-vector", vector)
            for value in self.registration.charging_functions:
                response.append("p-charging-function-addresses", value)
        self.pass_media(response)
        self.wire.answer(self.server, response)

    def _restore_record_route(self, response: Response) -> None:
        """The list is the one that was sent, whatever the phone made of it (TS 24.229 5.2.6.4)."""
        if self._dialog is not None and "record-route" not in response:
            return  # of no use within a dialog, and so not always copied (RFC 3261 12.2.1.2)
        if record_route.restore(response, self._sent_routes):
            self.wire.context.count("record_route_restored")
        own = record_route.to_core(self.wire.context, self.registration)
        record_route.swap(response, self._sent_routes[0], own)

    def on_over(self) -> None:
        """Early dialogs that no 2xx confirmed are over with their INVITE."""
        self._dialogs.end_early(self.registration, *self._call)

    def again(self, sent: SendSip) -> SendSip | None:
        """Not under numbers that may be another user's by now, nor in clear to a phone with SAs.

        A copy goes under the new set, if there is one: should the phone have dropped the
        old one already, the first copy has not arrived (TS 33.203 7.4).
        """
        row, current = self._row, self.registration.current
        if row is None:
            return sent if self.registration.clear_flow is not None else None
        if not self.wire.context.sas.holds(row):
            return None
        if current is None or current is row or sent.flow.transport is Transport.TCP:
            return sent
        self._row = current
        return sent._replace(flow=to_phone(current, Transport.UDP))

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
        context.report(
            "info",
            "phone_unreachable",
            self.server.request,
            impi=self.registration.impi,
            ue=self.registration.phone.host,
            reason=reason,
        )
        if reason == SILENCE:
            self.no_final()
        else:
            self.wire.reject(self.server, 480, "Temporarily Unavailable")

    def _another_way(self, failed: SendSip) -> Flow | None:
        """From pc to us: under the set in use where the phone's own connection failed.

        Where that was refused too, and there is a newer set, under that one: the phone may
        have dropped the old one.
        """
        flow, current = failed.flow, self.registration.current
        if flow.transport is Transport.UDP or flow.side is not Side.PROTECTED:
            return None
        if not self.registration.bindings or current is None:
            return None
        row = self.registration.sending if not failed.connect else current
        anew = to_phone(row or current, Transport.TCP)
        return anew if anew != flow else None


class Terminating:
    """Finds the phone and sends under its SAs."""

    def __init__(
        self, wire: Wire, dialogs: Dialogs, reg_events: RegEvents, liveness: Liveness
    ) -> None:
        self._wire = wire
        self._context = wire.context
        self._dialogs = dialogs
        self._reg_events = reg_events
        self._liveness = liveness

    def on_request(self, server: ServerTransaction) -> None:
        """Take a request of the core. Raises SipError for what is answered with a failure."""
        request = server.request.copy()
        token = self._token(request)
        if token is None:
            self._for_us(server)
            return
        registration = self._registration(token, request)
        if not request.to.tag and self._liveness.refuses(registration):
            self._context.count("silent_answered")
            raise SipError(480, "Temporarily Unavailable")
        self._rewrite(request)
        row = registration.sending
        relay = PhoneRelay(self._wire, server, self._dialogs, registration, row)
        if _is_reg_event(request):
            relay.told = self._reg_events.on_relayed_notify
        relay.start(request)

    def on_ack(self, ack: Request) -> None:
        """Pass the ACK of a 2xx on. Raises SipError where it reaches nobody: it is dropped."""
        request = ack.copy()
        registration = self._registration(self._token(request) or "", request)
        self._rewrite(request)
        row = registration.sending
        if row is not None:
            self._wire.ack_phone(registration, row, request)
        elif registration.clear_flow is not None:
            self._wire.ack_clear(registration.clear_flow, request)

    def _registration(self, token: str, request: Request) -> Registration:
        """Find the phone. Without a binding it gets only the NOTIFY that tells it so."""
        registration = self._context.registry.by_token(token)
        if registration is None:
            raise SipError(404, "Not Found")
        awaited = _is_reg_event(request) and self._reg_events.awaits_notify(registration)
        if not (registration.bindings or awaited):
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
        """Without our Path it is for us: a NOTIFY, or OPTIONS, which asks whether we live."""
        request = server.request
        if request.method == "OPTIONS":
            self._wire.reject(server, 200, "OK")
            return
        if request.method == "NOTIFY":
            self._wire.reject(server, self._reg_events.on_notify(request))
            return
        raise SipError(404, "Not Found")

    def _rewrite(self, request: Request) -> None:
        """Make it what the phone is to see."""
        rewrite.hop(request)
        rewrite.strip_keys(request)
        rewrite.drop(request, *rewrite.CHARGING_HEADERS, *rewrite.SECURITY_HEADERS)
        rewrite.drop(request, "p-visited-network-id", "p-access-network-info")
        identity.keep_private(request)


def _is_reg_event(request: Request) -> bool:
    return request.method == "NOTIFY" and event_package(request.get("event")) == EVENT
