"""What is counted of an operator's functions, for metrics: plain numbers that only grow."""

from bisect import bisect_left
from collections import Counter
from enum import StrEnum
from typing import Final

from pcscf.core.hooks import Point

# Seconds; most functions take some microseconds, one that asks a server milliseconds.
BUCKETS: Final = (1e-5, 1e-4, 1e-3, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)
_MOST = 256  # functions; those of files that were replaced stay


class Failure(StrEnum):
    """How a function fails."""

    RAISED = "raised"
    NOT_ALLOWED = "not_allowed"  # a change or an answer that it may not make
    NONSENSE = "nonsense"  # it returned what is no answer
    BUSY = "busy"  # it kept the event loop for longer than time_limit
    LATE = "late"  # it waited for longer than async_time_limit
    CROWDED = "crowded"  # not called to its end: max_waiting others wait already


class FunctionMeasures:
    """Numbers of one function. ``seconds`` has one count more than ``BUCKETS``, for the rest.

    ``slow`` is how often it kept the event loop for longer than the operator's ``slow``.
    """

    __slots__ = ("calls", "failures", "refused", "seconds", "slow", "total")

    def __init__(self) -> None:
        self.calls = 0
        self.refused = 0  # requests that it rejected
        self.slow = 0
        self.failures: Counter[Failure] = Counter()
        self.seconds = [0] * (len(BUCKETS) + 1)  # from call to answer, by bucket
        self.total = 0.0  # seconds

    def observe(self, seconds: float) -> None:
        """Count a call that has ended."""
        self.seconds[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds


class HookMeasures:
    """All functions by point and name, and how many messages wait for one that is async."""

    def __init__(self) -> None:
        self.functions: dict[tuple[Point, str], FunctionMeasures] = {}
        self.waiting = 0

    def of(self, point: Point, name: str) -> FunctionMeasures:
        """Find a function's numbers."""
        found = self.functions.get((point, name))
        if found is None:
            if len(self.functions) >= _MOST:
                return FunctionMeasures()
            found = self.functions[point, name] = FunctionMeasures()
        return found
