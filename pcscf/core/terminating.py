"""Requests from the core to a phone, found by the token in our Path (TS 24.229 5.2.6.4)."""

from pcscf.core import rewrite
from pcscf.core.effects import SendSip
from pcscf.core.flow import Flow, Side, Transport
from pcscf.core.sa_table import SaRow
from pcscf.core.state import Registration
from pcscf.core.transactions import ClientTransaction, ServerTransaction
from pcscf.core.wire import Wire, to_phone
from pcscf.errors import SipError
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Request, Response

_TRYING, _FINAL = 100, 200


class PhoneRelay:
    """A request at a phone. Only that phone's own SAs may bring the answer.

    ``row`` is the set it goes out under, None to a phone that registered in clear.
    """

    def __init__(
        self, wire: Wire, server: ServerTransaction, registration: Registration, row: SaRow | None
    ) -> None:
        self._wire = wire
        self._server = server
        self.registration = registration
        self._row = row

    def on_response(self, response: Response) -> None:
        """Pass a response back to the core; our Via goes, and what only the network may state."""
        response.pop_element("via")
        if response.status == _TRYING:
            return
        rewrite.drop(
            response, *rewrite.CHARGING_HEADERS, *rewrite.SECURITY_HEADERS, "p-preferred-identity"
        )
        rewrite.drop(response, "p-asserted-identity")
        self._wire.answer(self._server, response)

    def may_send_again(self) -> bool:
        """Not under numbers that may be another user's by now, nor in clear to a phone with SAs."""
        if self._row is None:
            return self.registration.clear_flow is not None
        return self._wire.context.sas.holds(self._row)

    def on_no_response(self, client: ClientTransaction, reason: str) -> None:
        """Ask once more where the phone's connection failed, else tell the sender."""
        flow = self._another_way(client.effect)
        if flow is not None and reason != "no answer":
            self._wire.ask_again(client, flow)
            return
        context = self._wire.context
        context.report("info", "phone_unreachable", impi=self.registration.impi, reason=reason)
        if reason == "no answer":
            self._wire.reject(self._server, 408, "Request Timeout")
        else:
            self._wire.reject(self._server, 480, "Temporarily Unavailable")

    def _another_way(self, failed: SendSip) -> Flow | None:
        """From pc to us under the set in use, if the phone's own connection failed."""
        flow, row = failed.flow, self.registration.sending
        own = flow.transport is Transport.TCP and flow.side is Side.PROTECTED and not failed.connect
        if not own or row is None or not self.registration.bindings:
            return None
        return to_phone(row, Transport.TCP)


class Terminating:
    """Finds the phone and sends under its SAs."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._context = wire.context

    def on_request(self, server: ServerTransaction) -> None:
        """Take a request of the core. Raises SipError for what is answered with a failure."""
        token = self._token(server.request)
        if token is None:
            self._for_us(server)
            return
        registration = self._context.registry.by_token(token)
        if registration is None:
            raise SipError(404, "Not Found")
        if not registration.bindings:
            raise SipError(480, "Temporarily Unavailable")
        self._send(server, registration)

    def _token(self, request: Request) -> str | None:
        """Give the user part of the top Route if it is ours (RFC 3327 5.1)."""
        routes = request.elements("route")
        if not routes:
            return None
        uri = NameAddr.parse(routes[0]).sip_uri
        ours = any(
            rewrite.same_host(uri.host, own.host) and (uri.port or 5060) == own.port
            for own in self._context.policy.core
        )
        return uri.user if ours else None

    def _for_us(self, server: ServerTransaction) -> None:
        """Without our Path it is for nobody; OPTIONS asks whether we live."""
        if server.request.method == "OPTIONS":
            self._wire.reject(server, 200, "OK")
            return
        raise SipError(404, "Not Found")

    def _send(self, server: ServerTransaction, registration: Registration) -> None:
        request = server.request.copy()
        rewrite.hop(request)
        request.pop_element("route")
        rewrite.strip_keys(request)
        rewrite.drop(request, *rewrite.CHARGING_HEADERS, *rewrite.SECURITY_HEADERS)
        rewrite.drop(request, "p-visited-network-id", "p-access-network-info")
        row = registration.sending
        relay = PhoneRelay(self._wire, server, registration, row)
        if row is not None:
            self._wire.ask_phone(row, _flow(registration, row), request, relay)
        elif registration.clear_flow is not None:
            self._wire.ask_clear(registration.clear_flow, request, relay)
        else:
            raise SipError(480, "No security association")


def _flow(registration: Registration, row: SaRow) -> Flow:
    """TCP if the phone registered over it: its connection if it has one, else pc to us."""
    return row.connection or to_phone(row, registration.transport)
