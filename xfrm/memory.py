"""SaKernel in a dict, for tests of what stands above a kernel."""

import errno
from collections import Counter
from collections.abc import Iterable, Iterator

from xfrm.algorithms import Suite
from xfrm.errors import KernelRefusal
from xfrm.model import (
    AkaKeys,
    InstalledSa,
    SaId,
    SaSet,
    SaUsage,
    SecurityAssociation,
    SelectorMode,
)


class MemoryKernel:
    """Behaves as ``XfrmKernel``; time stands still but for ``advance``.

    ``refusal``, while it is set, is what reach, install, extend, read and usage raise.
    ``unusable`` is what ``probe`` finds. ``sas`` holds the SAs as they were asked for, keys too.
    ``packets`` counts nothing by itself: it is what is told of an SA.
    """

    def __init__(self, reqid: int = 1, selectors: SelectorMode = SelectorMode.STRICT) -> None:
        self.sas: dict[SaId, SecurityAssociation] = {}
        self.packets: Counter[SaId] = Counter()
        self.refusal: KernelRefusal | None = None
        self.unusable: dict[Suite, str] = {}
        self.is_open = False
        self.now = 0
        self._reqid = reqid
        self._selectors = selectors
        self._added: dict[SaId, int] = {}
        self._deadlines: dict[SaId, int] = {}

    def probe(self, suites: Iterable[Suite]) -> dict[Suite, str]:
        """Return those of the suites that are in ``unusable``."""
        return {suite: self.unusable[suite] for suite in suites if suite in self.unusable}

    def reach(self) -> None:
        """Raise ``refusal``."""
        self._refuse()

    def open(self) -> int:
        """Remove all SAs, as those of an earlier run."""
        self.is_open = True
        orphans = list(self.sas)
        self._drop(orphans)
        return len(orphans)

    def install(self, sa_set: SaSet, keys: AkaKeys, lifetime: int) -> None:
        """Install all four, or raise ``refusal``, or EEXIST for a name that is taken."""
        self._refuse()
        if taken := [name for name in sa_set.ids if name in self.sas]:
            raise KernelRefusal(f"install SA {taken[0]}", errno.EEXIST, "EEXIST: it is there")
        for sa in sa_set.associations(keys, self._reqid, self._selectors, lifetime):
            self.sas[sa.id] = sa
            self._added[sa.id] = self.now
        self._set_deadlines(sa_set, lifetime)

    def extend(self, sa_set: SaSet, lifetime: int) -> None:
        """Move the deadlines; ESRCH if one of the four is gone."""
        self._refuse()
        if gone := [name for name in sa_set.ids if name not in self.sas]:
            raise KernelRefusal(f"extend SA {gone[0]}", errno.ESRCH, "ESRCH: it is gone")
        self._set_deadlines(sa_set, lifetime)

    def remove(self, sa_set: SaSet) -> None:
        """Remove what is there of the four."""
        self._drop(sa_set.ids)

    def dump(self) -> list[InstalledSa]:
        """Describe all SAs; of what was sent and received under them, ``packets`` alone."""
        return [self._describe(sa) for sa in self.sas.values()]

    def read(self, sa: SaId) -> InstalledSa | None:
        """Describe one SA, if it is there; or raise ``refusal``."""
        self._refuse()
        return self._describe(self.sas[sa]) if sa in self.sas else None

    def present(self) -> frozenset[SaId]:
        """Return the names of all SAs."""
        return frozenset(self.sas)

    def usage(self) -> Iterator[SaUsage]:
        """Give the ``packets`` of all SAs, or raise ``refusal``."""
        self._refuse()
        for name in list(self.sas):
            yield SaUsage(name, self.packets[name], 0, 0)

    def close(self) -> None:
        """Remove all SAs."""
        self._drop(list(self.sas))
        self.is_open = False

    def advance(self, seconds: int) -> list[SaId]:
        """Let time pass, and return the SAs whose lifetime ran out, as ExpireMonitor does."""
        self.now += seconds
        expired = [name for name, deadline in self._deadlines.items() if deadline <= self.now]
        self._drop(expired)
        return expired

    def _refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    def _set_deadlines(self, sa_set: SaSet, lifetime: int) -> None:
        for name in sa_set.ids:
            self._deadlines.pop(name, None)
            if lifetime:
                self._deadlines[name] = self.now + lifetime

    def _drop(self, names: Iterable[SaId]) -> None:
        for name in names:
            self.sas.pop(name, None)
            self.packets.pop(name, None)
            self._added.pop(name, None)
            self._deadlines.pop(name, None)

    def _describe(self, sa: SecurityAssociation) -> InstalledSa:
        added = self._added[sa.id]
        deadline = self._deadlines.get(sa.id, added)
        return InstalledSa(
            sa.id,
            sa.source,
            sa.selector,
            sa.suite,
            sa.reqid,
            lifetime=deadline - added,
            added=added,
            used=0,
            packets=self.packets[sa.id],
            octets=0,
            replay_window=sa.replay_window,
            sequence=0,
            outside_window=0,
            replayed=0,
            integrity_failed=0,
        )
