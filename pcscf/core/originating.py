"""Requests from a registered phone to the core (TS 24.229 5.2.6.3)."""

from collections.abc import Sequence

from pcscf.core import identity, record_route, rewrite
from pcscf.core.dialogs import CREATING, Dialogs, Opening, is_last, route_of
from pcscf.core.policy import NextHop, RouteCheck
from pcscf.core.relay import CoreRelay
from pcscf.core.routing import Targets, send_strictly, targets_of
from pcscf.core.server_transactions import ServerTransaction
from pcscf.core.state import Dialog, Registration
from pcscf.core.verification import Verification
from pcscf.core.wire import Wire
from pcscf.errors import ParseError, SipError
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Request, Response


class OriginatingRelay(CoreRelay):
    """A phone's request at the core.

    ``registration`` is the phone's. ``opening`` says what a dialog would begin with, None
    where none can; ``dialog`` is the one that the request is within.
    """

    def __init__(
        self,
        wire: Wire,
        server: ServerTransaction,
        request: Request,
        dialogs: Dialogs,
        registration: Registration,
    ) -> None:
        super().__init__(wire, server, request)
        self._dialogs = dialogs
        self.registration = registration
        self.opening: Opening | None = None
        self.dialog: Dialog | None = None
        self._last = request.method == "NOTIFY" and is_last(request)
        self._call = request.call_id, request.from_.tag or ""

    def provisional(self, response: Response) -> None:
        """Pass a 1xx back; it may begin an early dialog."""
        self._pass(response)

    def final(self, response: Response) -> None:
        """Pass a final response back, and take note of what it does to dialogs."""
        if response.status == 503:
            self._overloaded(response)
            return
        if self.dialog is not None:
            self._dialogs.on_response(self.dialog, self.method, response)
            self._dialogs.on_final(
                self.registration, self.dialog, self.method, response.status, last=self._last
            )
        self._pass(response)

    def _pass(self, response: Response) -> None:
        if self.opening is not None and self.begins(response):
            self._dialogs.begin(self.registration, self.opening, response, by_phone=True)
        rewrite.response_downward(response)
        identity.keep_private(response)
        self.pass_media(response)
        context = self.wire.context
        if "record-route" in response:
            record_route.swap(
                response,
                record_route.to_core(context, self.registration),
                record_route.to_phone(context, self.registration, self.server.row),
            )
        self.wire.answer(self.server, response)

    def _overloaded(self, response: Response) -> None:
        """One server's 503 is not ours (RFC 3261 16.7 step 6): the phone would leave us."""
        retry = response.get("retry-after")
        headers = [("retry-after", retry)] if retry is not None else []
        self.wire.reject(self.server, 500, "Server Internal Error", headers)

    def concerned(self) -> dict[str, str]:
        """Tell whose request it is, as the fields of a report."""
        return {"impi": self.registration.impi, "ue": self.registration.phone.host}

    def on_over(self) -> None:
        """Early dialogs that no 2xx confirmed are over with their INVITE."""
        self._dialogs.end_early(self.registration, *self._call)


