"""A REGISTER read and on its way: which phone, which policy, what it may lead to."""

from collections.abc import Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import Protocol

from pcscf.core.agreement import Offer
from pcscf.core.context import Context
from pcscf.core.flow import Flow
from pcscf.core.policy import EdgePolicy, SecAgree
from pcscf.core.relay import CoreRelay
from pcscf.core.server_transactions import ServerTransaction
from pcscf.core.state import Attempt, Phone, Under
from pcscf.core.wire import Wire
from pcscf.errors import ParseError, SipError
from pcscf.sip.message import Request, Response

_NO_CREDENTIALS: Mapping[str, str] = MappingProxyType({})
_ABOUT_THE_OFFER = (400, 421, 494)
_LONGEST_OFFER = 400  # in a report: two entries
_LONGEST_IDENTITY = 256  # an IMPI is a NAI of at most 253 octets (TS 23.003 13.3, RFC 7542)


def authorization(request: Request) -> Mapping[str, str]:
    """Give the Digest parameters of Authorization by lower-case name; empty if there are none.

    Raises SipError 400 for more than one set of credentials, or a parameter given twice:
    the core might read another identity than we do, and take it for protected.
    """
    auth = request.credentials
    if auth is None:
        return _NO_CREDENTIALS
    if request.count("authorization") > 1 or not auth.plain:
        raise SipError(400, "Ambiguous Authorization")
    return auth.params if auth.is_digest else _NO_CREDENTIALS


def phone_of(request: Request, flow: Flow) -> Phone:
    """Tell which phone a REGISTER is from.

    Without a username the private identity is derived from the public one, as a
    network does for a phone without an ISIM (TS 23.003 13.3). Raises SipError 400.
    """
    _ = request.to.sip_uri  # RFC 3261 10.2: To is the address of record, a SIP or SIPS URI
    impi = authorization(request).get("username") or _impi_from_impu(request)
    if len(impi) > _LONGEST_IDENTITY:
        raise SipError(400, "Private identity too long")
    contacts = request.contacts
    instance = next((c.params.get("+sip.instance") or "" for c in contacts), "")
    emergency = any(c.uri != "*" and "sos" in c.sip_uri.params for c in contacts)
    return Phone(impi, flow.remote.host, instance[:_LONGEST_IDENTITY], emergency)


def _impi_from_impu(request: Request) -> str:
    return request.to.sip_uri.aor().partition(":")[2]


def policy_for(policy: EdgePolicy, host: str) -> SecAgree:
    """Find a source's security policy: of the first network that holds it, else the general one."""
    if not policy.sec_agree_by_network:
        return policy.sec_agree
    address = ip_address(host)
    for network, mode in policy.sec_agree_by_network:
        if address in network:
            return mode
    return policy.sec_agree


def report_rejected(context: Context, request: Request, phone: Phone, error: SipError) -> None:
    """Tell the operator of a REGISTER that we refuse ourselves; of an agreement, what was asked."""
    fields: dict[str, str | int] = {
        "impi": phone.impi,
        "ue": phone.host,
        "status": error.status,
        "reason": error.reason,
    }
    if error.status in _ABOUT_THE_OFFER:
        fields["offer"] = ", ".join(request.values("security-client"))[:_LONGEST_OFFER]
    context.report("info", "registration_rejected", request, **fields)


class RegisterUser(Protocol):
    """Who decides on the core's answer to a REGISTER."""

    def on_final(self, relay: "RegisterRelay", response: Response) -> None:
        """Take the final response."""

    def on_ended(self, relay: "RegisterRelay") -> None:
        """Take note that the REGISTER is no longer under way."""


class RegisterRelay(CoreRelay):
    """A REGISTER at the core.

    ``offer`` and ``under`` serve if the core challenges; ``attempt`` is set if
    this REGISTER answers a challenge. ``began`` is when it came.
    """

    def __init__(
        self,
        wire: Wire,
        server: ServerTransaction,
        phone: Phone,
        token: str,
        registrar: RegisterUser,
    ) -> None:
        super().__init__(wire, server, server.request.copy())
        self.phone = phone
        self.token = token
        self.began = wire.context.now
        self.offer: Offer | None = None
        self.under: Under | None = None
        self.attempt: Attempt | None = None
        self._registrar = registrar

    def tries_another(self, status: int) -> bool:
        """3xx, 480 and 503 lead to another entry point (TS 24.229 5.2.2)."""
        return status in (480, 503) or 300 <= status < 400

    def final(self, response: Response) -> None:
        """Hand the answer to the registrar; without another entry point some mean 504."""
        self._registrar.on_ended(self)
        if self.tries_another(response.status):
            super().exhausted(str(response.status))
            return
        try:
            self._registrar.on_final(self, response)
        except SipError as error:
            if isinstance(error, ParseError):  # what the core sent is no fault of the phone's
                error = SipError(500, error.reason)
            report_rejected(self.wire.context, self.server.request, self.phone, error)
            self.wire.reject(self.server, error.status, error.reason)

    def exhausted(self, reason: str) -> None:
        """No entry point answered: 504 (TS 24.229 5.2.2). A temporary set waits for another try."""
        self._registrar.on_ended(self)
        super().exhausted(reason)

    def concerned(self) -> dict[str, str]:
        """Tell whose request it is, as the fields of a report."""
        return {"impi": self.phone.impi, "ue": self.phone.host}
