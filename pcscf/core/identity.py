"""Who a phone speaks as (TS 24.229 5.2.6.3 and 5.2.6.4, RFC 3325)."""

from pcscf.core.granted import identity_key
from pcscf.core.state import Registration
from pcscf.sip.message import Message, Request, Response


def preferred(request: Request, registration: Registration) -> str:
    """Give the identity that a request asserts: the preferred one if registered, else the default.

    From does not count. Barred identities are none that the core has associated. Elements
    come as P-Associated-URI has them, so with its display name.
    """
    for text in request.elements("p-preferred-identity"):
        known = _registered(text, registration)
        if known is not None:
            return known
    return registration.identities[0]


def called(request: Request, registration: Registration) -> str:
    """Give the identity that a phone's answer asserts: the one that was called, if registered."""
    for text in request.elements("p-called-party-id")[:1]:
        known = _registered(text, registration)
        if known is not None:
            return known
    return registration.identities[0] if registration.bindings else ""


def _registered(text: str, registration: Registration) -> str | None:
    wanted = identity_key(text)
    return next((one for one in registration.identities if identity_key(one) == wanted), None)


def assert_identity(message: Message, identity: str) -> None:
    """State who the phone is, whatever it stated itself; "" states nothing."""
    for name in ("p-preferred-identity", "p-asserted-identity"):
        if name in message:
            message.remove(name)
    if identity:
        message.append("p-asserted-identity", identity)


def keep_private(message: Request | Response) -> None:
    """A phone is outside of the trust domain: an identity that wants privacy stops here.

    RFC 3325 7: Privacy with "id".
    """
    if "p-asserted-identity" in message and "privacy" in message:
        wanted = {word.strip().lower() for word in (message.get("privacy") or "").split(";")}
        if "id" in wanted:
            message.remove("p-asserted-identity")
