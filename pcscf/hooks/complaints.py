"""Lines of the log about functions that fail: the first at once, then one a minute for each place.

A function may fail with every message, and a log that is flooded tells nothing.
"""

from collections.abc import Callable

import structlog

log = structlog.get_logger()

_PAUSE = 60.0  # seconds
_MOST = 256  # places that are remembered


class Complaints:
    """Says what goes wrong. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told: dict[tuple[str, str], float] = {}  # when, by event and place
        self._untold: dict[tuple[str, str], int] = {}

    def tell(self, event: str, place: str, **fields: str | float) -> None:
        """Log a line, or count it for the next one."""
        key, now = (event, place), self._clock()
        told = self._told.get(key)
        if told is not None and now < told + _PAUSE:
            self._untold[key] = self._untold.get(key, 0) + 1
            return
        if len(self._told) >= _MOST:
            self._told.clear()
            self._untold.clear()
        self._told[key] = now
        more = {"before": self._untold.pop(key)} if key in self._untold else {}
        log.warning(event, place=place, **fields, **more)
