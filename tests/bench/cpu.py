"""CPU time that other processes have used."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def spent(pids: Iterable[int]) -> float:
    """Seconds, user and system, of all threads of these processes.

    The scheduler's own account (proc(5), schedstat), in nanoseconds.
    """
    tasks = (task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@contextlib.contextmanager
def first_in_line() -> Iterator[None]:
    """Whoever else wants our CPU waits for us within the block (sched(7), SCHED_FIFO)."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
