"""Counting many against one rate: a leaky bucket each, and each a single number.

A bucket leaks at the rate and fills by what is counted. Instead of its level we keep
the time at which it will have run empty: that needs no touch while time passes, and a
bucket whose time has come is as good as none.
"""

from collections import deque

_LOOKED_AT = 2  # old buckets a new one: more than one goes for each that comes, if they are empty


class Meters:
    """Buckets by name, at most ``room`` of them: when there are more, the oldest goes.

    ``rate`` is what leaks a second; 0 counts nothing, and all levels are 0.
    """

    __slots__ = ("_empty_at", "_order", "_rate", "_room", "_step")

    def __init__(self, rate: float, room: int) -> None:
        self._rate = rate
        self._step = 1 / rate if rate else 0.0
        self._room = room
        self._empty_at: dict[str, float] = {}
        self._order: deque[str] = deque()  # oldest first; a dict finds its own oldest slowly

    def __len__(self) -> int:
        """How many buckets take memory."""
        return len(self._empty_at)

    def change(self, rate: float, room: int, now: float) -> None:
        """Go on with another rate and room; whoever is ahead stays as far ahead."""
        levels = {name: self.level(name, now) for name in self._empty_at}
        self._rate = rate
        self._step = 1 / rate if rate else 0.0
        self._room = room
        if not rate:
            self._order.clear()
            levels.clear()
        self._empty_at = {name: now + level * self._step for name, level in levels.items()}

    def add(self, name: str, now: float, amount: float = 1.0) -> float:
        """Count ``amount`` and give the level with it."""
        step = self._step
        if not step:
            return 0.0
        at = self._empty_at.get(name)
        if at is None:
            self._make_room(now)
            self._order.append(name)
            at = now
        elif at < now:
            at = now
        self._empty_at[name] = at = at + amount * step
        return (at - now) * self._rate

    def level(self, name: str, now: float) -> float:
        """Give the level, without counting."""
        return max(self._empty_at.get(name, now) - now, 0.0) * self._rate

    def forget(self, name: str) -> None:
        """Let one begin anew."""
        self._empty_at.pop(name, None)

    def _make_room(self, now: float) -> None:
        """Look at the oldest few: the empty go, the others count as new. Never at all of them."""
        order, empty_at = self._order, self._empty_at
        for _ in range(min(_LOOKED_AT, len(order))):
            oldest = order.popleft()
            if empty_at.get(oldest, now) > now and len(order) < self._room - 1:
                order.append(oldest)
            else:
                empty_at.pop(oldest, None)
