"""The life of SA sets: installed with a challenge, switched, left, removed (TS 33.203 7.4)."""

from math import ceil

from pcscf.core.agreement import Offer
from pcscf.core.context import Context
from pcscf.core.effects import CloseFlow, ExtendSas, InstallSas, RemoveSas
from pcscf.core.flow import Transport
from pcscf.core.sa_table import SaRow, Stage
from pcscf.core.state import Attempt, Registration
from pcscf.core.wire import to_phone
from pcscf.errors import SipError
from xfrm.model import AkaKeys, SaSet

# The kernel's own limit is a net for the case that we are gone: it lies above ours.
_NET = 60
_MAX_SETS = 3  # for one contact: six SAs each way (TS 33.203 7.1)


class _TakenSpis:
    """SPIs that a new inbound SA of ours must not have."""

    def __init__(self, context: Context, offer: Offer) -> None:
        self._context = context
        # One key serves both ways: equal SPIs would let packets be reflected (TS 33.203 7.1).
        self._theirs = (offer.spi_uc, offer.spi_us)

    def __contains__(self, spi: object) -> bool:
        return isinstance(spi, int) and (spi in self._theirs or self._context.sas.has_spi(spi))


_Contact = tuple[str, str, bool]  # private identity, address, emergency


def _contact(owner: Attempt | Registration, host: str) -> _Contact:
    return (owner.impi, host, owner.phone.emergency)


class SaLife:
    """Installs, switches and removes SA sets."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._leaving: dict[_Contact, list[SaRow]] = {}  # oldest first
        # a tuple, as a range would make the number anew for each set to keep
        self._ports_pc = {one.host: tuple(one.ports_pc) for one in context.policy.gm}

    def install(self, attempt: Attempt, pcscf: str, keys: AkaKeys) -> SaRow:
        """Give an attempt its temporary set; the 401 goes behind it.

        Raises SipError 503 where no client port of ours is free for this phone.
        """
        known = self._confirmed_sets(attempt)
        self._make_room(attempt, len(known))
        sa_set = self._draw(attempt, pcscf, {row.sa_set.port_pc for row in known})
        row = SaRow(sa_set, self._context.policy.suites, attempt)
        attempt.row = row
        self._context.sas.add(row)
        lifetime = ceil(self._context.policy.reg_await_auth) + _NET
        self._context.emit(InstallSas(sa_set, keys, lifetime))
        return row

    def _confirmed_sets(self, attempt: Attempt) -> tuple[SaRow, ...]:
        """Give the sets of the registration that this attempt would renew."""
        under, registry = attempt.under, self._context.registry
        known = under.registration if under is not None else registry.find(attempt.phone)
        return known.sets if known is not None else ()

    def _make_room(self, attempt: Attempt, confirmed: int) -> None:
        leaving = self._leaving.get(_contact(attempt, attempt.phone.host), [])
        while leaving and confirmed + len(leaving) >= _MAX_SETS:
            self.discard(leaving[0])

    def _draw(self, attempt: Attempt, pcscf: str, used: set[int]) -> SaSet:
        offer, ids = attempt.offer, self._context.ids
        host = attempt.phone.host
        taken = _TakenSpis(self._context, offer)
        spi_pc = ids.spi(taken)
        spi_ps = spi_pc
        while spi_ps == spi_pc:
            spi_ps = ids.spi(taken)
        return SaSet(
            ue=host,
            pcscf=pcscf,
            suite=offer.suite,
            spi_uc=offer.spi_uc,
            spi_us=offer.spi_us,
            spi_pc=spi_pc,
            spi_ps=spi_ps,
            port_uc=offer.port_uc,
            port_us=offer.port_us,
            port_pc=self._draw_port_pc(attempt, pcscf, used),
            port_ps=self._context.gm_address(pcscf).port_ps,
        )

    def _draw_port_pc(self, attempt: Attempt, pcscf: str, used: set[int]) -> int:
        """Pick a client port that no live set to the phone has (TS 33.203 7.4.0: pc changes)."""
        host, port_us = attempt.phone.host, attempt.offer.port_us
        for port in self._context.ids.from_anywhere(self._ports_pc[pcscf]):
            if port not in used and self._context.sas.port_pc_free(host, port_us, port):
                return port
        raise SipError(503, "No protected port free")

    def confirm(self, registration: Registration, row: SaRow, previous: SaRow | None) -> None:
        """Make an attempt's set the current one; keep only the set that protected SM1 beside it.

        TS 33.203 7.4: without such a set the old ones go at once; with it, requests
        go out on it until the phone uses the new one, or until its own time is over.
        """
        for old in registration.sets:
            if old is not previous:
                self.discard(old)
        row.owner = registration
        row.stage = Stage.CURRENT
        registration.current = row
        registration.previous = previous
        registration.via_previous = previous is not None
        if previous is not None:
            previous.stage = Stage.PREVIOUS
            self._context.deadlines.set(previous, registration.sa_deadline)

    def extend(self, registration: Registration, expires: float, under: SaRow | None) -> None:
        """Let the SAs outlive the registration; their lifetime never decreases (TS 33.203 7.4).

        ``under`` is the set that a REGISTER came under which was not challenged: it may be
        the previous one, which is in use again then. Else that one keeps the time it had.
        """
        deadline = max(registration.sa_deadline, expires + self._context.policy.sa_slack)
        registration.sa_deadline = deadline
        lifetime = ceil(deadline - self._context.now) + _NET
        for row in registration.sets:
            if row is registration.previous:
                if row is not under:
                    continue
                self._context.deadlines.set(row, deadline)
            self._context.emit(ExtendSas(row.sa_set, lifetime))

    def on_traffic(self, row: SaRow) -> None:
        """A message came under this set: if it is the new one, the old one is done with."""
        registration = row.owner
        if (
            isinstance(registration, Registration)
            and registration.via_previous
            and row is registration.current
        ):
            registration.via_previous = False
            previous, registration.previous = registration.previous, None
            self._context.registry.touch(registration)
            if previous is not None:
                self.leave(previous)

    def leave(self, row: SaRow) -> None:
        """Keep a set only for answers under way; it goes a little later."""
        if not self._context.sas.holds(row):
            return
        if row.stage is not Stage.LEAVING:
            self._leaving.setdefault(_contact(row.owner, row.sa_set.ue), []).append(row)
        row.stage = Stage.LEAVING
        self._context.deadlines.set(row, self._context.now + self._context.policy.sa_linger)

    def discard(self, row: SaRow) -> None:
        """Remove a set now, and the connections that ran under it.

        One that is gone is left alone: its phone may use the numbers again by now.
        """
        if not self._context.sas.holds(row):
            return
        self._context.deadlines.cancel(row)
        self._context.sas.remove(row)
        self._left(row)
        # Row and owner would keep each other, and only a full garbage collection find them.
        row.owner.forget(row)
        if isinstance(row.owner, Registration):
            self._context.registry.touch(row.owner)
        self._context.emit(RemoveSas(row.sa_set))
        self._context.emit(CloseFlow(to_phone(row, Transport.TCP), at_once=True))
        if row.connection is not None:
            self._context.emit(CloseFlow(row.connection, at_once=True))

    def _left(self, row: SaRow) -> None:
        if row.stage is Stage.LEAVING:
            contact = _contact(row.owner, row.sa_set.ue)
            self._leaving[contact].remove(row)
            if not self._leaving[contact]:
                del self._leaving[contact]
