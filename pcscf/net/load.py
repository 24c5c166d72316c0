"""How late the event loop is: what a timer that has nothing else to do is late by."""

import asyncio
from collections.abc import Callable

from pcscf.core.events import Event, LoadMeasured

_INTERVAL = 0.25
_WEIGHT = 0.25  # of the newest of the measurements: what counts is about the last second
_TOLD_EACH = 4  # measurements: once a second
_NOTABLE = 0.01  # less than this late is the scheduling of the machine


class LoadMeter:
    """Measures from ``start`` to ``close``, and tells while the loop is late, and once after."""

    def __init__(self, loop: asyncio.AbstractEventLoop, emit: Callable[[Event], None]) -> None:
        self._loop = loop
        self._emit = emit
        self._timer: asyncio.TimerHandle | None = None
        self._lag = 0.0
        self._since_told = 0
        self._told_late = False

    @property
    def lag(self) -> float:
        """How late the loop is, in seconds, smoothed."""
        return self._lag

    def start(self) -> None:
        """Measure from now on."""
        self._timer = self._loop.call_at(self._loop.time() + _INTERVAL, self._measure)

    def close(self) -> None:
        """Measure no more."""
        if self._timer:
            self._timer.cancel()

    def _measure(self) -> None:
        if self._timer:
            late = self._loop.time() - self._timer.when()
            self._lag += (late - self._lag) * _WEIGHT
        self.start()
        self._tell()

    def _tell(self) -> None:
        """Hand in an event at most once a second, and none while there is nothing to say."""
        self._since_told += 1
        is_late = self._lag >= _NOTABLE
        if self._since_told < _TOLD_EACH or not (is_late or self._told_late):
            return
        self._since_told = 0
        self._told_late = is_late
        self._emit(LoadMeasured(self._lag))
