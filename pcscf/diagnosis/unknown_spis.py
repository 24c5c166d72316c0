"""Who sends ESP with an SPI that no SA has: a bounded table of sources and SPIs.

What a raw socket hears is only suspected at first: an SA may have come or gone between the
packet and the look for it. It is believed once the kernel's own count has risen too.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from pcscf.core.source import source
from xfrm.model import SaId

_MOST_SOURCES: Final = 500
_MOST_OF_A_SOURCE: Final = 8  # SPIs: who makes them up drives out nobody else's
_ASKED: Final = 32  # SPIs that the kernel is asked about in one go, some microseconds each


class Key(NamedTuple):
    """Where packets came from, and the SA that they are for."""

    source: str
    sa: SaId


class UnknownSpi:
    """Packets of one source with one SPI. Times are seconds since the epoch."""

    __slots__ = ("count", "first", "key", "last")

    def __init__(self, key: Key, now: float) -> None:
        self.key = key
        self.first = self.last = now
        self.count = 0


_Spis = OrderedDict[Key, UnknownSpi]


class UnknownSpis:
    """The table. ``is_there`` asks the kernel for an SA."""

    def __init__(self, is_there: Callable[[SaId], bool]) -> None:
        self._is_there = is_there
        self._known: set[SaId] = set()  # SAs that were there a moment ago
        self._suspected: Counter[Key] = Counter()
        self._sources: OrderedDict[str, _Spis] = OrderedDict()  # heard last, last

    def hear(self, packets: Iterable[tuple[str, SaId]]) -> None:
        """Take packets, and suspect those for which there is no SA."""
        asked = 0
        for sender, sa in packets:
            key = Key(sender, sa)
            if sa in self._known:
                continue
            if key not in self._suspected:
                if asked == _ASKED:
                    continue
                asked += 1
                if self._is_there(sa):
                    self._known.add(sa)
                    continue
            self._suspected[key] += 1

    def settle(self, now: float, *, risen: bool) -> None:
        """Believe what was suspected, if the kernel has dropped packets for it meanwhile."""
        suspected, self._suspected = self._suspected, Counter()
        self._known.clear()
        if risen:
            for key, count in suspected.items():
                self._add(key, count, now)

    def all(self) -> list[UnknownSpi]:
        """Give what was found, that which was heard last first."""
        found = (one for spis in self._sources.values() for one in spis.values())
        return sorted(found, key=lambda one: -one.last)

    def of(self, sender: str) -> list[UnknownSpi]:
        """Give what came from one address."""
        spis = self._sources.get(source(sender), _Spis())
        found = [one for one in spis.values() if one.key.source == sender]
        return sorted(found, key=lambda one: -one.last)

    def forget_before(self, moment: float) -> None:
        """Forget the sources that were not heard since."""
        while self._sources:
            oldest = next(iter(self._sources.values()))
            if next(reversed(oldest.values())).last >= moment:
                return
            self._sources.popitem(last=False)

    def _add(self, key: Key, count: int, now: float) -> None:
        peer = source(key.source)
        spis = self._sources.setdefault(peer, OrderedDict())
        self._sources.move_to_end(peer)
        found = spis.setdefault(key, UnknownSpi(key, now))
        spis.move_to_end(key)
        found.last = now
        found.count += count
        if len(spis) > _MOST_OF_A_SOURCE:
            spis.popitem(last=False)
        if len(self._sources) > _MOST_SOURCES:
            self._sources.popitem(last=False)
