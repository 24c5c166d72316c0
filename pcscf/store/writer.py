"""Changes on their way to the store: gathered by key, written in batches beside the messages.

What waits is bounded by the number of keys: a further change of a record takes the place of the
one that waits. The store may be slow or gone; then changes wait, and are written when it is back.
"""

import asyncio
import time
from collections.abc import Callable
from itertools import islice
from typing import Literal, NamedTuple

import structlog

from pcscf import log
from pcscf.errors import LeaseLostError, StoreError, StoreLostError
from pcscf.store.model import Change, Store
from pcscf.store.tasks import end

logger = structlog.get_logger()

# The records of a batch are made in one go, while messages wait: a few milliseconds at most.
_BATCH = 128
_FIRST_PAUSE = 0.1  # seconds after a failure; twice as long after each further one
_LONGEST_PAUSE = 2.0
_PATIENCE = 2.0  # seconds that a change may wait before that is worth a word

Make = Callable[[], bytes]
StateName = Literal["ok", "behind", "down"]


class State(NamedTuple):
    """How the store keeps up. ``since`` in seconds since 1970; ``reason`` is empty for ok.

    down: the last batch failed. behind: changes have waited for long. Both end by themselves.
    """

    name: StateName
    reason: str
    since: float


class _Waiting(NamedTuple):
    """A change that waits. ``make`` None: the record is to be forgotten."""

    make: Make | bytes | None
    expires: float
    since: float


class Writer:
    """Writes to one store, in the event loop that ``start`` was called in.

    ``when_lost`` is called when the store has lost what it had confirmed: it puts all that is
    known once more. ``clock`` gives seconds since 1970.
    """

    def __init__(
        self,
        store: Store,
        interval: float = 0.1,
        *,
        when_lost: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.written = 0  # changes
        self.batches = 0
        self.failures = 0  # batches that failed
        self.unmade = 0  # changes that could not be made, by an error of ours
        self.spent = 0.0  # seconds in batches, the failed ones included
        self._store = store
        self._interval = interval
        self._when_lost = when_lost
        self._clock = clock
        self._pending: dict[str, _Waiting] = {}
        self._noted = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._failure = ""
        self._failing_since = 0.0
        self._backoff = _FIRST_PAUSE
        self._told = State("ok", "", clock())

    # What comes in

    def put(self, key: str, make: Make | bytes, expires: float) -> None:
        """Write a record soon. A function gives its value when it is written, not before."""
        self._note(key, make, expires)

    def forget(self, key: str) -> None:
        """Forget a record soon."""
        self._note(key, None, 0.0)

    def _note(self, key: str, make: Make | bytes | None, expires: float) -> None:
        waiting = self._pending.get(key)
        since = waiting.since if waiting else self._clock()
        self._pending[key] = _Waiting(make, expires, since)
        self._noted.set()

    # How it goes

    @property
    def waiting(self) -> int:
        """Records that are still to be written."""
        return len(self._pending)

    @property
    def state(self) -> State:
        """How the store keeps up, now."""
        if self._failure:
            return State("down", self._failure, self._failing_since)
        oldest = next(iter(self._pending.values()), None)
        if oldest and self._clock() - oldest.since > _PATIENCE + self._interval:
            return State("behind", f"{self.waiting} changes wait for the store", oldest.since)
        return self._told if self._told.name == "ok" else State("ok", "", self._clock())

    # Begin and end

    def start(self) -> None:
        """Write from now on."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def flush(self, seconds: float) -> bool:
        """Write all that waits, at once, within some seconds; say whether nothing is left."""
        writing = asyncio.ensure_future(self._write_out())
        await asyncio.wait({writing}, timeout=seconds)
        await end(writing)
        return not self._pending

    async def close(self) -> None:
        """Write no more; the store is left open."""
        if self._task:
            await end(self._task)

    # Writing

    async def _run(self) -> None:
        while True:
            await self._noted.wait()
            await asyncio.sleep(self._pause())
            await self._write()
            if not self._pending:
                self._noted.clear()

    def _pause(self) -> float:
        """Give the seconds until the change that has waited longest is due; more after failures."""
        if self._failure:
            return self._backoff
        oldest = next(iter(self._pending.values()), None)
        due = oldest.since + self._interval - self._clock() if oldest else self._interval
        return min(max(due, 0.0), self._interval)  # whatever the clock may do

    async def _write_out(self) -> None:
        while self._pending:
            if not await self._write():
                await asyncio.sleep(_FIRST_PAUSE)

    async def _write(self) -> bool:
        """Write what has waited longest; say whether that went well."""
        async with self._one_at_a_time:
            started = self._clock()
            batch = dict(islice(self._pending.items(), _BATCH))
            changes = self._made(batch)
            failure = await self._attempt(changes)
            if not failure:
                self._settle(batch, started)
                self.written += len(changes)
            self.batches += 1
            self.spent += self._clock() - started
            self._note_outcome(failure)
            return not failure

    async def _attempt(self, changes: list[Change]) -> str:
        """Return why they could not be written, or nothing."""
        try:
            await self._store.write(changes)
        except LeaseLostError as error:
            self._pending.clear()  # they are the other one's now, who knows better
            return str(error)
        except StoreLostError as error:
            self._put_all_again()
            return str(error)
        except StoreError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - an error of ours must not end the writing
            return log.describe(error)
        return ""

    def _put_all_again(self) -> None:
        try:
            self._when_lost()
        except Exception as error:  # noqa: BLE001 - likewise
            logger.error("records_not_put_again", error=log.describe(error))  # noqa: TRY400

    def _made(self, batch: dict[str, _Waiting]) -> list[Change]:
        changes = []
        for key, (make, expires, _) in batch.items():
            try:
                value = make() if callable(make) else make
            except Exception as error:  # noqa: BLE001 - one record must not hold up all others
                self.unmade += 1
                logger.error("record_not_made", record=key, error=log.describe(error))  # noqa: TRY400
            else:
                changes.append(Change(key, value, expires))
        return changes

    def _settle(self, batch: dict[str, _Waiting], started: float) -> None:
        """Take out what was written, but not what has changed again meanwhile."""
        for key, waiting in batch.items():
            now = self._pending.get(key)
            if now is waiting:
                del self._pending[key]
            elif now:
                self._pending[key] = now._replace(since=started)

    def _note_outcome(self, failure: str) -> None:
        if failure:
            self.failures += 1
            if self._failure:
                self._backoff = min(2 * self._backoff, _LONGEST_PAUSE)
            else:
                self._backoff = _FIRST_PAUSE
                self._failing_since = self._clock()
        self._failure = failure
        self._tell()

    def _tell(self) -> None:
        """Log once when it begins to be down or behind, and once when it is well again."""
        state = self.state
        if state.name == self._told.name:
            return
        if state.name == "ok":
            logger.info("store_ok", after=round(state.since - self._told.since, 1))
        else:
            logger.warning(
                "store_down" if state.name == "down" else "store_behind", reason=state.reason
            )
        self._told = state
