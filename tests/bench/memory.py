"""Memory of a registered phone, with its share of every index."""

import gc
import tracemalloc
from collections.abc import Iterable, Iterator

from tests.bench.players import Player, register

_FAR_AWAY = 9_000_000  # a number beyond those of all phones that are counted


def per_phone(counts: Iterable[int]) -> Iterator[tuple[int, float]]:
    """Let one edge grow; give its octets for each phone at each count.

    It is the interpreter's own account of what was asked of the allocator and not given
    back. Transactions are over by then.
    """
    player = Player()
    register(player, 1, first=_FAR_AWAY)  # what is made once is not counted
    registered = 0
    tracemalloc.start()
    try:
        for count in counts:
            register(player, count - registered, first=registered + 1)
            registered = count
            gc.collect()
            yield count, tracemalloc.get_traced_memory()[0] / count
    finally:
        tracemalloc.stop()
