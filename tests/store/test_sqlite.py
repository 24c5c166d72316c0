"""The file: its mode, what is refused as a file of ours, and what becomes of one that goes away."""

import asyncio
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pcscf.errors import StoreError, StoreLostError
from pcscf.store import sqlite as sqlite_module
from pcscf.store.model import Change
from pcscf.store.sqlite import SqliteStore, _number

LATER = time.time() + 3600
SEVERAL = [Change(f"reg:{n}", b"x" * 1500, LATER) for n in range(40)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def play(path: Path, scene: Callable[[SqliteStore], Awaitable[None]]) -> None:
    """Play a scene with a store that is open and loaded."""

    async def whole() -> None:
        store = SqliteStore(str(path))
        await store.open()
        await store.load()
        try:
            await scene(store)
        finally:
            await store.close()

    asyncio.run(whole())


def refusal(path: Path) -> str:
    """The words that a file is refused with, without its name."""

    async def whole() -> None:
        store = SqliteStore(str(path))
        try:
            await store.open()
            await store.load()
        finally:
            await store.close()

    with pytest.raises(StoreError) as caught:
        asyncio.run(whole())
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"store.path: {path}: ")


async def write_several(store: SqliteStore) -> None:
    await store.write(SEVERAL)


def test_nobody_else_can_read_it_nor_what_stands_beside_it(path) -> None:
    async def scene(store: SqliteStore) -> None:
        await store.write(SEVERAL)
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        assert set(modes) == {path.name, f"{path.name}-wal", f"{path.name}-shm"}
        assert set(modes.values()) == {0o600}

    play(path, scene)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_commit_waits_for_the_disk(path) -> None:
    async def scene(store: SqliteStore) -> None:
        level = await store._do(lambda self: _number(self._current(), "PRAGMA synchronous"))
        assert level == 2  # FULL

    play(path, scene)


def test_a_file_that_others_may_read_is_refused(path) -> None:
    path.touch(mode=0o644)
    assert refusal(path) == "can be read or written by others: chmod 600"


def test_a_place_where_no_file_can_be_is_refused(tmp_path, path) -> None:
    assert refusal(tmp_path / "none" / "store") == "No such file or directory"
    assert refusal(tmp_path) == "Is a directory"
    path.symlink_to(tmp_path / "elsewhere")
    assert refusal(path) == "Too many levels of symbolic links"


def test_a_file_of_another_program_is_refused_and_left_as_it_is(path) -> None:
    path.touch(mode=0o600)
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE addresses (name TEXT)")
    database.close()
    before = path.read_bytes()
    assert refusal(path) == "belongs to another program"
    assert path.read_bytes() == before


def test_a_file_of_another_version_is_refused(path) -> None:
    play(path, write_several)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 2")
    database.close()
    assert refusal(path) == "was written by another version of pcscf"


def test_a_file_of_anything_is_refused(path) -> None:
    path.touch(mode=0o600)
    path.write_bytes(b"not a database at all" * 500)
    assert refusal(path) == "is no SQLite file; move it away to begin with an empty one"


@pytest.mark.parametrize("page", [1, 2, 5, -1])
def test_a_damaged_file_is_refused(path, page: int) -> None:
    play(path, write_several)
    data = bytearray(path.read_bytes())
    start = page * 4096 if page > 0 else len(data) - 4096
    data[start : start + 4096] = b"\xa5" * 4096
    path.write_bytes(data)
    assert refusal(path) == "is damaged; move it away to begin with an empty one"


def test_a_file_that_was_cut_is_refused(path) -> None:
    play(path, write_several)
    path.write_bytes(path.read_bytes()[:-6000])
    assert refusal(path) == "is damaged; move it away to begin with an empty one"


def test_a_file_that_is_removed_under_way_is_begun_anew_and_that_is_told(path) -> None:
    async def scene(store: SqliteStore) -> None:
        await store.write(SEVERAL)
        for each in path.parent.iterdir():
            each.unlink()
        with pytest.raises(StoreLostError, match="was removed or replaced; begun anew"):
            await store.write([Change("a", b"1", LATER)])
        await store.write([Change("a", b"2", LATER)])

    play(path, scene)

    async def look(store: SqliteStore) -> None:
        assert await store.load() == [Change("a", b"2", LATER)]

    play(path, look)


