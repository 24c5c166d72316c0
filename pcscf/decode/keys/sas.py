"""The SAs known so far, by destination, SPI and time (RFC 4301 4.1: they name an SA).

A phone draws its SPIs anew for each registration and may come back to one, and a P-CSCF gives
those of former registrations out again: then one SPI is several SAs, one after the other.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

from pcscf.decode.model import Fault, Sa

MAX_SAS: Final = 65_536
MAX_UNKNOWN: Final = 4096  # made up SPIs must not push real SAs out
MAX_PER_SPI: Final = 16
_SAME_TIME: Final = 60 * 10**9  # nanoseconds; nobody registers twice with the same ports and SPIs

_Id = tuple[str, int]


class SaTable:
    """All SAs, of which the oldest goes first when there are too many.

    ``dropped`` counts those, and ``gone`` the faults of their packets; ``on_drop`` is told of each.

    Iterating gives them in the order in which they became known.
    """

    def __init__(self, max_sas: int = MAX_SAS, max_unknown: int = MAX_UNKNOWN) -> None:
        self.dropped = 0
        self.gone: Counter[Fault] = Counter()
        self.on_drop: Callable[[Sa], object] = lambda _: None
        self._max_sas = max_sas
        self._max_unknown = max_unknown
        self._chains: dict[_Id, list[Sa]] = {}  # by ``since``
        self._unknown: dict[_Id, Sa] = {}
        self._order: dict[Sa, None] = {}  # those of ``_chains``
        self._unknown_order: dict[Sa, None] = {}  # those of ``_unknown``, and ones succeeded

    def __iter__(self) -> Iterator[Sa]:
        yield from sorted((*self._order, *self._unknown_order), key=_first_known)

    def __len__(self) -> int:
        return len(self._order) + len(self._unknown_order)

    def find(self, dst: str, spi: int, time: int) -> Sa | None:
        """Give the SA that the SPI means at that time.

        Of those that are known it is the last to begin before that time. Before the first one
        it is the first one: the clocks of two captures may differ, and the ICV proves it.
        """
        chain = self._chains.get((dst, spi))
        if chain is None:
            return self._unknown.get((dst, spi))
        if len(chain) > 1:
            for sa in reversed(chain):
                if sa.since is None or sa.since <= time:
                    return sa
        return chain[0]

    def others(self, sa: Sa) -> list[Sa]:
        """Give those that have the same destination and SPI at other times, the latest first."""
        chain = self._chains.get((sa.dst, sa.spi), ())
        return [other for other in reversed(chain) if other is not sa]

    def add(self, sa: Sa) -> Sa:
        """Make an SA known, and give the one that is in the table now.

        It takes the SPI over from its ``since`` on. What is found to be the same SA, by its
        keys or its ports, is not added: it completes the one that is there, which may have
        counted packets already.
        """
        chain = self._chains.setdefault((sa.dst, sa.spi), [])
        for known in chain:
            if known is sa:
                return sa
            if _same(known, sa):
                _complete(known, sa)
                self._set_bounds(chain)
                return known
        chain.append(sa)
        self._order[sa] = None
        unknown = self._unknown.pop((sa.dst, sa.spi), None)
        if unknown is not None and not unknown.packets:  # it is this one: nobody has counted it
            self._unknown_order.pop(unknown, None)
        self._set_bounds(chain)
        if len(chain) > MAX_PER_SPI:
            self._drop(chain[0])
        if len(self._order) > self._max_sas:
            self._drop(next(iter(self._order)))
        return sa

    def add_unknown(self, sa: Sa) -> Sa:
        """Make an SA known of which nothing is known but its SPI; the first ``add`` succeeds it."""
        self._unknown[sa.dst, sa.spi] = sa
        self._unknown_order[sa] = None
        if len(self._unknown_order) > self._max_unknown:
            oldest = next(iter(self._unknown_order))
            del self._unknown_order[oldest]
            if self._unknown.get((oldest.dst, oldest.spi)) is oldest:
                del self._unknown[oldest.dst, oldest.spi]
            self._count(oldest)
        return sa

    def promote(self, sa: Sa) -> None:
        """Count an SA among the known: a packet of it was opened.

        An entry of the same keys that has had no packets was about this SA.
        """
        if self._unknown.get((sa.dst, sa.spi)) is sa:
            del self._unknown_order[sa]
            self.add(sa)
        for other in self.others(sa):
            if other.keys == sa.keys and not other.packets:  # it was given without a time
                _complete(sa, other)
                self._remove(other)

    def _drop(self, sa: Sa) -> None:
        self._remove(sa)
        self._count(sa)

    def _remove(self, sa: Sa) -> None:
        del self._order[sa]
        chain = self._chains[sa.dst, sa.spi]
        chain.remove(sa)
        if not chain:
            del self._chains[sa.dst, sa.spi]

    def _count(self, sa: Sa) -> None:
        self.dropped += 1
        self.gone.update(sa.faults)
        self.on_drop(sa)

    @staticmethod
    def _set_bounds(chain: list[Sa]) -> None:
        chain.sort(key=_begins)
        for earlier, later in pairwise(chain):
            earlier.until = later.since


def _first_known(sa: Sa) -> int:
    return sa.since if sa.since is not None else sa.first_time


def _begins(sa: Sa) -> int:
    return -1 if sa.since is None else sa.since


def _same(known: Sa, sa: Sa) -> bool:
    if known.keys is not None and sa.keys is not None:
        return known.keys == sa.keys
    return known.ports is not None and known.ports == sa.ports and _of_one_time(known, sa)


def _of_one_time(known: Sa, sa: Sa) -> bool:
    """Whether both may have begun together, by clocks that differ."""
    if known.since is None or sa.since is None:
        return True
    return abs(known.since - sa.since) <= _SAME_TIME


def _complete(known: Sa, sa: Sa) -> None:
    """Add what the other one knows. Its keys are taken with all that belongs to them."""
    known.user = known.user or sa.user
    known.ports = known.ports or sa.ports
    if known.keys is None and sa.keys is not None:
        known.suite, known.keys, known.origin = sa.suite, sa.keys, sa.origin
        known.checked, known.candidates = sa.checked, sa.candidates
    if known.since is not None and sa.since is not None:
        known.since = min(known.since, sa.since)
