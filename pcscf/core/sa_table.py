"""The SA table of TS 33.203 section 7.1: which user an SA set belongs to.

Found by flow (phone's address and port, our port) for every message, and by
SPI when the kernel speaks of an SA.
"""

from collections.abc import Iterator
from enum import Enum, auto
from typing import TYPE_CHECKING

from pcscf.core.agreement import Offer
from pcscf.core.deadlines import Timed
from pcscf.core.flow import Flow
from xfrm.algorithms import Suite
from xfrm.model import SaId, SaSet, SelectorMode

if TYPE_CHECKING:
    from pcscf.core.state import Attempt, Registration


class Stage(Enum):
    """Where an SA set stands in its life (TS 33.203 7.4)."""

    TEMPORARY = auto()  # installed with the 401, not yet confirmed
    CURRENT = auto()  # of the latest successful authentication
    PREVIOUS = auto()  # the one that protected the REGISTER which made the current one
    LEAVING = auto()  # only answers under way and retransmissions; removed at its deadline


class SaRow(Timed):
    """One SA set and whose it is. ``offered`` is the list that Security-Server was made from.

    ``connection`` is the TCP connection that the phone opened under it, if there is one.
    ``received`` is how many packets had come to ps and to pc when the kernel was last asked.
    """

    __slots__ = ("connection", "offered", "owner", "received", "sa_set", "stage")

    def __init__(
        self, sa_set: SaSet, offered: tuple[Suite, ...], owner: "Attempt | Registration"
    ) -> None:
        super().__init__()
        self.sa_set = sa_set
        self.offered = offered
        self.owner = owner
        self.stage = Stage.TEMPORARY
        self.connection: Flow | None = None
        self.received = (0, 0)


_PortKey = tuple[str, int, int]  # phone's address, phone's port, our port


class SaTable:
    """All rows, one per SA set that the kernel holds for us."""

    def __init__(self, selectors: SelectorMode) -> None:
        self._tolerant = selectors is SelectorMode.TOLERANT
        self._by_ports: dict[_PortKey, SaRow] = {}
        self._by_spi: dict[int, SaRow] = {}  # of our two inbound SAs; no two sets share one
        self._by_peer: dict[SaId, SaRow] = {}  # the phone's two, which only its address tells apart
        self._at_host: dict[str, list[SaRow]] = {}  # kept in tolerant mode only

    def __len__(self) -> int:
        """How many sets there are."""
        return len(self._by_spi) // 2

    def __iter__(self) -> Iterator[SaRow]:
        """All rows, each once."""
        return (row for spi, row in self._by_spi.items() if spi == row.sa_set.spi_ps)

    def parts(self, size: int) -> Iterator[list[SaRow]]:
        """All rows of now, a part at a time; the table may change in between."""
        entries = tuple(self._by_spi.items())
        for start in range(0, len(entries), size):
            part = entries[start : start + size]
            yield [row for spi, row in part if spi == row.sa_set.spi_ps]

    def add(self, row: SaRow) -> None:
        """Enter a row. Its ports and SPIs must be free (``clash``)."""
        for key in _port_keys(row.sa_set):
            self._by_ports[key] = row
        for spi in _spis(row.sa_set):
            self._by_spi[spi] = row
        for sa in _peer_sas(row.sa_set):
            self._by_peer[sa] = row
        if self._tolerant:
            self._at_host.setdefault(row.sa_set.ue, []).append(row)

    def remove(self, row: SaRow) -> None:
        """Take a row out; one that is out already is left alone."""
        if not self.holds(row):
            return
        for key in _port_keys(row.sa_set):
            del self._by_ports[key]
        for spi in _spis(row.sa_set):
            del self._by_spi[spi]
        for sa in _peer_sas(row.sa_set):
            del self._by_peer[sa]
        if self._tolerant:
            self._at_host[row.sa_set.ue].remove(row)
            if not self._at_host[row.sa_set.ue]:
                del self._at_host[row.sa_set.ue]

    def holds(self, row: SaRow) -> bool:
        """Whether the row is in the table, so its SAs in the kernel."""
        return self._by_spi.get(row.sa_set.spi_ps) is row

    def find(self, flow: Flow) -> SaRow | None:
        """Find the SA set a protected flow belongs to; None if it belongs to nobody."""
        host, port = flow.remote
        row = self._by_ports.get((host, port, flow.local.port))
        if row is None and self._tolerant:
            return self._find_tolerant(host, port, flow.local.port)
        return row

    def _find_tolerant(self, host: str, port: int, ours: int) -> SaRow | None:
        """Either port of the phone to either of ours; the newest set, a confirmed one first."""
        rows = [
            row
            for row in self._at_host.get(host, ())
            if port in (row.sa_set.port_uc, row.sa_set.port_us)
            and ours in (row.sa_set.port_pc, row.sa_set.port_ps)
        ]
        rows.reverse()  # of equals, max takes the first
        return max(rows, key=lambda row: row.stage is Stage.CURRENT, default=None)

    def find_sa(self, sa: SaId) -> SaRow | None:
        """Find the set that one SA of the kernel belongs to."""
        row = self._by_spi.get(sa.spi)
        if row is not None and row.sa_set.pcscf == sa.destination:
            return row
        return self._by_peer.get(sa)

    def has_spi(self, spi: int) -> bool:
        """Whether an inbound SA of ours has this SPI."""
        return spi in self._by_spi

    def clash(self, host: str, offer: Offer, port_ps: int) -> SaRow | None:
        """Find a row that uses a number the phone wants to use again (TS 33.203 7.1)."""
        return (
            self._by_ports.get((host, offer.port_uc, port_ps))
            or self._by_peer.get(SaId(host, offer.spi_uc))
            or self._by_peer.get(SaId(host, offer.spi_us))
        )

    def port_pc_free(self, host: str, port_us: int, port_pc: int) -> bool:
        """Whether no set of this phone's port runs over this client port of ours."""
        return (host, port_us, port_pc) not in self._by_ports

    def others_at(self, host: str, impi: str) -> bool:
        """Whether the address carries another user's SAs; asked in tolerant mode only."""
        return any(row.owner.impi != impi for row in self._at_host.get(host, ()))


def _port_keys(sa_set: SaSet) -> tuple[_PortKey, _PortKey]:
    return (
        (sa_set.ue, sa_set.port_uc, sa_set.port_ps),
        (sa_set.ue, sa_set.port_us, sa_set.port_pc),
    )


def _spis(sa_set: SaSet) -> tuple[int, int]:
    return sa_set.spi_ps, sa_set.spi_pc


def _peer_sas(sa_set: SaSet) -> tuple[SaId, SaId]:
    return SaId(sa_set.ue, sa_set.spi_uc), SaId(sa_set.ue, sa_set.spi_us)
