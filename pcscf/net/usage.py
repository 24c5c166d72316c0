"""What the kernel has counted under our SAs, read every so often and handed in.

Of many phones that is much to read, so it is read in parts, and the loop turns in between.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator
from itertools import islice

import structlog

from pcscf.core.events import Event, SasUsed
from xfrm.errors import XfrmError
from xfrm.kernel import SaKernel
from xfrm.model import SaUsage

log = structlog.get_logger()
_PART = 1000  # SAs: some milliseconds


class UsageReader:
    """Looks every ``interval`` seconds from ``start`` to ``close``; never, if that is 0.

    ``own`` are our addresses: SAs that end at one of them are inbound.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        kernel: SaKernel,
        emit: Callable[[Event], None],
        *,
        interval: float,
        own: Collection[str],
    ) -> None:
        self._loop = loop
        self._kernel = kernel
        self._emit = emit
        self._interval = interval
        self._own = frozenset(own)
        self._next: asyncio.Handle | None = None
        self._look: Iterator[SaUsage] = iter(())

    def start(self) -> None:
        """Look for the first time an interval from now."""
        self.close()
        if self._interval:
            self._next = self._loop.call_later(self._interval, self._begin)

    def change(self, interval: float) -> None:
        """Look at another interval from now on."""
        if interval != self._interval:
            self._interval = interval
            self.start()

    def close(self) -> None:
        """Look no more."""
        if self._next:
            self._next.cancel()
        self._look = iter(())

    def _begin(self) -> None:
        self._look = self._kernel.usage()
        self._go_on()

    def _go_on(self) -> None:
        part = self._take()
        if part is None:
            self.start()
            return
        self._next = self._loop.call_soon(self._go_on)
        self._emit(
            SasUsed({one.id: one.packets for one in part if one.id.destination in self._own})
        )

    def _take(self) -> list[SaUsage] | None:
        """Read on; None at the end, which an error is too: the next look may see more."""
        try:
            return list(islice(self._look, _PART)) or None
        except (XfrmError, OSError) as error:
            log.warning("usage_unread", reason=str(error))
            return None