class Originating:
    """Passes a phone's request on, in the name of an identity that is registered."""

    def __init__(self, wire: Wire, dialogs: Dialogs, verification: Verification) -> None:
        self._wire = wire
        self._context = wire.context
        self._dialogs = dialogs
        self._verification = verification

    def on_request(self, server: ServerTransaction, registration: Registration) -> None:
        """Take a request other than REGISTER. Raises SipError for what is refused."""
        if not registration.bindings:
            raise SipError(403, "Not registered")
        if server.row is not None and not self._verification.holds(server.request, server.row):
            self._verification.refuse(server, server.row, "security-verify")
            return
        request = server.request.copy()
        dialog = self._dialog(request, registration)
        relay = OriginatingRelay(self._wire, server, request, self._dialogs, registration)
        relay.dialog = dialog
        if dialog is None:
            if registration.phone.emergency:
                raise SipError(403, "Emergency requests only")  # TS 24.229 5.2.10
            route = registration.bindings[0].service_route
            self._open(relay, route, identity.preferred(request, registration))
        else:
            self._rewrite(request, registration, dialog.route, dialog.identity, dialog.charging)
            if request.method in CREATING:  # a target refresh
                record_route.push(request, record_route.to_core(self._context, registration))
        targets = self._targets(request, dialog)
        send_strictly(request)
        relay.pass_media(request)
        relay.start(targets, registration.hop)

    def on_emergency(
        self, server: ServerTransaction, registration: Registration, service: str, targets: Targets
    ) -> None:
        """Pass an emergency request to the E-CSCF (TS 24.229 5.2.10.3), not by Service-Route.

        ``service`` is its URN. An anonymous caller has no identity to assert.
        """
        request = server.request.copy()
        request.uri = service
        rewrite.drop(request, "route")
        relay = OriginatingRelay(self._wire, server, request, self._dialogs, registration)
        anonymous = registration.is_guest
        asserted = "" if anonymous else identity.preferred(request, registration)
        self._open(relay, (), asserted)
        relay.pass_media(request)
        relay.start(targets)

    def on_ack(self, ack: Request, registration: Registration) -> None:
        """Pass the ACK of a 2xx on. Raises SipError where it has no dialog: it is dropped."""
        request = ack.copy()
        dialog = self._dialog(request, registration)
        if dialog is None:
            raise SipError(403, "No such dialog")
        self._rewrite(request, registration, dialog.route, dialog.identity, dialog.charging)
        targets = self._targets(request, dialog)
        send_strictly(request)
        self._wire.next_hops.find(targets, lambda hops: self._pass_ack(hops, request))

    def _pass_ack(self, hops: Sequence[NextHop], ack: Request) -> None:
        """Send an ACK to the first; nobody would tell us if that failed."""
        if hops:
            self._wire.ack_core(hops[0], ack)

    def _dialog(self, request: Request, registration: Registration) -> Dialog | None:
        """Find the dialog of a request that claims one. Raises SipError 403 where it is none."""
        if not request.to.tag:
            return None
        dialog = self._dialogs.find(registration, request, by_phone=True)
        if dialog is None:
            raise SipError(403, "No such dialog")  # TS 24.229 5.2.6.3.5
        return dialog

    def _targets(self, request: Request, dialog: Dialog | None) -> Targets:
        """Where a request goes; within a dialog to the Contact given, not what a phone says."""
        remote = "" if dialog is None else dialog.target
        return targets_of(self._wire.next_hops.entry_points, request, remote)

    def _open(self, relay: OriginatingRelay, route: Sequence[str], asserted: str) -> None:
        """Rewrite a request outside of any dialog, and stay in the way of what it may begin."""
        request, registration = relay.request, relay.registration
        charging = rewrite.charging_vector(self._context)
        self._rewrite(request, registration, route, asserted, charging)
        if request.method in CREATING:
            record_route.push(request, record_route.to_core(self._context, registration))
            relay.opening = Opening(request.method, charging, asserted)

    def _rewrite(
        self,
        request: Request,
        registration: Registration,
        route: Sequence[str],
        asserted: str,
        charging: str,
    ) -> None:
        """Make it what the core is to see."""
        rewrite.hop(request)
        self._set_route(request, route)
        rewrite.drop_security_agreement(request)
        rewrite.drop_network_provided(request)
        rewrite.drop_early_media_claims(request)
        rewrite.drop(request, "p-visited-network-id", *rewrite.CHARGING_HEADERS)
        identity.assert_identity(request, asserted)
        request.append("p-charging-vector", charging)
        for value in registration.charging_functions:
            request.append("p-charging-function-addresses", value)

    def _set_route(self, request: Request, route: Sequence[str]) -> None:
        """Have a request go the way that the phone was given (TS 24.229 5.2.6.3.7).

        Raises SipError 400 for another one where that is enforced.
        """
        elements = request.elements("route")
        if elements and self._is_ours(elements[0]):
            elements = elements[1:]
        if elements == list(route) or _same(elements, route):
            if "route" in request and len(elements) != len(request.elements("route")):
                request.pop_element("route")
            return
        self._context.count("route_mismatch")
        if self._context.policy.route_check is RouteCheck.ENFORCE:
            raise SipError(400, "Route is not the one given")
        rewrite.drop(request, "route")
        for element in route:
            request.append("route", element)

    def _is_ours(self, element: str) -> bool:
        """Whether a Route names our side towards the phones."""
        try:
            uri = NameAddr.parse(element).sip_uri
        except ParseError:
            return False
        return any(
            uri.port in (one.port_ps, one.port) and rewrite.same_host(uri.host, one.host)
            for one in self._context.policy.gm
        )


def _same(elements: Sequence[str], route: Sequence[str]) -> bool:
    """Compare two routes by their URIs."""
    try:
        return route_of(tuple(elements)) == route_of(tuple(route))
    except ParseError:
        return False
