"""Memory of a registered phone, with its share of every index."""

import gc
import tracemalloc

from pcscf.core.effects import Effect
from pcscf.core.events import Event
from tests.bench.players import Player, register

_TRANSACTIONS_OVER = 300.0  # seconds; every timer of a transaction has run out by then


class _Silent(Player):
    """Keeps nothing of its own between events."""

    def play(self, event: Event) -> list[Effect]:
        effects = super().play(event)
        self._asked_in_clear.clear()
        return effects


def per_phone(count: int) -> float:
    """Octets a registered phone takes, once its transactions are over."""
    stage = _Silent()
    register(stage, 1, first=9_000_000)  # what is made once is not counted
    gc.collect()
    tracemalloc.start()
    try:
        register(stage, count)
        stage.wait(_TRANSACTIONS_OVER)
        stage.log.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / count
    finally:
        tracemalloc.stop()
