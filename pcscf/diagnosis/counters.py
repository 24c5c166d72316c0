"""The four SAs of a set, and what the kernel has counted under each."""

import contextlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from pcscf.core.flow import Endpoint
from xfrm.errors import XfrmError
from xfrm.kernel import SaKernel
from xfrm.model import InstalledSa, SaId

_REMEMBERED: Final = 1000  # sets


class FourSas(Protocol):
    """Addresses and numbers of a set: ``xfrm.model.SaSet``, or ``pcscf.core.views.SaSetView``."""

    @property
    def ue(self) -> str: ...  # noqa: D102 - as SaSet has them
    @property
    def pcscf(self) -> str: ...  # noqa: D102
    @property
    def spi_uc(self) -> int: ...  # noqa: D102
    @property
    def spi_us(self) -> int: ...  # noqa: D102
    @property
    def spi_pc(self) -> int: ...  # noqa: D102
    @property
    def spi_ps(self) -> int: ...  # noqa: D102
    @property
    def port_uc(self) -> int: ...  # noqa: D102
    @property
    def port_us(self) -> int: ...  # noqa: D102
    @property
    def port_pc(self) -> int: ...  # noqa: D102
    @property
    def port_ps(self) -> int: ...  # noqa: D102


class SaCounters(NamedTuple):
    """One SA. ``kernel`` is None if the kernel has none; ``known`` is False if it did not say.

    ``inbound``: from the phone to us.
    """

    id: SaId
    source: Endpoint
    destination: Endpoint
    inbound: bool
    kernel: InstalledSa | None
    known: bool = True

    @property
    def packets(self) -> int:
        """How many packets it carried."""
        return self.kernel.packets if self.kernel else 0


def read_four(kernel: SaKernel, one: FourSas) -> tuple[SaCounters, ...]:
    """Ask the kernel for the SAs of a set, in the order of ``SaSet.ids``: four short requests."""
    uc, us = Endpoint(one.ue, one.port_uc), Endpoint(one.ue, one.port_us)
    pc, ps = Endpoint(one.pcscf, one.port_pc), Endpoint(one.pcscf, one.port_ps)
    ways = ((uc, ps, one.spi_ps), (ps, uc, one.spi_uc), (pc, us, one.spi_us), (us, pc, one.spi_pc))
    return tuple(_read(kernel, source, to, spi, one.pcscf) for source, to, spi in ways)


def _read(
    kernel: SaKernel, source: Endpoint, destination: Endpoint, spi: int, own: str
) -> SaCounters:
    sa = SaId(destination.host, spi)
    inbound = destination.host == own
    with contextlib.suppress(XfrmError, OSError):
        return SaCounters(sa, source, destination, inbound, kernel.read(sa))
    return SaCounters(sa, source, destination, inbound, None, known=False)


class Standstill(NamedTuple):
    """Since a moment nothing has come from a phone, and so many packets went to it."""

    since: float
    went: int


class EarlierLooks:
    """What was counted when a set was asked about before, to see what stands still since."""

    def __init__(self) -> None:
        self._seen: OrderedDict[SaId, tuple[float, int, int]] = OrderedDict()

    def compare(self, sas: Sequence[SaCounters], now: float) -> Standstill:
        """Compare with the first look after the phone's last packet, which this one may be."""
        came = sum(sa.packets for sa in sas if sa.inbound)
        went = sum(sa.packets for sa in sas if not sa.inbound)
        name = sas[0].id
        moment, came_before, went_before = self._seen.get(name, (now, came, went))
        if came != came_before or went < went_before:
            moment, went_before = now, went
        self._seen[name] = (moment, came, went_before)
        self._seen.move_to_end(name)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return Standstill(moment, went - went_before)
