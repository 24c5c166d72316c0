"""CPU time that other processes have used."""

from collections.abc import Iterable
from pathlib import Path


def spent(pids: Iterable[int]) -> float:
    """Seconds, user and system, of all threads of these processes.

    The scheduler's own account (proc(5), schedstat), in nanoseconds.
    """
    tasks = (task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
