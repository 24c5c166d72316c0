"""Which sources are blocked, until when and why.

A block that is over is remembered for a while: another one then takes twice as long.
"""

from collections import OrderedDict
from typing import Literal, NamedTuple

from pcscf.core.context import Context
from pcscf.core.deadlines import Timed
from pcscf.core.guard_policy import GuardPolicy
from pcscf.core.meter import Meters

# Lines of the log a second, and at once: who can forge sources must not fill disks.
_LINES, _LINES_AT_ONCE = 1.0, 20


class Blocked(NamedTuple):
    """A blocked source as the operator sees it; ``until`` is in seconds on the core's clock."""

    source: str
    until: float
    reason: str


class Block(Timed):
    """One source's latest block: in force up to ``until``, then remembered up to its deadline."""

    __slots__ = ("reason", "seconds", "source", "until")

    def __init__(self, source: str, reason: str, seconds: float, until: float) -> None:
        super().__init__()
        self.source = source
        self.reason = reason
        self.seconds = seconds
        self.until = until


class Blocks:
    """The block list. At most ``max_blocked`` are in force, and as many remembered."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lines = Meters(_LINES, room=1)
        self._past: OrderedDict[str, Block] = OrderedDict()  # oldest first, as the next one
        self.in_force: OrderedDict[str, Block] = OrderedDict()

    def __len__(self) -> int:
        """How many take memory."""
        return len(self.in_force) + len(self._past)

    @property
    def _policy(self) -> GuardPolicy:
        return self._context.policy.guard

    def add(self, source: str, reason: str, seconds: float | None = None) -> None:
        """Block a source from now on, in place of an earlier block.

        Without ``seconds`` it is for ``block_time``, or for twice the time of the one before.
        """
        known = self._take_out(source)
        if seconds is None:
            seconds = self._policy.block_time if known is None else 2 * known.seconds
            seconds = min(seconds, self._policy.block_time_max)
        while len(self.in_force) >= self._policy.max_blocked:
            self._context.count("guard_block_list_full")
            self._let_free(next(iter(self.in_force.values())))
        until = self._context.now + seconds
        self.in_force[source] = block = Block(source, reason, seconds, until)
        self._context.deadlines.set(block, until)
        self._context.count("guard_blocked")
        self._report("warning", "source_blocked", block, seconds=seconds)

    def remove(self, source: str) -> bool:
        """Let a source free and forget its past. False: it was not blocked."""
        if source not in self.in_force:
            return False
        self._let_free(self.in_force[source])
        self._take_out(source)
        return True

    def on_deadline(self, block: Block) -> None:
        """End a block, or the memory of it."""
        if self.in_force.get(block.source) is block:
            self._let_free(block)
        else:
            self._take_out(block.source)

    def _let_free(self, block: Block) -> None:
        del self.in_force[block.source]
        while len(self._past) >= self._policy.max_blocked:
            self._take_out(next(iter(self._past)))
        self._past[block.source] = block
        forgotten_at = self._context.now + self._policy.block_time_max
        self._context.deadlines.set(block, forgotten_at)
        self._context.count("guard_freed")
        self._report("info", "source_free", block)

    def _take_out(self, source: str) -> Block | None:
        block = self.in_force.pop(source, None) or self._past.pop(source, None)
        if block is not None:
            self._context.deadlines.cancel(block)
        return block

    def _report(
        self, level: Literal["info", "warning"], event: str, block: Block, **fields: float
    ) -> None:
        context = self._context
        if self._lines.add("", context.now) > _LINES_AT_ONCE:
            context.count("guard_lines_left_out")
            return
        context.report(level, event, source=block.source, reason=block.reason, **fields)
