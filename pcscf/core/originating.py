"""Requests from a registered phone to the core (TS 24.229 5.2.6.3)."""

from collections.abc import Sequence

from pcscf.core import identity, record_route, rewrite
from pcscf.core.dialogs import CREATING, Dialogs, Opening, is_last, route_of
from pcscf.core.policy import RouteCheck
from pcscf.core.relay import CoreRelay
from pcscf.core.routing import hops_of, send_strictly
from pcscf.core.server_transactions import ServerTransaction
from pcscf.core.state import Dialog, Registration
from pcscf.core.wire import Wire
from pcscf.errors import ParseError, SipError
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Request, Response


class OriginatingRelay(CoreRelay):
    """A phone's request at the core.

    ``opening`` says what a dialog would begin with, None where none can; ``dialog`` is the
    one that the request is within.
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
        self._registration = registration
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
                self._registration, self.dialog, self.method, response.status, last=self._last
            )
        self._pass(response)

    def _pass(self, response: Response) -> None:
        begins = self.opening is not None and response.status < 300
        if self.opening is not None and begins and response.to.tag:
            self._dialogs.begin(self._registration, self.opening, response, by_phone=True)
        rewrite.response_downward(response)
        identity.keep_private(response)
        self.pass_media(response)
        context = self.wire.context
        if "record-route" in response:
            record_route.swap(
                response,
                record_route.to_core(context, self._registration),
                record_route.to_phone(context, self._registration, self.server.row),
            )
        self.wire.answer(self.server, response)

    def _overloaded(self, response: Response) -> None:
        """One server's 503 is not ours (RFC 3261 16.7 step 6): the phone would leave us."""
        retry = response.get("retry-after")
        headers = [("retry-after", retry)] if retry is not None else []
        self.wire.reject(self.server, 500, "Server Internal Error", headers)

    def on_over(self) -> None:
        """Early dialogs that no 2xx confirmed are over with their INVITE."""
        self._dialogs.end_early(self._registration, *self._call)


class Originating:
    """Passes a phone's request on, in the name of an identity that is registered."""

    def __init__(self, wire: Wire, dialogs: Dialogs) -> None:
        self._wire = wire
        self._context = wire.context
        self._dialogs = dialogs

    def on_request(self, server: ServerTransaction, registration: Registration) -> None:
        """Take a request other than REGISTER. Raises SipError for what is refused."""
        if not registration.bindings:
            raise SipError(403, "Not registered")
        request = server.request.copy()
        dialog = self._dialog(request, registration)
        relay = OriginatingRelay(self._wire, server, request, self._dialogs, registration)
        relay.dialog = dialog
        if dialog is None:
            self._rewrite_initial(relay, registration)
        else:
            self._rewrite(request, registration, dialog.route, dialog.identity, dialog.charging)
        hops = hops_of(self._context, request, self._target(request, dialog))
        send_strictly(request)
        relay.pass_media(request)
        relay.start(hops)

    def on_ack(self, ack: Request, registration: Registration) -> None:
        """Pass the ACK of a 2xx on. Raises SipError where it has no dialog: it is dropped."""
        request = ack.copy()
        dialog = self._dialog(request, registration)
        if dialog is None:
            raise SipError(403, "No such dialog")
        self._rewrite(request, registration, dialog.route, dialog.identity, dialog.charging)
        hops = hops_of(self._context, request, self._target(request, dialog))
        send_strictly(request)
        if hops:
            self._wire.ack_core(hops[0], request)

    def _dialog(self, request: Request, registration: Registration) -> Dialog | None:
        """Find the dialog of a request that claims one. Raises SipError 403 where it is none."""
        if not request.to.tag:
            return None
        dialog = self._dialogs.find(registration, request, by_phone=True)
        if dialog is None:
            raise SipError(403, "No such dialog")  # TS 24.229 5.2.6.3.5
        return dialog

    def _target(self, request: Request, dialog: Dialog | None) -> str:
        """Where a request without Route goes: the other side's Contact, not what a phone says."""
        return "" if dialog is None or "route" in request else dialog.target

    def _rewrite_initial(self, relay: OriginatingRelay, registration: Registration) -> None:
        request = relay.request
        asserted = identity.preferred(request, registration)
        charging = rewrite.charging_vector(self._context)
        route = registration.bindings[0].service_route
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
