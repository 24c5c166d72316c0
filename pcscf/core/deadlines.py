"""Many deadlines, one timer outside.

An owner has one deadline at a time. Moving it later costs nothing now: the
entry in the heap comes up early, is seen to be stale and is queued again. So a
registration that is refreshed for weeks keeps one entry. Entries of owners that
are done with go when there are as many of them as of others: they hold memory.
"""

from heapq import heapify, heappop, heappush
from math import inf

_FEW = 64  # stale entries that are not worth a clean-up


class Timed:
    """Something with a deadline; ``inf`` means none."""

    __slots__ = ("deadline", "queued_for")

    def __init__(self) -> None:
        self.deadline = inf
        self.queued_for = inf  # when this owner's earliest heap entry comes up

    # As every object has it; who defines an order has to say so for the compiled form.
    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __lt__(self, _other: object) -> bool:
        """Owners due at the same time come in any order; the heap asks here."""
        return False


class Deadlines:
    """A heap of owners by deadline. Times are seconds on the caller's monotonic clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, Timed]] = []
        self._live = 0  # owners with a deadline

    def set(self, owner: Timed, at: float) -> None:
        """Give the owner the deadline ``at``, in place of the one it had."""
        self._live += owner.deadline == inf
        owner.deadline = at
        if at < owner.queued_for:
            self._push(owner, at)

    def cancel(self, owner: Timed) -> None:
        """Take the owner's deadline away."""
        self._live -= owner.deadline != inf
        owner.deadline = inf

    def next(self) -> float | None:
        """When to look again; never later than the earliest deadline."""
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Timed | None:
        """Take out one owner whose deadline has come; it has none then. None if nothing is due."""
        while self._heap and self._heap[0][0] <= now:
            at, owner = heappop(self._heap)
            if at == owner.queued_for:
                owner.queued_for = inf
            if owner.deadline <= now:
                owner.deadline = inf
                self._live -= 1
                return owner
            if owner.deadline < owner.queued_for:
                self._push(owner, owner.deadline)
        return None

    def _push(self, owner: Timed, at: float) -> None:
        owner.queued_for = at
        heappush(self._heap, (at, owner))
        self._clean_up()

    def _clean_up(self) -> None:
        """Drop the entries that nobody waits for, once they are the most."""
        if len(self._heap) <= 2 * self._live + _FEW:
            return
        kept = []
        for entry in self._heap:
            at, owner = entry
            if at == owner.queued_for and owner.deadline != inf:
                kept.append(entry)
            elif at == owner.queued_for:
                owner.queued_for = inf
        heapify(kept)
        self._heap = kept
