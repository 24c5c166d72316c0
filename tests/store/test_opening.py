"""The store that the settings name, and the keys."""

import asyncio
import socket
from datetime import UTC, datetime

import pytest

from pcscf.config_sections import Store as Settings
from pcscf.errors import SealError
from pcscf.store.key_file import add_key
from pcscf.store.model import Change
from pcscf.store.opening import instance_name, open_sealer, open_store
from pcscf.store.sqlite import SqliteStore
from pcscf.store.valkey import ValkeyStore

CHANGE = Change("a", b"1", 4e9)


def test_without_a_store_there_is_none() -> None:
    assert open_store(Settings()) is None


def test_a_file_is_at_its_path(tmp_path) -> None:
    async def scene() -> None:
        store = open_store(Settings(kind="sqlite", path=str(tmp_path / "here")))
        assert isinstance(store, SqliteStore)
        await store.open()
        await store.close()

    asyncio.run(scene())
    assert (tmp_path / "here").exists()


def test_a_server_has_a_store_for_each_name_under_the_prefix(server) -> None:
    async def scene() -> None:
        settings = Settings(kind="valkey", url=server.url, prefix="ours:")
        store = open_store(settings, "192.0.2.7")
        assert isinstance(store, ValkeyStore)
        await store.open()
        assert await store.leases.take("192.0.2.7", "one", 60)
        await store.load()
        await store.write([CHANGE])
        await store.close()

    asyncio.run(scene())
    assert server.command("EXISTS", "ours:192.0.2.7") == b":1"
    assert server.command("GET", "ours:192.0.2.7:lease") == b"$3"


def test_an_instance_is_called_as_its_host_unless_it_has_a_name() -> None:
    assert instance_name(Settings(instance="edge-1")) == "edge-1"
    assert instance_name(Settings()) == socket.gethostname()


def test_keys_are_those_of_the_file(tmp_path) -> None:
    path = tmp_path / "keys"
    with pytest.raises(SealError, match=f"^store.key_file: {path}: there is no such file"):
        open_sealer(Settings(key_file=str(path)))
    add_key(str(path), datetime.now(UTC))
    one, other = (open_sealer(Settings(key_file=str(path))) for _ in range(2))
    assert other.open("a", one.seal("a", b"1")) == b"1"


def test_a_key_file_that_was_exchanged_is_found_out_and_an_older_one_still_opens(tmp_path) -> None:
    """From one store with one file of keys to the next, as an operator changes it."""
    path, now = tmp_path / "keys", datetime.now(UTC)
    settings = Settings(key_file=str(path))
    add_key(str(path), now)
    sealed = open_sealer(settings).seal("sa:1", b"keys")
    add_key(str(path), now)
    rotated = open_sealer(settings)
    assert rotated.open("sa:1", sealed) == b"keys"
    resealed = rotated.reseal("sa:1", sealed)
    newest = path.read_text().splitlines()[1]
    path.write_text(newest + "\n")
    assert open_sealer(settings).open("sa:1", resealed) == b"keys"
    with pytest.raises(SealError, match=r"record 'sa:1' is sealed with key '.*', unknown"):
        open_sealer(settings).open("sa:1", sealed)
    path.unlink()
    add_key(str(path), now)
    with pytest.raises(SealError, match=r"record 'sa:1' is sealed with key '.*', unknown"):
        open_sealer(settings).open("sa:1", resealed)
