"""The core's 200: what is registered now, and which SA sets serve it.

TS 33.203 7.4, TS 24.229 5.2.2.
"""

from math import inf
from typing import Protocol

from pcscf.core import rewrite
from pcscf.core.flow import Side
from pcscf.core.granted import (
    ContactKey,
    contact_key,
    grants,
    identity_key,
    removes_all,
    service_route,
)
from pcscf.core.register_request import RegisterRelay
from pcscf.core.sa_life import SaLife
from pcscf.core.sa_table import SaRow, Stage
from pcscf.core.state import Attempt, Binding, Registration, Under
from pcscf.core.wire import Wire
from pcscf.errors import SipError
from pcscf.sip.message import Message, Response


class Observer(Protocol):
    """Who is told of registrations that come and go."""

    def on_registered(self, registration: Registration) -> None:
        """Take note of a 200 to a REGISTER, which is on its way."""

    def on_removed(self, registration: Registration) -> None:
        """Take note that a registration is gone."""


class Confirmations:
    """Enters, renews and ends registrations."""

    def __init__(self, wire: Wire, life: SaLife) -> None:
        self._wire = wire
        self._context = wire.context
        self._life = life
        self._observers: tuple[Observer, ...] = ()

    def observe(self, *observers: Observer) -> None:
        """Have these told of registrations, in this order."""
        self._observers = observers

    def on_success(self, relay: RegisterRelay, response: Response) -> None:
        """Take a 200 to a REGISTER. Raises SipError 500 where the core skipped the challenge."""
        if relay.attempt is None and relay.offer is not None and relay.under is None:
            # The phone asked for IPsec and is about to be registered without: not with us.
            self._context.report(
                "error",
                "not_challenged",
                relay.server.request,
                impi=relay.phone.impi,
                ue=relay.phone.host,
            )
            raise SipError(500, "Registration was not challenged")
        charging = tuple(response.values("p-charging-function-addresses"))
        rewrite.response_downward(response)
        if not self._still_there(relay):
            self._wire.answer(relay.server, response)
            return
        if not relay.request.contacts:
            self._on_query(relay, response)
            return
        registration = self._registration_for(relay)
        bindings = self._bindings(relay, registration, response)
        # First the 200, under the set the REGISTER came under; only then the sets change.
        self._wire.answer(relay.server, response)
        if bindings:
            self._renew(relay, registration, bindings)
            registration.charging_functions = charging
            self._drop_stale_contacts(registration, response)
            for observer in self._observers:
                observer.on_registered(registration)
        else:
            self._end(relay, registration)

    def _still_there(self, relay: RegisterRelay) -> bool:
        """Whether what the REGISTER came under was not replaced or ended meanwhile."""
        attempt, under = relay.attempt, relay.under
        if attempt is not None:
            row = attempt.row
            return row is not None and row.stage is Stage.TEMPORARY and self._context.sas.holds(row)
        return under is None or self._is_known(under.registration)

    def _is_known(self, registration: Registration) -> bool:
        return self._context.registry.by_token(registration.token) is registration

    def _on_query(self, relay: RegisterRelay, response: Response) -> None:
        """A REGISTER without Contact asks for the bindings and changes none (RFC 3261 10.2.3)."""
        self._wire.answer(relay.server, response)
        if relay.attempt is not None:
            self._forget_attempt(relay.attempt)

    def _under(self, relay: RegisterRelay) -> Under | None:
        return relay.attempt.under if relay.attempt is not None else relay.under

    def _registration_for(self, relay: RegisterRelay) -> Registration:
        """Find the registration this REGISTER renews, or make a new one (not yet entered)."""
        under = self._under(relay)
        if under is not None and self._is_known(under.registration):
            return under.registration
        return self._context.registry.find(relay.phone) or Registration(relay.phone, relay.token)

    # --- bindings ---

    def _bindings(
        self, relay: RegisterRelay, registration: Registration, response: Response
    ) -> tuple[Binding, ...]:
        """Give the bindings after this 200."""
        aor = relay.request.to.sip_uri.aor()
        granted = [] if removes_all(relay.request) else grants(relay.request, response)
        replaced = {contact_key(grant.contact) for grant in granted}
        kept = [
            binding
            for binding in self._surviving(relay, registration, replaced)
            if not _concerns(binding, aor)
            or (granted and contact_key(binding.contact) not in replaced)
        ]
        route = service_route(response)
        associated = tuple(response.elements("p-associated-uri"))
        new = [
            Binding(aor, grant.contact, self._context.now + grant.seconds, route, associated)
            for grant in granted
            if grant.seconds
        ]
        return (*kept, *new)

    def _surviving(
        self, relay: RegisterRelay, registration: Registration, contacts: set[ContactKey]
    ) -> tuple[Binding, ...]:
        """A phone that began anew, outside its SAs, is no longer where its old contacts say."""
        if self._under(relay) is not None or (
            relay.server.flow.side is Side.PROTECTED and relay.attempt is None
        ):
            return registration.bindings
        return tuple(b for b in registration.bindings if contact_key(b.contact) in contacts)

    def _drop_stale_contacts(self, registration: Registration, response: Response) -> None:
        """A contact of this user that the 200 no longer lists is gone (RFC 3261 10.3 step 8)."""
        listed = {contact_key(contact.uri) for contact in response.contacts}
        if not listed & {contact_key(binding.contact) for binding in registration.bindings}:
            return  # this core does not list contacts as we know them
        aors = {binding.aor for binding in registration.bindings}
        for other in self._context.registry.of_user(registration.impi):
            if other is registration or other.phone.emergency is not registration.phone.emergency:
                continue
            left = tuple(
                b for b in other.bindings if b.aor not in aors or contact_key(b.contact) in listed
            )
            if left != other.bindings:
                self._set_bindings(other, left)

    def _set_bindings(self, registration: Registration, bindings: tuple[Binding, ...]) -> None:
        registration.bindings = bindings
        if bindings:
            self._schedule(registration)
        else:
            self.drop(registration, "replaced")

    # --- sets ---

    def _renew(
        self, relay: RegisterRelay, registration: Registration, bindings: tuple[Binding, ...]
    ) -> None:
        known = self._is_known(registration)
        registration.bindings = bindings
        registration.phone = relay.phone
        registration.transport = relay.server.flow.transport
        registration.hop = relay.hop
        if not known:
            self._context.registry.add(registration)
        elif registration.token != relay.token:
            self._context.registry.rename(registration, relay.token)
        if relay.attempt is not None and relay.attempt.row is not None:
            self._adopt(relay, registration, relay.attempt.row)
        elif relay.server.flow.side is Side.CLEAR:
            self._unprotect(registration, relay)
        under = relay.under.row if relay.under is not None else None
        self._life.extend(registration, max(binding.expires for binding in bindings), under)
        self._schedule(registration)
        self._report("registered", registration, relay.server.request)

    def _adopt(self, relay: RegisterRelay, registration: Registration, row: SaRow) -> None:
        """The temporary set is the current one from now on."""
        if relay.attempt is not None:
            self._context.deadlines.cancel(relay.attempt)
            self._context.registry.drop_attempt(relay.attempt)
            self._context.measures.registrations.observe(self._context.now - relay.attempt.began)
        under = self._under(relay)
        previous = under.row if under is not None and under.row in registration.sets else None
        self._context.registry.set_clear_flow(registration, None)
        if previous is None:
            registration.sa_deadline = -inf
        self._life.confirm(registration, row, previous)
        if relay.attempt is not None:
            relay.attempt.row = None  # a late answer to this challenge has no say over it

    def _unprotect(self, registration: Registration, relay: RegisterRelay) -> None:
        """The phone registered in clear, as the policy for its network allows: no set serves it."""
        for row in registration.sets:
            self._life.discard(row)
        registration.sa_deadline = -inf
        self._context.registry.set_clear_flow(registration, relay.server.flow)

    def _schedule(self, registration: Registration) -> None:
        self._context.deadlines.set(
            registration, min(binding.expires for binding in registration.bindings)
        )

    # --- ends ---

    def _end(self, relay: RegisterRelay, registration: Registration) -> None:
        """Deregistered: nothing is served any more; the SAs stay for the 200's sake only."""
        if relay.attempt is not None:
            self._forget_attempt(relay.attempt)
        self._remove(registration)
        for row in registration.sets:
            self._life.leave(row)
        self._report("deregistered", registration, relay.server.request)

    def _forget_attempt(self, attempt: Attempt) -> None:
        """Its set served an authentication that registered nothing; the 200 leaves under it."""
        self._context.deadlines.cancel(attempt)
        self._context.registry.drop_attempt(attempt)
        if attempt.row is not None:
            self._life.leave(attempt.row)

    def drop(self, registration: Registration, event: str) -> None:
        """End a registration and remove its sets now."""
        self._remove(registration)
        for row in registration.sets:
            self._life.discard(row)
        self._report(event, registration)

    def _remove(self, registration: Registration) -> None:
        registration.bindings = ()
        self._context.deadlines.cancel(registration)
        self._context.registry.remove(registration)
        for observer in self._observers:
            observer.on_removed(registration)

    def on_deadline(self, registration: Registration) -> None:
        """A binding ran out, or the SAs after the last of them (TS 33.203 7.4)."""
        now = self._context.now
        registration.bindings = tuple(b for b in registration.bindings if b.expires > now)
        if registration.bindings:
            self._schedule(registration)
        elif registration.sa_deadline > now:
            self._context.deadlines.set(registration, registration.sa_deadline)
        else:
            self.drop(registration, "expired")

    def _report(self, event: str, registration: Registration, about: Message | None = None) -> None:
        expires = max((b.expires - self._context.now for b in registration.bindings), default=0)
        fields: dict[str, str | int] = {
            "impi": registration.impi,
            "impu": ", ".join(dict.fromkeys(binding.aor for binding in registration.bindings)),
            "ue": registration.phone.host,
            "expires": round(expires),
        }
        if registration.current is not None:
            fields["spi_ps"] = registration.current.sa_set.spi_ps
        if registration.phone.emergency:
            fields["emergency"] = 1
        self._context.report("info", event, about, **fields)


def _concerns(binding: Binding, aor: str) -> bool:
    """Identities of one implicit registration set come and go together (TS 23.228 5.2.1a)."""
    return binding.aor == aor or any(identity_key(text) == aor for text in binding.associated)
