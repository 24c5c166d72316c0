"""What the P-CSCF knows of its phones: registrations, and authentications under way."""

from collections import Counter
from dataclasses import dataclass
from math import inf
from typing import Final

from pcscf.core.agreement import Offer
from pcscf.core.deadlines import Timed
from pcscf.core.flow import Endpoint, Flow, Transport
from pcscf.core.policy import NextHop
from pcscf.core.sa_table import SaRow
from pcscf.core.source import source


@dataclass(frozen=True, slots=True)
class Binding:
    """One public identity at one contact, as the 200 confirmed it.

    ``service_route`` and ``associated`` are the elements of Service-Route and
    P-Associated-URI as they came, in order (RFC 3608, RFC 7315 4.1).
    """

    aor: str
    contact: str
    expires: float
    service_route: tuple[str, ...]
    associated: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phone:
    """Who registers from where: what tells one registration from another.

    ``instance`` is the Contact's +sip.instance, empty if there is none.
    """

    impi: str
    host: str
    instance: str
    emergency: bool


GUEST = "guest:"  # no private identity begins so: a NAI has no colon (RFC 7542 2.2)

DialogKey = tuple[str, str, str]  # Call-ID, the phone's tag, the other side's tag


class Dialog:
    """A dialog of a phone (``dialogs``).

    ``method`` began it. ``route`` holds the elements of Route that the phone has to use
    behind ours, ``target`` is the other side's Contact, ``charging`` the P-Charging-Vector
    and ``identity`` the P-Asserted-Identity of its first request (the phone's identity).
    """

    __slots__ = ("charging", "confirmed", "identity", "key", "method", "route", "target")

    def __init__(self, key: DialogKey, method: str) -> None:
        self.key = key
        self.method = method
        self.route: tuple[str, ...] = ()
        self.target = ""
        self.charging = ""
        self.identity = ""
        self.confirmed = False


# Most phones have none at a time: 64 octets less for each. Never written to.
_NO_DIALOGS: Final[dict[DialogKey, Dialog]] = {}


class Registration(Timed):
    """One phone's registration: its identities, and the SA sets they are reached under.

    Without SA sets (``current`` is None) the phone registered in clear, as the
    operator's policy allows; ``clear_flow`` is where it did so.
    """

    __slots__ = (
        "bindings", "charging_functions", "clear_flow", "current", "dialogs", "hop", "phone",
        "previous", "sa_deadline", "token", "transport", "udp_only", "via_previous",
    )  # fmt: skip

    def __init__(self, phone: Phone, token: str) -> None:
        super().__init__()
        self.phone = phone
        self.token = token
        self.bindings: tuple[Binding, ...] = ()
        self.current: SaRow | None = None
        self.previous: SaRow | None = None
        self.via_previous = False  # TS 33.203 7.4: send on the old set until the new one is used
        self.sa_deadline = -inf  # never decreases while an SA set lives
        self.transport = Transport.UDP  # of the latest REGISTER
        self.clear_flow: Flow | None = None
        self.udp_only = False  # it has refused a connection: large requests go over UDP too
        self.dialogs = _NO_DIALOGS  # the oldest first
        self.charging_functions: tuple[str, ...] = ()  # P-Charging-Function-Addresses
        self.hop: NextHop | None = None  # where in the core its latest REGISTER was accepted

    @property
    def impi(self) -> str:
        """The private identity."""
        return self.phone.impi

    @property
    def sending(self) -> SaRow | None:
        """The set that requests to the phone go out on."""
        return self.previous if self.via_previous else self.current

    @property
    def sets(self) -> tuple[SaRow, ...]:
        """The confirmed sets, newest first."""
        return tuple(row for row in (self.current, self.previous) if row is not None)

    def forget(self, row: SaRow) -> None:
        """Take note that a set is gone; requests go out on the one that is left, if any."""
        if row is self.current:
            self.current = None
        if row is self.previous:
            self.previous = None
            self.via_previous = False

    @property
    def is_guest(self) -> bool:
        """Whether it stands for a caller who is not registered: an anonymous emergency call."""
        return self.phone.impi.startswith(GUEST)

    @property
    def identities(self) -> tuple[str, ...]:
        """Registered public identities, the default one first."""
        seen: dict[str, None] = {}
        for binding in self.bindings:
            for uri in binding.associated or (f"<{binding.aor}>",):
                seen.setdefault(uri)
        return tuple(seen)


@dataclass(frozen=True, slots=True)
class Under:
    """What the REGISTER that led to a challenge came under."""

    registration: Registration
    row: SaRow


