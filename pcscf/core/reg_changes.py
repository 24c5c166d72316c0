"""What a registrar says of registrations, applied to ours (RFC 3680, TS 24.229 5.2.3).

Only what a document says outright counts: a contact it does not list, or an identity in
state "init", changes nothing. So a core that knows a user's contacts in other words than
ours, or not yet, ends nobody's registration.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from pcscf.core.context import Context
from pcscf.core.deadlines import Timed
from pcscf.core.granted import ContactKey, contact_key, identity_key
from pcscf.core.state import Binding, Registration
from pcscf.errors import ParseError
from pcscf.sip.message import Request
from pcscf.sip.reginfo import RegInfo, RegistrationInfo
from pcscf.sip.subscription import SubscriptionState

Drop = Callable[[Registration, str], None]
"""Ends a registration, with the word for the report (``Confirmations.drop``)."""


class Farewell(Timed):
    """A phone without bindings whose SAs wait until it was told so itself."""

    __slots__ = ("registration",)

    def __init__(self, registration: Registration) -> None:
        super().__init__()
        self.registration = registration


@dataclass(frozen=True, slots=True)
class _Change:
    """What a document says of one identity. ``ended``: of all its contacts."""

    identity: str
    ended: bool
    gone: frozenset[ContactKey]
    shortened: dict[ContactKey, int]  # seconds left


class RegChanges:
    """Takes bindings away, shortens them, and ends what has none left."""

    def __init__(self, context: Context, drop: Drop) -> None:
        self._context = context
        self._drop = drop
        self._farewells: dict[Registration, Farewell] = {}

    def __len__(self) -> int:
        """How many phones are still to be told."""
        return len(self._farewells)

    def apply(self, impi: str, info: RegInfo) -> None:
        """Apply a document to all registrations of a user but emergency ones.

        Those have contacts of their own, which no subscription is about.
        """
        changes = [_change_of(one) for one in info.registrations]
        for registration in self._context.registry.of_user(impi):
            if registration.phone.emergency:
                continue
            bindings = tuple(self._after(registration.bindings, changes))
            if bindings != registration.bindings:
                self._take(registration, bindings)

    def _after(self, bindings: Iterable[Binding], changes: list[_Change]) -> Iterable[Binding]:
        for binding in bindings:
            left: Binding | None = binding
            for change in changes:
                left = left and _changed(left, change, self._context.now)
            if left is not None:
                yield left

    def _take(self, registration: Registration, bindings: tuple[Binding, ...]) -> None:
        registration.bindings = bindings
        self._context.report(
            "info",
            "changed_by_core",
            impi=registration.impi,
            ue=registration.phone.host,
            bindings=len(bindings),
        )
        if bindings:
            # The SAs keep their time: it never decreases (TS 33.203 7.4).
            self._context.deadlines.set(registration, min(one.expires for one in bindings))
            return
        self._context.deadlines.cancel(registration)
        farewell = self._farewells[registration] = Farewell(registration)
        grace = self._context.policy.reg_event.grace
        self._context.deadlines.set(farewell, self._context.now + grace)

    # --- the phone's own NOTIFY ---

    def awaits_notify(self, registration: Registration) -> bool:
        """Whether the phone has no bindings left and has yet to hear of it."""
        return registration in self._farewells

    def on_relayed_notify(self, registration: Registration, request: Request) -> None:
        """Take note of a NOTIFY that the phone answered: if it told the end, the SAs go."""
        if registration in self._farewells and _tells_the_end(request):
            self._end(registration)

    def on_deadline(self, farewell: Farewell) -> None:
        """The phone heard nothing in time, or we did not hear that it has."""
        self._end(farewell.registration)

    def _end(self, registration: Registration) -> None:
        self.forget(registration)
        self._drop(registration, "deregistered_by_core")

    def forget(self, registration: Registration) -> None:
        """Wait no longer: the phone has registered anew, or its registration is gone."""
        farewell = self._farewells.pop(registration, None)
        if farewell is not None:
            self._context.deadlines.cancel(farewell)


def _change_of(info: RegistrationInfo) -> _Change:
    # One URI may stand there twice, as it was and as it is: then it is still registered.
    active = {contact_key(c.uri) for c in info.contacts if c.state == "active"}
    return _Change(
        identity=identity_key(f"<{info.aor}>"),
        ended=info.state == "terminated",
        gone=frozenset(contact_key(c.uri) for c in info.contacts) - active,
        shortened={
            contact_key(contact.uri): contact.expires
            for contact in info.contacts
            if contact.event == "shortened" and contact.expires is not None
        },
    )


def _changed(binding: Binding, change: _Change, now: float) -> Binding | None:
    """Give what is left of a binding."""
    identities = [binding.aor, *map(identity_key, binding.associated)]
    if change.identity not in identities:
        return binding
    contact = contact_key(binding.contact)
    if change.ended or contact in change.gone:
        return _without(binding, change.identity)
    if contact in change.shortened:
        return replace(binding, expires=min(binding.expires, now + change.shortened[contact]))
    return binding


def _without(binding: Binding, identity: str) -> Binding | None:
    """Take one identity away.

    With the one that was registered, or the default one, goes the implicit registration
    set (TS 23.228 5.2.1a); another one may have been taken out of the set alone.
    """
    whole = [binding.aor, *map(identity_key, binding.associated[:1])]
    if identity in whole:
        return None
    left = tuple(text for text in binding.associated if identity_key(text) != identity)
    return replace(binding, associated=left)


def _tells_the_end(request: Request) -> bool:
    """Whether this NOTIFY may be the one by which its phone learns that a contact is gone."""
    try:
        if SubscriptionState.parse(request.required("subscription-state")).state == "terminated":
            return True
        info = RegInfo.parse(request.body)
    except ParseError:
        return False
    states = [one.state for one in info.registrations]
    states += [contact.state for one in info.registrations for contact in one.contacts]
    return "terminated" in states
