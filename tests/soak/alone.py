"""A soak of the decisions alone, with restarts: many random histories, one behind the other."""

import time
from collections import Counter
from collections.abc import Callable

from tests.core.test_random_histories import History
from tests.soak.violation import Violation

LENGTH = 1000  # steps of one history; at its end all must have run out
REMEMBERED = 25


def soak(steps: int, seed: int, say: Callable[[str], object]) -> Counter[str]:
    """Take so many steps in all; return how often each was taken. Raises Violation.

    Each history has a seed of its own, beginning with ``seed``.
    """
    done: Counter[str] = Counter()
    start = time.monotonic()
    for first in range(0, steps, LENGTH):
        history = History(seed, restarts=True)
        _whole(history, min(LENGTH, steps - first), seed)
        done.update(history.taken)
        seed += 1
        say(f"{done.total()} steps, {time.monotonic() - start:.0f} s")
    return done


def _whole(history: History, steps: int, seed: int) -> None:
    try:
        history.run(steps)
        history.ends()
    except Exception as error:
        last = history.taken[-REMEMBERED:]
        lines = [f"seed {seed}, step {len(history.taken)}: {type(error).__name__}: {error}"]
        lines += ["the last steps:", *(f"  {name}" for name in last)]
        raise Violation("\n".join(lines)) from error