class Attempt(Timed):
    """An authentication from its 401 to its end: the temporary SA set, what SM7 must repeat.

    ``began`` is when its SM1 came, in seconds on the core's clock; ``challenge`` is the
    header value that its 401 had, without keys.
    """

    __slots__ = ("began", "challenge", "offer", "phone", "row", "token", "under")

    def __init__(
        self, phone: Phone, token: str, offer: Offer, under: Under | None, began: float
    ) -> None:
        super().__init__()
        self.began = began
        self.challenge = ""
        self.phone = phone
        self.token = token
        self.offer = offer
        self.under = under
        self.row: SaRow | None = None

    def forget(self, row: SaRow) -> None:
        """Take note that its set is gone."""
        if row is self.row:
            self.row = None

    @property
    def impi(self) -> str:
        """The private identity."""
        return self.phone.impi


AttemptKey = tuple[str, str, bool]


def attempt_key(phone: Phone) -> AttemptKey:
    """One authentication at a time for each user, address and kind of registration.

    The address is part of it, so that nobody elsewhere can disturb a phone's
    authentication by naming its user.
    """
    return (phone.impi, phone.host, phone.emergency)


class Registry:
    """All registrations and attempts, and the ways to find them."""

    def __init__(self) -> None:
        self._by_token: dict[str, Registration] = {}
        self._by_impi: dict[str, tuple[Registration, ...]] = {}  # mostly of one
        self._by_clear: dict[Endpoint, Registration] = {}
        self._attempts: dict[AttemptKey, Attempt] = {}
        self._attempts_at: Counter[str] = Counter()
        self.changed: dict[str, None] | None = None  # tokens; None: nobody asks for changes

    def touch(self, registration: Registration) -> None:
        """Note that a registration is not what it was; one that is gone has changed too."""
        self.touch_token(registration.token)

    def touch_token(self, token: str) -> None:
        """Note that what belongs to a token has changed, be it that nothing does."""
        if self.changed is not None:
            self.changed[token] = None

    def __len__(self) -> int:
        """How many registrations there are."""
        return len(self._by_token)

    def all(self) -> tuple[Registration, ...]:
        """All registrations."""
        return tuple(self._by_token.values())

    @property
    def attempts(self) -> int:
        """How many authentications are under way."""
        return len(self._attempts)

    def add(self, registration: Registration) -> None:
        """Enter a new registration."""
        self.touch(registration)
        self._by_token[registration.token] = registration
        self._by_impi[registration.impi] = (*self.of_user(registration.impi), registration)

    def remove(self, registration: Registration) -> None:
        """Take a registration out of every index."""
        if self._by_token.pop(registration.token, None) is None:
            return
        self.touch(registration)
        self.set_clear_flow(registration, None)
        others = tuple(one for one in self.of_user(registration.impi) if one is not registration)
        if others:
            self._by_impi[registration.impi] = others
        else:
            del self._by_impi[registration.impi]

    def rename(self, registration: Registration, token: str) -> None:
        """Let a registration be found by another Path token."""
        self.touch(registration)
        self._by_token.pop(registration.token, None)
        registration.token = token
        self._by_token[token] = registration
        self.touch(registration)

    def by_token(self, token: str) -> Registration | None:
        """Find whom a Path token belongs to."""
        return self._by_token.get(token)

    def of_user(self, impi: str) -> tuple[Registration, ...]:
        """All registrations of one private identity."""
        return self._by_impi.get(impi, ())

    def find(self, phone: Phone) -> Registration | None:
        """Find the registration that this phone would renew.

        The same instance is the same phone wherever it is; without an instance
        on either side, the address decides.
        """
        for registration in self.of_user(phone.impi):
            known = registration.phone
            if known.emergency is not phone.emergency:
                continue
            if phone.instance and phone.instance == known.instance:
                return registration
            if known.host == phone.host and not (phone.instance and known.instance):
                return registration
        return None

    def set_clear_flow(self, registration: Registration, flow: Flow | None) -> None:
        """Note where a phone without SAs is."""
        old = registration.clear_flow
        if old is not None and self._by_clear.get(old.remote) is registration:
            del self._by_clear[old.remote]
        registration.clear_flow = flow
        if flow is not None:
            self._by_clear[flow.remote] = registration

    def by_clear_flow(self, flow: Flow) -> Registration | None:
        """Find the phone that registered in clear from here."""
        return self._by_clear.get(flow.remote)

    def attempt(self, key: AttemptKey) -> Attempt | None:
        """Find the authentication under way."""
        return self._attempts.get(key)

    def attempts_at(self, host: str) -> int:
        """How many authentications are under way from the source of an address."""
        return self._attempts_at[source(host)]

    def put_attempt(self, attempt: Attempt) -> None:
        """Enter an attempt. The one before it with the same key must have been dropped."""
        self._attempts[attempt_key(attempt.phone)] = attempt
        self._attempts_at[source(attempt.phone.host)] += 1

    def drop_attempt(self, attempt: Attempt) -> None:
        """Take an attempt out, if it is in."""
        key, name = attempt_key(attempt.phone), source(attempt.phone.host)
        if self._attempts.get(key) is not attempt:
            return
        del self._attempts[key]
        self._attempts_at[name] -= 1
        if not self._attempts_at[name]:
            del self._attempts_at[name]
