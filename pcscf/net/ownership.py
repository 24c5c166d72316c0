"""Whether the phones of an address are ours: waited for, watched, given back."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import structlog

from pcscf.errors import StoreError
from pcscf.store.keeper import Hold, Keeper
from pcscf.store.model import Leases

log = structlog.get_logger()

_AT_ONCE: Final = 0.3  # seconds, in which a lease that is ours or free comes
_LAST_WORDS: Final = 1.0  # seconds to give it back


class Ownership:
    """The lease of one address, from ``taken`` to ``close``. ``lost`` is set when it has gone."""

    def __init__(self, leases: Leases, address: str, owner: str, seconds: float) -> None:
        self.address = address
        self.lost = asyncio.Event()
        self._held = asyncio.Event()
        self._when_sure: Callable[[], None] = lambda: None
        self._keeper = Keeper(leases, address, owner, seconds, told=self._told)

    @property
    def hold(self) -> Hold:
        """What we may believe now."""
        return self._keeper.hold

    @property
    def may_act(self) -> bool:
        """Whether anything may be sent now as the one who serves.

        While the store is silent it may: as a rule nobody else can get the lease from it then.
        Having stood still for longer than the lease it may not, before it was answered.
        """
        return not self.lost.is_set() and self._keeper.hold in ("held", "unsure")

    def contested(self) -> None:
        """Yield to one who says that the address is his, unless it is certain that it is ours.

        He can reach the store, and we cannot: he got the lease from it when ours had run out.
        """
        if self._keeper.hold != "held":
            self.lost.set()

    def when_sure(self, call: Callable[[], None]) -> None:
        """Have it called when ``may_act`` has come back."""
        self._when_sure = call

    async def taken(self, stand_by: Callable[[], None]) -> None:
        """Wait until it is ours; ``stand_by`` is called if that takes longer than a moment."""
        self._keeper.start()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._held.wait(), _AT_ONCE)
            return
        stand_by()
        log.info("standing_by", reason=self.waits_for)
        await self._held.wait()

    @property
    def waits_for(self) -> str:
        """Why it is not ours, in a line; empty if it is."""
        if self._held.is_set():
            return ""
        holder = self._keeper.holder
        if holder is None:
            return f"stands by: the store does not say who serves {self.address}"
        if not holder:
            return f"stands by: nobody has the lease of {self.address}, and who serves may renew it"
        return f"stands by: instance {holder} serves {self.address}"

    async def close(self) -> None:
        """Give it back, so that another one need not wait; without the store, let it run out."""
        with contextlib.suppress(StoreError, TimeoutError):
            await asyncio.wait_for(self._keeper.close(), _LAST_WORDS)

    def _told(self, hold: Hold) -> None:
        if hold == "not held":
            self.lost.set()
        elif self.may_act:
            self._held.set()
            self._when_sure()
