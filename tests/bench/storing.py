"""What it costs to keep a registration: its snapshot, and the keys of its SAs, sealed.

CPU of the whole process, the store's thread included, and of the Valkey server by itself. Busy is a
thousand registrations a second, of which a batch has a hundred; quiet is one alone in its batch.
``python -m tests.bench.storing`` prints all of them.
"""

import asyncio
import functools
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pcscf.net.recorder import Recorder
from pcscf.store.model import Store
from pcscf.store.sealing import Key, Sealer
from pcscf.store.sqlite import SqliteStore
from pcscf.store.valkey import ValkeyStore
from pcscf.store.valkey_server import ValkeyServer
from pcscf.store.writer import Writer
from tests.bench import players
from tests.bench.cpu import spent
from tests.bench.timing import microseconds
from tests.store.valkey_process import ValkeyProcess

BUSY, QUIET = 100, 1  # registrations in a batch
_PHONES = 500  # that come again and again


class Cost(NamedTuple):
    """Microseconds of CPU for one registration; ``theirs`` is that of a server."""

    ours: float
    theirs: float


def sqlite(in_batch: int, batches: int, rounds: int = 3) -> Cost:
    """Keep registrations in a file."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "store"
        return _measure(lambda: SqliteStore(str(path)), in_batch, batches, rounds, lambda: 0.0)


def valkey(in_batch: int, batches: int, rounds: int = 3) -> Cost:
    """Keep registrations on a server, which writes each batch to its disk."""
    with tempfile.TemporaryDirectory() as directory, ValkeyProcess(Path(directory)) as server:
        return _measure(
            lambda: ValkeyStore(ValkeyServer(server.url, 5.0), "bench:", "one"),
            *(in_batch, batches, rounds, lambda: spent([server.pid])),
        )


def _measure(
    make: Callable[[], Store],
    in_batch: int,
    batches: int,
    rounds: int,
    theirs: Callable[[], float],
) -> Cost:
    """Take the best round; the first one makes the records, the others change them."""

    async def whole() -> list[Cost]:
        store = make()
        await store.open()
        await store.load()
        costs = [await _round(store, in_batch, batches, theirs) for _ in range(rounds + 1)]
        await store.close()
        return costs[1:]

    costs = asyncio.run(whole())
    return Cost(min(cost.ours for cost in costs), min(cost.theirs for cost in costs))


@functools.cache
def _registered() -> players.Recorder:
    """Phones that are registered, at an edge that notes what changes."""
    stage = players.Recorder()
    players.register(stage, _PHONES)
    return stage


async def _round(store: Store, in_batch: int, batches: int, theirs: Callable[[], float]) -> Cost:
    """Have all that a recorder does for a registration done, over and over."""
    stage, writer, loop = _registered(), Writer(store, 0.0), asyncio.get_running_loop()
    sealer, since = Sealer([Key("bench", bytes(32))]), time.time() - loop.time()
    recorder = Recorder(stage.edge, writer, sealer, loop, since)
    stage.edge.track_changes()
    registry = stage.edge._context.registry
    registrations = registry.all()
    started, their_start = time.process_time(), theirs()
    for batch in range(batches):
        for number in range(batch * in_batch, (batch + 1) * in_batch):
            install = stage.installs[number % _PHONES]
            recorder.installed(install.sa_set, install.keys)
            registry.touch(registrations[number % _PHONES])
        recorder.write()
        assert await writer.flush(30)
    count = batches * in_batch
    return Cost(
        microseconds(time.process_time() - started, count),
        microseconds(theirs() - their_start, count),
    )


STORES = {"SQLite": sqlite, "Valkey": valkey}

if __name__ == "__main__":
    for name, keep in STORES.items():
        for load, in_batch, batches in (("busy", BUSY, 50), ("quiet", QUIET, 500)):
            cost = keep(in_batch, batches)
            figures = f"{cost.ours:.1f} us a registration, {cost.theirs:.1f} of a server's"
            sys.stdout.write(f"{name}, {load}: {figures}\n")
