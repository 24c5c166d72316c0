"""What an Edge's registrations survive by: a store, and what an earlier process left there."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from pcscf.config_sections import Store as StoreSettings
from pcscf.errors import StartError, StoreError
from pcscf.net.recorder import Memory, Recorder
from pcscf.store.model import Store
from pcscf.store.opening import open_sealer, open_store
from pcscf.store.writer import Writer

_LAST_WORDS: Final = 2.0  # seconds to write what is left at the end


class Survival(NamedTuple):
    """``records`` are what an earlier process has left."""

    recorder: Recorder
    writer: Writer
    records: Mapping[str, bytes]


@asynccontextmanager
async def surviving(settings: StoreSettings, edge: Memory) -> AsyncIterator[Survival | None]:
    """Keep what must outlive the process within the block; None if there is no store.

    Raises StartError if the store cannot be reached at the start. Later it may go and come.
    """
    try:
        store = open_store(settings)
        sealer = open_sealer(settings) if store else None
        records = await _load(store) if store else {}
    except StoreError as error:
        raise StartError(f"the store cannot be used: {error}") from None
    if store is None:
        yield None
        return

    def when_lost() -> None:
        recorder.write_all()

    writer = Writer(store, settings.interval, when_lost=when_lost)
    loop = asyncio.get_running_loop()
    recorder = Recorder(edge, writer, sealer, loop, time.time() - loop.time())
    edge.track_changes()
    writer.start()
    try:
        yield Survival(recorder, writer, records)
    finally:
        recorder.write()
        await writer.flush(_LAST_WORDS)
        await writer.close()
        await store.close()


async def _load(store: Store) -> dict[str, bytes]:
    await store.open()
    return {one.key: one.value for one in await store.load() if one.value is not None}
