"""The clock of all figures.

A figure is the best of several rounds: other work on the machine only ever makes it larger.
Many short rounds are better than a few long ones where the clock counts that work, too.
"""

import time
from collections.abc import Callable
from pathlib import Path

IN_UML = "User Mode Linux" in Path("/proc/cpuinfo").read_text()

# User-mode-linux counts CPU time in ticks of 10 ms. It has one CPU and nothing else to do,
# so the time that passes is as good.
clock = time.perf_counter if IN_UML else time.process_time


def seconds(act: Callable[[], object]) -> float:
    """How long something takes."""
    start = clock()
    act()
    return clock() - start


def best(rounds: int, act: Callable[[], object], count: int) -> float:
    """Microseconds of one of the ``count`` things that ``act`` does."""
    return microseconds(min(seconds(act) for _ in range(rounds)), count)


def microseconds(total: float, count: int) -> float:
    """One's share of some seconds."""
    return total / count * 1e6
