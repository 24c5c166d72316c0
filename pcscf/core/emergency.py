"""Emergency requests (TS 24.229 5.2.10, RFC 5031): screened before all else."""

from collections.abc import Callable
from math import inf

from pcscf.core import rewrite
from pcscf.core.context import Context
from pcscf.core.deadlines import Timed
from pcscf.core.originating import Originating
from pcscf.core.own_request import Sender
from pcscf.core.policy import EmergencyPolicy, WithoutECscf
from pcscf.core.server_transactions import ServerTransaction
from pcscf.core.state import GUEST, Binding, Phone, Registration
from pcscf.core.wire import Wire
from pcscf.errors import ParseError, SipError
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Request, Response, new_request
from pcscf.sip.uri import SipUri, TelUri

_SOS = "urn:service:sos"
_BODY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\r\n'
    b'<ims-3gpp version="1"><alternative-service><type>emergency</type>'
    b"<reason>Emergency calls are not served here</reason>"
    b"<action>emergency-registration</action></alternative-service></ims-3gpp>\r\n"
)
_ANONYMOUS = "sip:anonymous@anonymous.invalid"  # RFC 3323 4.1.1.3
_LOOK_AGAIN = 300.0  # seconds; above timer C, so that a call that rings is not forgotten

Ask = Callable[[Request, Sender, str | None], None]


def service_of(request: Request, numbers: frozenset[str]) -> str:
    """Give the emergency service that a request outside of any dialog asks for, as a URN.

    By Request-URI or top Route, or by one of the ``numbers``; "" if it asks for none.
    """
    if request.to.tag or request.method == "REGISTER":
        return ""
    if _is_sos(request.uri):
        return request.uri
    route = request.get("route")
    if route is not None and "sos" in route.lower() and _is_sos(top := _uri(route)):
        return top
    return _SOS if numbers and _number(request.uri) in numbers else ""


def _is_sos(uri: str) -> bool:
    lower = uri[: len(_SOS) + 1].lower()
    return lower in (_SOS, _SOS + ".")


def _uri(route: str) -> str:
    try:
        return NameAddr.parse_many(route)[0].uri
    except (ParseError, IndexError):
        return ""


def _number(uri: str) -> str:
    """Give what was dialled: of tel:112, sip:112@example.net or sip:112;phone-context=x@y."""
    try:
        if uri[:4].lower() == "tel:":
            return TelUri.parse(uri).aor()[4:].partition(";")[0]
        return (SipUri.parse(uri).user or "").partition(";")[0]
    except ParseError:
        return ""


class Guest(Timed):
    """A caller who is not registered; looked after until its calls are over."""

    __slots__ = ("registration",)

    def __init__(self, registration: Registration) -> None:
        super().__init__()
        self.registration = registration


class Emergency:
    """Passes emergency requests to the E-CSCF, or tells phones to call elsewhere."""

    def __init__(self, wire: Wire, originating: Originating, ask: Ask) -> None:
        self._wire = wire
        self._context = wire.context
        self._originating = originating
        self._ask = ask
        self._guests = 0

    @property
    def _policy(self) -> EmergencyPolicy:
        return self._context.policy.emergency

    def on_request(
        self, server: ServerTransaction, registration: Registration | None, service: str
    ) -> None:
        """Take a phone's emergency request. Raises SipError for what is refused.

        ``registration`` is None if the phone has none, or is unprotected and should not be.
        """
        if self._policy.e_cscf and (registration is not None or self._policy.anonymous):
            caller = registration or self._welcome(server)
            self._notify(server.request, caller, service)
            self._originating.on_emergency(server, caller, service, self._policy.e_cscf)
        elif registration is not None and self._policy.without_e_cscf is WithoutECscf.S_CSCF:
            self._originating.on_request(server, registration)
        else:
            self._refuse(server)

    def _refuse(self, server: ServerTransaction) -> None:
        """Answer 380, by which a phone tries another access or domain at once."""
        context = self._context
        context.report("warning", "emergency_refused", server.request, ue=server.flow.remote.host)
        own = rewrite.path_uri("emergency", context.gm_endpoint(server.flow.local.host))
        headers = [("p-asserted-identity", own), ("content-type", "application/3gpp-ims+xml")]
        self._wire.reject(server, 380, "Alternative Service", headers, _BODY)

    # --- callers who are not registered ---

    def _welcome(self, server: ServerTransaction) -> Registration:
        """Have an anonymous caller found again by flow and token, as long as its call lasts."""
        if self._guests >= self._policy.max_anonymous:
            raise SipError(503, "Too many anonymous calls")
        context, flow = self._context, server.flow
        token = context.ids.token()
        guest = Registration(Phone(GUEST + token, flow.remote.host, "", emergency=True), token)
        guest.bindings = (Binding(_ANONYMOUS, _ANONYMOUS, inf, (), ()),)
        guest.transport = flow.transport
        context.registry.add(guest)
        context.registry.set_clear_flow(guest, flow)
        self._guests += 1
        context.deadlines.set(Guest(guest), context.now + _LOOK_AGAIN)
        return guest

    def on_deadline(self, guest: Guest) -> None:
        """Forget a guest that is in no call."""
        if guest.registration.dialogs:
            self._context.deadlines.set(guest, self._context.now + _LOOK_AGAIN)
            return
        self._guests -= 1
        self._context.registry.remove(guest.registration)

    # --- who is told ---

    def _notify(self, request: Request, caller: Registration, service: str) -> None:
        """Tell those the operator named that an emergency call starts."""
        if request.method != "INVITE":
            return
        who = "anonymous" if caller.is_guest else ", ".join(caller.identities)
        fields = {"ue": caller.phone.host, "service": service}
        if not caller.is_guest:
            fields["impi"] = caller.impi
        self._context.report("warning", "emergency_call", request, **fields)
        for uri in self._policy.notify:
            told = _message(self._context, uri, request, caller.phone.host, who)
            self._ask(told, _Told(self._context, uri), None)


class _Told:
    """Who sent the word of a call to one address."""

    def __init__(self, context: Context, uri: str) -> None:
        self._context = context
        self._uri = uri

    def on_response(self, response: Response) -> None:
        if response.status >= 300:
            self.on_no_answer(str(response.status))

    def on_no_answer(self, reason: str) -> None:
        self._context.report("warning", "emergency_not_notified", uri=self._uri, reason=reason)

    def may_send_again(self) -> bool:
        return True


def _message(context: Context, uri: str, call: Request, host: str, who: str) -> Request:
    """Say who calls from where, and which number."""
    own = f"<sip:{context.own}>"
    lines = [
        "Emergency call",
        f"Caller: {who}",
        f"Address: {host}",
        f"Called: {call.uri}",
        *(f"Access: {value}" for value in call.values("p-access-network-info")),
        f"Call-ID: {call.call_id}",
    ]
    headers = (
        ("max-forwards", "70"),
        ("from", f"{own};tag={context.ids.tag()}"),
        ("to", f"<{uri}>"),
        ("call-id", context.ids.token()),
        ("cseq", "1 MESSAGE"),
        ("p-asserted-identity", own),
        ("p-charging-vector", rewrite.charging_vector(context)),
        ("content-type", "text/plain;charset=utf-8"),
    )
    body = "\r\n".join([*lines, ""]).encode("utf-8", "replace")
    return new_request("MESSAGE", uri, headers, body)
