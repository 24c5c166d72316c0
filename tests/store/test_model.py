"""What every store promises, whichever it is."""

import asyncio
import time
from collections.abc import Callable
from typing import cast

import pytest

from pcscf.errors import LeaseLostError
from pcscf.store.model import Change, Store
from pcscf.store.sqlite import SqliteStore
from pcscf.store.valkey import ValkeyStore
from pcscf.store.valkey_server import ValkeyServer

LATER = time.time() + 3600
AWKWARD = ["a", "sip:user@ims.example;x=\u00e4\U0001f600", "with space\r\nand line", "k" * 500]


@pytest.fixture(params=["sqlite", "valkey"])
def make(request, tmp_path) -> Callable[[], Store]:
    """A store, each time as another process would have it of the same records."""
    if request.param == "sqlite":
        return lambda: SqliteStore(str(tmp_path / "store"))
    url = request.getfixturevalue("server").url
    return lambda: ValkeyStore(ValkeyServer(url, 5.0), "test:", "192.0.2.1")


async def opened(make: Callable[[], Store]) -> tuple[Store, list[Change]]:
    """A process's store as it starts: under its lease, where there are any."""
    store = make()
    await store.open()
    if isinstance(store, ValkeyStore):
        assert await store.leases.take("192.0.2.1", "one", 60)
    return store, await store.load()


async def rest(make: Callable[[], Store]) -> list[Change]:
    """What a process that starts now would find, sorted."""
    store, found = await opened(make)
    await store.close()
    return sorted(found)


def test_what_was_written_is_there_after_a_restart(make) -> None:
    changes = sorted(
        Change(key, value, LATER + 0.25)
        for key, value in zip(AWKWARD, [b"\0\xff", b"", b"x" * 100_000, b"#"], strict=True)
    )

    async def play() -> None:
        store, found = await opened(make)
        assert found == []
        await store.write(changes)
        await store.close()
        assert await rest(make) == changes

    asyncio.run(play())


def test_the_last_word_on_a_record_counts(make) -> None:
    async def play() -> None:
        store, _ = await opened(make)
        await store.write([Change(key, b"1", LATER) for key in "abc"])
        await store.write([Change("a", b"2", LATER + 5), Change("b", None, 0.0)])
        await store.write([Change("none", None, 0.0)])
        await store.write([])
        await store.close()
        assert await rest(make) == [Change("a", b"2", LATER + 5), Change("c", b"1", LATER)]

    asyncio.run(play())


def test_what_has_expired_is_gone_for_good(make) -> None:
    async def play() -> None:
        store, _ = await opened(make)
        past = time.time() - 1
        await store.write([Change("old", b"1", past), Change("new", b"1", LATER)])
        await store.close()
        assert await rest(make) == [Change("new", b"1", LATER)]
        store = make()
        cast("SqliteStore | ValkeyStore", store)._clock = lambda: past - 10
        await store.open()
        assert await store.load() == [Change("new", b"1", LATER)]
        await store.close()

    asyncio.run(play())


def test_the_newest_process_is_the_one_that_writes(make) -> None:
    """As when an upgrade starts the new one while the old one ends its transactions."""

    async def play() -> None:
        old, _ = await opened(make)
        await old.write([Change("a", b"old", LATER)])
        new, found = await opened(make)
        assert found == [Change("a", b"old", LATER)]
        with pytest.raises(LeaseLostError):
            await old.write([Change("a", b"late", LATER)])
        await new.write([Change("b", b"new", LATER)])
        with pytest.raises(LeaseLostError):
            await old.write([Change("b", None, 0.0)])
        await old.close()
        await new.close()
        assert await rest(make) == [Change("a", b"old", LATER), Change("b", b"new", LATER)]

    asyncio.run(play())


def test_who_writes_without_having_read_begins_with_an_empty_store(make) -> None:
    async def play() -> None:
        before, _ = await opened(make)
        await before.write([Change(key, b"1", LATER) for key in "abc"])
        await before.write([Change(key, b"2", LATER) for key in "abc"])
        await before.close()
        store = make()
        await store.open()
        if isinstance(store, ValkeyStore):
            assert await store.leases.take("192.0.2.1", "one", 60)
        await store.write([Change("d", b"1", LATER)])
        await store.write([Change("e", b"1", LATER)])
        await store.close()
        assert await rest(make) == [Change("d", b"1", LATER), Change("e", b"1", LATER)]

    asyncio.run(play())


def test_many_records_come_back_whole(make) -> None:
    async def play() -> None:
        store, _ = await opened(make)
        changes = [Change(f"reg:{n:05}", b"%d" % n * 20, LATER) for n in range(3_000)]
        for start in range(0, 3_000, 500):
            await store.write(changes[start : start + 500])
        await store.close()
        assert await rest(make) == changes

    asyncio.run(play())
