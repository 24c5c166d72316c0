"""What the operator sees of the core: named tuples of plain values, made on request.

Nothing in them is key material, and nothing in them changes with the core afterwards. All
times are seconds from the moment that was asked about.

What takes a look at all phones is a ``Look``: it goes in steps, and other events may be
handled in between. A phone that comes or goes meanwhile may be in it or not.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from ipaddress import ip_address
from itertools import islice
from math import inf
from typing import Final, NamedTuple, TypeVar

from pcscf.core.context import Context
from pcscf.core.flow import Flow, Side
from pcscf.core.granted import identity_key
from pcscf.core.guard import Guard
from pcscf.core.liveness import Liveness
from pcscf.core.next_hops import NextHops
from pcscf.core.sa_table import SaRow, Stage
from pcscf.core.state import Attempt, Binding, Registration

T = TypeVar("T")
Look = Generator[None, None, T]
"""Yields after each step, and returns what was found."""

_STEP = 100  # phones: to compare the identities of one takes some ten microseconds
_COUNTED: Final = 2000  # SA sets or phones, of which each is only counted


class BindingView(NamedTuple):
    """One public identity at one contact; ``associated`` are the URIs that came with it."""

    impu: str
    contact: str
    expires: float
    associated: tuple[str, ...]


class SaSetView(NamedTuple):
    """One set of four SAs; SPIs and ports are named from the receiver's side (TS 33.203 7.1).

    ``stage`` is a name of ``Stage`` in lower case. ``expires`` is when the core removes the
    set: of a temporary one, when its challenge will have gone unanswered; None if that is
    not settled. ``tcp`` says whether the phone has a connection under it.
    """

    impi: str
    ue: str
    pcscf: str
    suite: str
    stage: str
    expires: float | None
    spi_uc: int
    spi_us: int
    spi_pc: int
    spi_ps: int
    port_uc: int
    port_us: int
    port_pc: int
    port_ps: int
    tcp: bool


class UeView(NamedTuple):
    """One phone's registration; ``identities`` has the default one first.

    ``protected`` is False for a phone that registered in clear. ``expires`` is None once no
    binding is left and only its SAs are. ``next_hop`` is where its REGISTER was accepted.
    """

    impi: str
    ue: str
    instance: str
    emergency: bool
    guest: bool
    protected: bool
    silent: bool
    transport: str
    identities: tuple[str, ...]
    expires: float | None
    dialogs: int
    next_hop: str
    bindings: tuple[BindingView, ...]
    sas: tuple[SaSetView, ...]


class HopView(NamedTuple):
    """One next hop; ``state`` and ``flags`` as in ``pcscf.core.hop_health``."""

    next_hop: str
    state: str
    flags: str
    failures: int
    reason: str


class BlockedView(NamedTuple):
    """One blocked source."""

    source: str
    expires: float
    reason: str


class Census(NamedTuple):
    """How many there are: phones protected, in clear and guests' (emergency calls); SA sets.

    ``sas`` is by suite and stage.
    """

    ues: dict[str, int]
    sas: dict[tuple[str, str], int]


class Views:
    """Makes the views. ``now`` is on the core's clock, in seconds."""

    def __init__(
        self, context: Context, next_hops: NextHops, guard: Guard, liveness: Liveness
    ) -> None:
        self._context = context
        self._next_hops = next_hops
        self._guard = guard
        self._liveness = liveness

    @property
    def total(self) -> int:
        """How many registrations there are."""
        return len(self._context.registry)

    @property
    def total_sas(self) -> int:
        """How many SA sets there are."""
        return len(self._context.sas)

    def ues(self, now: float, first: int, most: int) -> list[UeView]:
        """List at most ``most`` registrations from number ``first`` on, the oldest being 0."""
        registrations = self._context.registry.all()[first : first + most]
        return [self._ue(one, now) for one in registrations]

    def ues_with(
        self, text: str, now: float, first: int, most: int
    ) -> Look[tuple[int, list[UeView]]]:
        """List those of which an identity or the address has ``text`` in it, in any case.

        Returns how many there are, and the ones from number ``first`` on.
        """
        wanted = text.lower()
        found = yield from self._where(lambda one: _mentions(one, wanted))
        return len(found), [self._ue(one, now) for one in found[first : first + most]]

    def ues_of(self, who: str, now: float) -> list[UeView]:
        """Find the phones of a public or private identity, or of an address, all at once."""
        return finished(self.finding(who, now))

    def finding(self, who: str, now: float) -> Look[list[UeView]]:
        """Find the phones of a public or private identity, or of an address."""
        if of_user := self.of_user(who, now):
            return of_user
        host = _address(who)
        if host:
            found = yield from self._where(lambda one: one.phone.host == host)
        else:
            key = identity_key(f"<{who}>")
            found = yield from self._where(lambda one: _has(one, who, key))
        return [self._ue(one, now) for one in found]

    def of_user(self, impi: str, now: float) -> list[UeView]:
        """Give the phones of a private identity, at once."""
        return [self._ue(one, now) for one in self._context.registry.of_user(impi)]

    def user(self, flow: Flow) -> str | None:
        """Tell whose a flow on Gm is, by its SAs or by where a phone in clear is: the IMPI."""
        context = self._context
        found = context.sas.find(flow) if flow.side is Side.PROTECTED else None
        owner = found.owner if found else context.registry.by_clear_flow(flow)
        return None if owner is None else owner.impi

    def spi(self, flow: Flow, *, sent: bool) -> int | None:
        """Tell which SA a message on a protected flow came under, or goes under; None if gone.

        Of a phone whose selectors are tolerant it is the one that our port is meant for.
        """
        row = self._context.sas.find(flow)
        if row is None:
            return None
        own = row.sa_set
        if sent:
            return own.spi_us if flow.remote.port == own.port_us else own.spi_uc
        return own.spi_ps if flow.local.port == own.port_ps else own.spi_pc

    def sas(self, now: float, first: int, most: int) -> list[SaSetView]:
        """List at most ``most`` SA sets from number ``first`` on, the oldest being 0."""
        return [_sa_set(row, now) for row in islice(self._context.sas, first, first + most)]

    def census(self) -> Look[Census]:
        """Count phones and SA sets by kind."""
        ues = Counter(dict.fromkeys(("protected", "clear", "guest"), 0))
        for part in _parts(self._context.registry.all(), _COUNTED):
            ues.update(_kind(one) for one in part)
            yield
        sas: Counter[tuple[str, str]] = Counter()
        for rows in self._context.sas.parts(_COUNTED):
            sas.update((row.sa_set.suite.name, row.stage.name.lower()) for row in rows)
            yield
        return Census(dict(ues), dict(sas))

    def next_hops(self) -> list[HopView]:
        """List the configured next hops, and others of which something is known."""
        return [
            HopView(str(one.hop), one.state.value, one.flags, one.failures, one.reason)
            for one in self._next_hops.status()
        ]

    def blocked(self, now: float) -> list[BlockedView]:
        """List what is blocked now; ranges of the settings, blocked for good, are not in it."""
        return [
            BlockedView(one.source, one.until - now, str(one.reason))
            for one in self._guard.blocked()
        ]

    def _where(self, is_wanted: Callable[[Registration], bool]) -> Look[list[Registration]]:
        found: list[Registration] = []
        for part in _parts(self._context.registry.all(), _STEP):
            found += filter(is_wanted, part)
            yield
        return found

    def _ue(self, one: Registration, now: float) -> UeView:
        return UeView(
            impi=one.impi,
            ue=one.phone.host,
            instance=one.phone.instance,
            emergency=one.phone.emergency,
            guest=one.is_guest,
            protected=one.current is not None,
            silent=self._liveness.is_silent(one),
            transport=one.transport.value,
            identities=one.identities,
            expires=max((binding.expires - now for binding in one.bindings), default=None),
            dialogs=len(one.dialogs),
            next_hop="" if one.hop is None else str(one.hop),
            bindings=tuple(_binding(binding, now) for binding in one.bindings),
            sas=tuple(_sa_set(row, now) for row in self._sets(one)),
        )

    def _sets(self, one: Registration) -> Iterator[SaRow]:
        """Give the confirmed sets, newest first, then the one that is not confirmed yet."""
        yield from one.sets
        attempt = self._context.registry.attempt((one.impi, one.phone.host, one.phone.emergency))
        if attempt is not None and attempt.row is not None:
            yield attempt.row


