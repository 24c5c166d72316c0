"""Reads the counters of our SAs at intervals, where the settings want it."""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from pcscf.core.events import SasUsed
from xfrm.errors import XfrmError
from xfrm.model import InstalledSa

log = structlog.get_logger()


class UsageMeter:
    """Hands a ``SasUsed`` in every ``interval`` seconds; never, if that is 0."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        interval: float,
        dump: Callable[[], Iterable[InstalledSa]],
        tell: Callable[[SasUsed], None],
    ) -> None:
        self._loop = loop
        self._interval = interval
        self._dump = dump
        self._tell = tell
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look for the first time after one interval."""
        if self._interval:
            self._timer = self._loop.call_later(self._interval, self._look)

    def close(self) -> None:
        """Look no more."""
        if self._timer:
            self._timer.cancel()

    def _look(self) -> None:
        self.start()
        try:
            packets = {sa.id: sa.packets for sa in self._dump()}
        except (XfrmError, OSError) as error:
            log.warning("dump_failed", reason=str(error))
        else:
            self._tell(SasUsed(packets))