def test_a_directory_that_is_removed_under_way_is_waited_for(tmp_path) -> None:
    path = tmp_path / "directory" / "store"
    path.parent.mkdir()

    async def scene(store: SqliteStore) -> None:
        shutil.rmtree(path.parent)
        for _ in range(2):
            with pytest.raises(StoreError, match="No such file or directory"):
                await store.write(SEVERAL)
        path.parent.mkdir()
        with pytest.raises(StoreLostError):
            await store.write(SEVERAL)
        await store.write(SEVERAL)
        assert sorted(await store.load()) == sorted(SEVERAL)

    play(path, scene)


def test_a_lock_of_somebody_else_is_told_and_waited_for(path, monkeypatch) -> None:
    monkeypatch.setattr(sqlite_module, "_BUSY", 0.05)

    async def scene(store: SqliteStore) -> None:
        with sqlite3.connect(path, isolation_level=None) as shell:
            shell.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="is locked by another process"):
                await store.write(SEVERAL)
            shell.execute("ROLLBACK")
        shell.close()
        await store.write(SEVERAL)
        assert len(await store.load()) == len(SEVERAL)

    play(path, scene)


def test_the_event_loop_goes_on_while_the_disk_is_slow(path, monkeypatch) -> None:
    """What is asked of the store waits in its thread, and is done in order."""

    async def scene(store: SqliteStore) -> None:
        slow = asyncio.ensure_future(store._do(lambda _: time.sleep(0.2)))
        write = asyncio.ensure_future(store.write(SEVERAL))
        turns = 0
        while not slow.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert turns >= 5
        await write

    play(path, scene)


def test_it_is_not_usable_before_it_is_open(path) -> None:
    async def whole() -> None:
        store = SqliteStore(str(path))
        with pytest.raises(StoreError, match="is not open"):
            await store.load()
        await store.close()

    asyncio.run(whole())
    assert not path.exists()


# Faults, in processes and on disks of the test's own

WRITING = """
import asyncio, sys, time
from pcscf.store.model import Change
from pcscf.store.sqlite import SqliteStore

async def main():
    store = SqliteStore(sys.argv[1])
    await store.open()
    await store.load()
    number = 0
    while True:
        number += 1
        value = b"%d " % number * 100
        await store.write([Change(f"reg:{n}", value, time.time() + 3600) for n in range(200)])
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("batches", [1, 7, 23])
def test_a_killed_process_leaves_whole_batches_and_none_that_was_confirmed_is_lost(
    path, batches: int
) -> None:
    command = [sys.executable, "-c", WRITING, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        confirmed = [int(process.stdout.readline()) for _ in range(batches)][-1]
        time.sleep(0.003 * batches)  # somewhere in the next one
        process.kill()
        confirmed = max([confirmed, *map(int, process.stdout.read().split())])

    async def scene(store: SqliteStore) -> None:
        found = await store.load()
        assert len(found) == 200
        (value,) = {each.value for each in found}
        assert value
        assert int(value.split()[0]) in (confirmed, confirmed + 1)

    play(path, scene)


# A process that may not write beyond 512 KB of a file, for a while.
LIMITED = """
import asyncio, resource, sys, time
from pcscf.errors import StoreError
from pcscf.store.model import Change
from pcscf.store.sqlite import SqliteStore

LATER = time.time() + 3600

async def attempt(store, letter):
    try:
        await store.write([Change(f"reg:{n}", letter * 1500, LATER) for n in range(40)])
    except StoreError as error:
        return str(error)
    return "written"

async def main():
    store = SqliteStore(sys.argv[1])
    await store.open()
    await store.load()
    print(await attempt(store, b"a"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (100 * 1024, resource.RLIM_INFINITY))
    print(await attempt(store, b"b"))
    print(await attempt(store, b"b"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    print({each.value[:1] for each in await store.load()})
    print(await attempt(store, b"c"))
    print({each.value[:1] for each in await store.load()})
    await store.close()

asyncio.run(main())
"""


def test_a_write_that_the_disk_refuses_changes_nothing_and_later_ones_pass(path) -> None:
    command = [sys.executable, "-c", LIMITED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    refused = f"store.path: {path}: disk I/O error"
    expected = ["written", refused, refused, "{b'a'}", "written", "{b'c'}"]
    assert (done.stdout.splitlines(), done.stderr) == (expected, "")
