"""Whether phones are there, by what the kernel counts for their SAs: nobody is sent anything.

While nobody looks (``liveness.interval`` is 0) nothing is held.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pcscf.core.context import Context
from pcscf.core.sa_table import SaRow
from pcscf.core.state import Registration
from xfrm.model import SaId


class _Heard(NamedTuple):
    """Packets from a phone under its sets, and since when they have been no more."""

    packets: int
    since: float


class Liveness:
    """Compares the counters of one look with those of the look before."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._policy = context.policy.liveness
        self._heard: dict[str, _Heard] = {}  # by token; of those that were there at the last look
        self._silent: set[str] = set()

    def __len__(self) -> int:
        """How many phones count as silent."""
        return len(self._silent)

    def on_used(self, packets: Mapping[SaId, int]) -> None:
        """Take a look."""
        now, before = self._context.now, self._heard
        self._heard = {}
        silent: set[str] = set()
        for one in self._context.registry.all():
            if one.current is None:
                continue  # in clear: nothing is counted
            count = sum(_from_phone(row, packets) for row in one.sets)
            known = before.get(one.token)
            unchanged = known is not None and known.packets == count
            since = known.since if known is not None and unchanged else now
            self._heard[one.token] = _Heard(count, since)
            if now - since >= self._policy.silent_after:
                silent.add(one.token)
                if one.token not in self._silent:
                    self._report("phone_silent", one)
            elif one.token in self._silent:
                self._report("phone_back", one)
        self._silent = silent

    def gives_up(self, registration: Registration) -> bool:
        """Whether requests for a phone are answered without asking it."""
        return self._policy.answer_480 and registration.token in self._silent

    def _report(self, event: str, registration: Registration) -> None:
        self._context.count(event)
        self._context.report("info", event, impi=registration.impi, ue=registration.phone.host)


def _from_phone(row: SaRow, packets: Mapping[SaId, int]) -> int:
    """Count the packets of the two inbound SAs of a set."""
    sa_set = row.sa_set
    inbound = (SaId(sa_set.pcscf, sa_set.spi_ps), SaId(sa_set.pcscf, sa_set.spi_pc))
    return sum(packets.get(sa, 0) for sa in inbound)
