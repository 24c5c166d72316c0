"""What is sent again and again until the other side has heard it."""

import contextlib
import math
import time
from collections.abc import Callable

from tests.peers.wire import Pump


class Repetition:
    """Sends again at pauses that double up to ``longest``, for 64 T1 at most.

    Timers A and B, E and F, G and H of RFC 3261; a 2xx (13.3.1.4); a reliable 1xx
    (RFC 3262 section 3).
    """

    def __init__(
        self, pump: Pump, again: Callable[[], object], t1: float, longest: float = math.inf
    ) -> None:
        self._pump, self._again, self._pause, self._longest = pump, again, t1, longest
        self._end = time.monotonic() + 64 * t1
        self.stopped = False
        self._timer = pump.later(t1, self._fire)

    def stop(self) -> None:
        """It was heard."""
        self.stopped = True
        self._timer.cancel()

    def _fire(self) -> None:
        if self.stopped or time.monotonic() >= self._end:
            return
        with contextlib.suppress(OSError):  # the socket is closed
            self._again()
        self._pause = min(2 * self._pause, self._longest)
        self._timer = self._pump.later(self._pause, self._fire)
