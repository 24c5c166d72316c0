"""A writer whose Valkey server is killed, stopped and emptied, and one that is killed itself."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

from pcscf.store.model import Change
from pcscf.store.sqlite import SqliteStore
from pcscf.store.valkey import ValkeyStore
from pcscf.store.writer import Writer
from tests.store.clients import NAME, Clients, play
from tests.store.valkey_process import ValkeyProcess

LATER = time.time() + 3600
PHONES = 300


class Instance:
    """Phones whose records change all the time, as long as a test lets them."""

    def __init__(self, store: ValkeyStore) -> None:
        self.store = store
        self.records: dict[str, bytes] = {}
        self.writer = Writer(store, 0.02, when_lost=self.put_all)
        self.changes = 0
        self.longest_turn = 0.0

    def put_all(self) -> None:
        for key in self.records:
            self.put(key)

    def put(self, key: str) -> None:
        self.writer.put(key, lambda: self.records[key], LATER)

    async def churn(self, seconds: float) -> None:
        """Change records, and forget some; note how long the loop was held up by anything."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            for _ in range(20):
                self.change()
            await asyncio.sleep(0)
            self.longest_turn = max(self.longest_turn, time.monotonic() - began)
            await asyncio.sleep(0.002)

    def change(self) -> None:
        self.changes += 1
        key = f"reg:{self.changes * 7919 % PHONES}"
        if self.changes % 5:
            self.records[key] = b"%d " % self.changes * 100
            self.put(key)
        else:
            self.records.pop(key, None)
            self.writer.forget(key)


def outage(server: ValkeyProcess, act: Callable[[Instance], Awaitable[None]]) -> None:
    """Play one in the middle of changes; at its end the server has what the instance has."""

    async def scene(clients: Clients) -> None:
        store = await clients.loaded(patience=0.5)
        instance = Instance(store)
        instance.writer.start()
        await instance.churn(0.2)
        await act(instance)
        await instance.churn(0.2)
        assert await instance.writer.flush(20)
        await instance.writer.close()
        found = {each.key: each.value for each in await clients.store().load()}
        assert found == instance.records
        assert len(found) > PHONES / 2
        assert instance.writer.state.name == "ok"

    play(server, scene)


def test_a_killed_server_is_caught_up_with(own_server) -> None:
    async def act(instance: Instance) -> None:
        for _ in range(2):
            own_server.kill()
            await instance.churn(0.3)
            assert instance.writer.state.name == "down"
            assert instance.writer.waiting <= PHONES
            await asyncio.to_thread(own_server.start)
            await instance.churn(0.5)

    outage(own_server, act)


def test_a_stopped_server_blocks_nothing_and_is_caught_up_with(own_server) -> None:
    async def act(instance: Instance) -> None:
        own_server.pause()
        await instance.churn(1.5)
        assert instance.writer.state.name == "down"
        assert "Timeout" in instance.writer.state.reason
        assert instance.writer.waiting <= PHONES
        assert instance.longest_turn < 0.4
        own_server.resume()

    outage(own_server, act)


def test_a_server_that_comes_back_empty_is_filled_again(own_server) -> None:
    async def act(instance: Instance) -> None:
        own_server.kill()
        own_server.forget()
        await asyncio.to_thread(own_server.start)

    outage(own_server, act)


def test_the_lease_survives_the_outage_with_the_instance(own_server) -> None:
    """Whoever else waits for it does not get it, if the owner is back before it has run out."""

    async def act(instance: Instance) -> None:
        own_server.kill()
        await instance.churn(0.1)
        await asyncio.to_thread(own_server.start)
        assert await instance.store.leases.take(NAME, "one", 60)

    outage(own_server, act)


def test_a_server_that_keeps_nothing_on_disk_will_do(tmp_path) -> None:
    async def act(instance: Instance) -> None:
        server.kill()
        await instance.churn(0.1)
        await asyncio.to_thread(server.start)

    with ValkeyProcess(tmp_path / "valkey", "--appendonly", "no") as server:
        outage(server, act)


def test_a_server_without_memory_is_an_outage_and_leaves_whole_batches(own_server) -> None:
    async def scene(clients: Clients) -> None:
        store = await clients.loaded()
        writer = Writer(store, 0.01)
        writer.start()
        writer.put("reg:1", b"1", LATER)
        await writer.flush(10)
        own_server.command("CONFIG", "SET", "maxmemory", "1")
        writer.put("reg:1", b"2", LATER)
        writer.put("reg:2", b"2", LATER)
        assert not await writer.flush(0.1)
        assert "maxmemory" in writer.state.reason
        assert await clients.store().load() == [Change("reg:1", b"1", LATER)]
        own_server.command("CONFIG", "SET", "maxmemory", "0")
        assert await writer.flush(10)
        assert len(await clients.store().load()) == 2
        await writer.close()

    play(own_server, scene)


# The process is killed

CHANGING = """
import asyncio, sys, time
from pcscf.store.sqlite import SqliteStore
from pcscf.store.writer import Writer

async def main():
    store = SqliteStore(sys.argv[1])
    await store.open()
    await store.load()
    writer = Writer(store, 0.1)
    writer.start()
    number = 0
    while True:
        number += 1
        writer.put("reg:1", b"%d" % number, time.time() + 3600)
        print(number, time.time(), flush=True)
        await asyncio.sleep(0.001)

asyncio.run(main())
"""
SLOWNESS = 1.0  # seconds that a disk, or a machine with other work, may take for a batch


def test_a_killed_process_loses_no_more_than_the_last_interval(tmp_path) -> None:
    path = str(tmp_path / "store")
    command = [sys.executable, "-c", CHANGING, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(1000)]
        killed_at = time.time()
        process.kill()
        lines += process.stdout.readlines()
    put_at = {int(number): float(at) for number, at in (line.split() for line in lines if line)}

    async def scene() -> None:
        store = SqliteStore(path)
        await store.open()
        (found,) = await store.load()
        await store.close()
        assert found.value
        lost = put_at.get(int(found.value) + 1, killed_at)
        assert lost > killed_at - 0.1 - SLOWNESS

    asyncio.run(scene())