def finished(look: Look[T]) -> T:
    """Take a look in one go."""
    while True:
        try:
            next(look)
        except StopIteration as end:
            found: T = end.value
            return found


def _parts(whole: tuple[T, ...], size: int) -> Iterator[tuple[T, ...]]:
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


def _kind(one: Registration) -> str:
    if one.is_guest:
        return "guest"
    return "clear" if one.current is None else "protected"


def _address(text: str) -> str:
    """Read a numeric address as the kernel prints it; empty if it is none."""
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        return ""


def _mentions(one: Registration, text: str) -> bool:
    texts = (one.impi, one.phone.host, *one.identities)
    return any(text in known.lower() for known in texts)


def _has(one: Registration, identity: str, key: str) -> bool:
    """Whether an identity is among those of a registration; compared as text if unreadable."""
    return any(
        identity == binding.aor
        or key == identity_key(f"<{binding.aor}>")
        or any(key == identity_key(text) for text in binding.associated)
        for binding in one.bindings
    )


def _binding(binding: Binding, now: float) -> BindingView:
    return BindingView(binding.aor, binding.contact, binding.expires - now, binding.associated)


def _sa_set(row: SaRow, now: float) -> SaSetView:
    own, ends = row.sa_set, _ends(row)
    return SaSetView(
        impi=row.owner.impi,
        ue=own.ue,
        pcscf=own.pcscf,
        suite=own.suite.name,
        stage=row.stage.name.lower(),
        expires=ends - now if -inf < ends < inf else None,
        spi_uc=own.spi_uc,
        spi_us=own.spi_us,
        spi_pc=own.spi_pc,
        spi_ps=own.spi_ps,
        port_uc=own.port_uc,
        port_us=own.port_us,
        port_pc=own.port_pc,
        port_ps=own.port_ps,
        tcp=row.connection is not None,
    )


def _ends(row: SaRow) -> float:
    """When the core removes a set; who owns it has the deadline where the set has none."""
    owner = row.owner
    if row.stage is Stage.TEMPORARY and isinstance(owner, Attempt):
        return owner.deadline
    if row.stage is Stage.CURRENT and isinstance(owner, Registration):
        return owner.sa_deadline
    return row.deadline
