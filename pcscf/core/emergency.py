"""Emergency requests (TS 24.229 5.2.10)."""

from pcscf.core import rewrite
from pcscf.core.server_transactions import ServerTransaction
from pcscf.core.wire import Wire
from pcscf.errors import ParseError
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Request

_BODY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\r\n'
    b'<ims-3gpp version="1"><alternative-service><type>emergency</type>'
    b"<reason>Emergency calls are not served here</reason>"
    b"<action>emergency-registration</action></alternative-service></ims-3gpp>\r\n"
)


def is_emergency(request: Request) -> bool:
    """Whether the Request-URI or the top Route asks for an emergency service (RFC 5031)."""
    return _is_sos(request.uri) or any(
        _is_sos(_uri(route)) for route in request.elements("route")[:1]
    )


def _is_sos(uri: str) -> bool:
    return uri.lower() == "urn:service:sos" or uri.lower().startswith("urn:service:sos.")


def _uri(route: str) -> str:
    try:
        return NameAddr.parse(route).uri
    except ParseError:
        return ""


class Emergency:
    """Tells phones to make their emergency call elsewhere."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def on_request(self, server: ServerTransaction) -> None:
        """Answer 380, by which a phone tries another access or domain at once."""
        context = self._wire.context
        context.report("warning", "emergency_refused", peer=server.flow.remote.host)
        own = rewrite.path_uri("emergency", context.gm_endpoint(server.flow.local.host))
        headers = [("p-asserted-identity", own), ("content-type", "application/3gpp-ims+xml")]
        self._wire.reject(server, 380, "Alternative Service", headers, _BODY)
