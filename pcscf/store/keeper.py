"""Holding a lease: renewed in time, taken when it is free, and known to be lost."""

import asyncio
import time
from collections.abc import Callable
from typing import Literal

import structlog

from pcscf import log
from pcscf.errors import StoreError
from pcscf.store.model import Leases
from pcscf.store.tasks import end

logger = structlog.get_logger()

Hold = Literal["held", "unsure", "unasked", "not held"]

_RENEWALS = 3  # in the life of a lease
_LOOKS = 10  # likewise, of one that waits for it to be free


def _clock() -> float:
    """Count the time that the machine was suspended as well."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Keeper:
    """Keeps one lease from ``start`` to ``close``; ``told`` is called whenever ``hold`` changes.

    "held": nobody else can have it. "unsure": it was ours, the store does not answer, and by our
    clock it has run out. Nobody has said yet that it is another's: as long as the store is down
    for all, it is not. "unasked": it has run out, and we had not asked, as this process stood
    still: another one may well have it, until the store has said that it has not. "not held":
    another one has it, or nobody could be asked yet. ``hold`` is exact; ``told`` hears of it a
    third of ``seconds`` later at most.

    A lease that its owner has not released is taken after the store has answered for ``seconds``
    without a break: when it comes back from an outage, who served meanwhile is to be first.
    """

    def __init__(
        self,
        leases: Leases,
        name: str,
        owner: str,
        seconds: float,
        *,
        told: Callable[[Hold], None],
        clock: Callable[[], float] = _clock,
    ) -> None:
        self._leases = leases
        self._name = name
        self._owner = owner
        self._seconds = seconds
        self._told = told
        self._clock = clock
        self._until: float | None = None  # None: another's
        self._silent_until = 0.0  # when we should have asked again, at the latest
        self._answers_since: float | None = None
        self._last: Hold = "not held"
        self._task: asyncio.Task[None] | None = None

    @property
    def hold(self) -> Hold:
        """What we may believe now."""
        if self._until is None:
            return "not held"
        now = self._clock()
        if now < self._until:
            return "held"
        return "unsure" if now < self._silent_until else "unasked"

    @property
    def holder(self) -> str | None:
        """Who has it, if we have not: nobody, if empty; None: the store did not answer."""
        return None if self._answers_since is None else self._leases.holder(self._name)

    def start(self) -> None:
        """Take the lease as soon as it can be had."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self, *, release: bool = True) -> None:
        """Keep it no more; another one need not wait if it is released."""
        if self._task:
            await end(self._task)
        if release and self._until is not None:
            self._until = None
            await self._leases.release(self._name, self._owner)

    async def _run(self) -> None:
        while True:
            await self._ask()
            self._tell()
            times = _LOOKS if self._until is None else _RENEWALS
            await asyncio.sleep(self._seconds / times)
            self._tell()

    async def _ask(self) -> None:
        """Ask, but do not wait for long: by then it may have run out."""
        asked_at = self._clock()
        since = self._answers_since
        taking = self._leases.take(
            self._name,
            self._owner,
            self._seconds,
            abandoned=since is not None and asked_at - since >= self._seconds,
        )
        asking = asyncio.get_running_loop().create_task(taking)
        granted: bool | None = None
        try:
            await asyncio.wait({asking}, timeout=self._seconds / _RENEWALS)
            granted = asking.result() if asking.done() else None
        except StoreError:
            pass  # the writer tells that the store is down
        except Exception as error:  # noqa: BLE001 - an error of ours must not end the renewals
            logger.error("lease_not_asked_for", error=log.describe(error))  # noqa: TRY400
        finally:
            await end(asking)
        if granted is not None:
            self._answered(asked_at, granted=granted)
            return
        self._answers_since = None
        if self.hold != "unasked":
            self._silent_until = self._clock() + self._seconds

    def _answered(self, asked_at: float, *, granted: bool) -> None:
        self._until = asked_at + self._seconds if granted else None
        if self._answers_since is None:
            self._answers_since = asked_at

    def _tell(self) -> None:
        hold = self.hold
        if hold == self._last:
            return
        self._last = hold
        logger.info("lease", name=self._name, hold=hold)
        self._told(hold)
