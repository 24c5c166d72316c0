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
from xfrm.model import AkaKeys, SaId, SaSet

# The kernel's own limit is a net for the case that we are gone: it lies above ours.
_NET = 60


class _TakenSpis:
    """SPIs that a new inbound SA of ours must not have."""

    def __init__(self, context: Context, host: str, offer: Offer) -> None:
        self._context = context
        self._host = host
        # One key serves both ways: equal SPIs would let packets be reflected (TS 33.203 7.1).
        self._theirs = (offer.spi_uc, offer.spi_us)

    def __contains__(self, spi: object) -> bool:
        return isinstance(spi, int) and (
            spi in self._theirs or self._context.sas.find_sa(SaId(self._host, spi)) is not None
        )


class SaLife:
    """Installs, switches and removes SA sets."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def install(self, attempt: Attempt, pcscf: str, keys: AkaKeys) -> SaRow:
        """Give an attempt its temporary set; the 401 goes behind it.

        Raises SipError 503 where no client port of ours is free for this phone.
        """
        sa_set = self._draw(attempt, pcscf)
        row = SaRow(sa_set, self._context.policy.suites, attempt)
        attempt.row = row
        self._context.sas.add(row)
        lifetime = ceil(self._context.policy.reg_await_auth) + _NET
        self._context.emit(InstallSas(sa_set, keys, lifetime))
        return row

    def _draw(self, attempt: Attempt, pcscf: str) -> SaSet:
        offer, ids = attempt.offer, self._context.ids
        host = attempt.phone.host
        taken = _TakenSpis(self._context, pcscf, offer)
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
            port_pc=self._draw_port_pc(attempt, pcscf),
            port_ps=self._context.gm_address(pcscf).port_ps,
        )

    def _draw_port_pc(self, attempt: Attempt, pcscf: str) -> int:
        """Pick a client port that no live set to the phone has (TS 33.203 7.4.0: pc changes)."""
        used = (
            {row.sa_set.port_pc for row in attempt.under.registration.sets}
            if attempt.under
            else set()
        )
        free = [
            port
            for port in self._context.gm_address(pcscf).ports_pc
            if port not in used
            and self._context.sas.port_pc_free(attempt.phone.host, attempt.offer.port_us, port)
        ]
        if not free:
            raise SipError(503, "No protected port free")
        return self._context.ids.choice(free)

    def confirm(self, registration: Registration, row: SaRow, previous: SaRow | None) -> None:
        """Make an attempt's set the current one; keep only the set that protected SM1 beside it.

        TS 33.203 7.4: without such a set the old ones go at once; with it, requests
        go out on it until the phone uses the new one.
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

    def extend(self, registration: Registration, expires: float) -> None:
        """Let the SAs outlive the registration; their lifetime never decreases (TS 33.203 7.4)."""
        deadline = max(registration.sa_deadline, expires + self._context.policy.sa_slack)
        registration.sa_deadline = deadline
        lifetime = ceil(deadline - self._context.now) + _NET
        for row in registration.sets:
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
            if previous is not None:
                self.leave(previous)

    def leave(self, row: SaRow) -> None:
        """Keep a set only for answers under way; it goes a little later."""
        row.stage = Stage.LEAVING
        self._context.deadlines.set(row, self._context.now + self._context.policy.sa_linger)

    def discard(self, row: SaRow) -> None:
        """Remove a set now, and the connections that ran under it."""
        self._context.deadlines.cancel(row)
        self._context.sas.remove(row)
        self._context.emit(RemoveSas(row.sa_set))
        self._context.emit(CloseFlow(to_phone(row, Transport.TCP)))
        if isinstance(row.owner, Registration):
            self._forget_connection(row.owner, row)

    def _forget_connection(self, registration: Registration, row: SaRow) -> None:
        connection = registration.connection
        if connection is not None and connection.remote.port in (
            row.sa_set.port_uc,
            row.sa_set.port_us,
        ):
            registration.connection = None
            self._context.emit(CloseFlow(connection))
