"""Requests from a registered phone to the core (TS 24.229 5.2.6.3)."""

from pcscf.core import rewrite
from pcscf.core.flow import Endpoint, Transport
from pcscf.core.granted import identity_key
from pcscf.core.policy import NextHop
from pcscf.core.relay import CoreRelay
from pcscf.core.state import Registration
from pcscf.core.transactions import ServerTransaction
from pcscf.core.wire import Wire
from pcscf.errors import SipError
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Request

_SIP_PORT = 5060


class Originating:
    """Passes a phone's request on, in the name of an identity that is registered."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._context = wire.context

    def on_request(self, server: ServerTransaction, registration: Registration) -> None:
        """Take a request other than REGISTER. Raises SipError for what is refused."""
        if not registration.bindings:
            raise SipError(403, "Not registered")
        relay = CoreRelay(self._wire, server, server.request.copy())
        self._rewrite(relay.request, registration)
        hop = _hop_of(registration.bindings[0].service_route)
        if hop is not None:
            relay.go_by(hop)
        relay.start()

    def _rewrite(self, request: Request, registration: Registration) -> None:
        """Make it what the core is to see; Route is the stored Service-Route (RFC 3608 6.1)."""
        rewrite.hop(request)
        rewrite.drop_security_agreement(request)
        rewrite.drop_network_provided(request)
        identity = self._identity(request, registration)
        rewrite.drop(
            request, "route", "p-preferred-identity", "p-asserted-identity", "p-visited-network-id"
        )
        for element in registration.bindings[0].service_route:
            request.append("route", element)
        request.append("p-asserted-identity", identity)
        rewrite.add_charging_vector(
            self._context, request, rewrite.host_text(self._context.policy.core[0])
        )

    def _identity(self, request: Request, registration: Registration) -> str:
        """Give the preferred identity if registered, else the default one; not From."""
        registered = {identity_key(text): text for text in registration.identities}
        for text in request.elements("p-preferred-identity"):
            if identity_key(text) in registered:
                return registered[identity_key(text)]
        return registration.identities[0]


def _hop_of(route: tuple[str, ...]) -> NextHop | None:
    """The first Route names the next hop if it does so by address."""
    if not route:
        return None
    uri = NameAddr.parse(route[0]).sip_uri
    if rewrite.is_name(uri.host):
        return None
    tcp = (uri.params.get("transport") or "").lower() == "tcp"
    endpoint = Endpoint(uri.host.strip("[]"), uri.port or _SIP_PORT)
    return NextHop(Transport.TCP if tcp else Transport.UDP, endpoint)
