"""Keys, the place of the file, and servers as they should be and as they should not."""

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pcscf.net.checks import store
from pcscf.net.checks.finding import Finding, Level
from pcscf.store.key_file import add_key
from tests.net.support import free_port, looped, settings
from tests.store.valkey_process import ValkeyProcess

NOW = datetime(2026, 11, 26, tzinfo=UTC)
FACTS = {
    "redis_version": "7.2.4",
    "valkey_version": "8.1.0",
    "role": "master",
    "cluster_enabled": 0,
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyProcess]:
    with ValkeyProcess(tmp_path_factory.mktemp("valkey")) as running:
        yield running


def here(**keys: object) -> list[Finding]:
    return list(store.here(settings(store={"kind": "sqlite", **keys})))


async def around(url: str) -> list[Finding]:
    return await store.around(settings(store={"kind": "valkey", "key_file": "/keys", "url": url}))


# -- on this machine


def test_without_a_store_there_is_nothing_to_look_at() -> None:
    assert list(store.here(settings())) == []
    assert asyncio.run(store.around(settings())) == []


def test_keys_and_the_place_of_the_file(tmp_path: Path) -> None:
    keys, path = str(tmp_path / "keys"), str(tmp_path / "store.sqlite")
    key = add_key(keys, NOW)
    sealing, place = here(key_file=keys, path=path)
    assert sealing.level is Level.OK
    assert sealing.text == f"store.key_file: {keys}: key {key.id} seals"
    assert place.level is Level.OK
    add_key(keys, NOW)
    assert here(key_file=keys, path=path)[0].text.endswith(" seals, 1 more open")


def test_keys_that_are_not_there_or_that_others_may_read(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    (missing, _) = here(key_file=str(keys), path=str(tmp_path / "store"))
    assert (missing.level, missing.about) == (Level.ERROR, "store")
    assert missing.text.endswith(f"there is no such file: pcscf store new-key {keys}")
    add_key(str(keys), NOW)
    keys.chmod(0o644)
    (open_to_all, _) = here(key_file=str(keys), path=str(tmp_path / "store"))
    assert open_to_all.level is Level.ERROR
    assert open_to_all.text.endswith("chmod 600")


def test_a_file_that_cannot_be_where_it_is_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = str(tmp_path / "keys")
    add_key(keys, NOW)
    (_, nowhere) = here(key_file=keys, path=str(tmp_path / "none" / "store"))
    assert nowhere.level is Level.ERROR
    assert nowhere.mends.startswith(f"install -d -m 0750 {tmp_path}/none")
    others = tmp_path / "store"
    others.touch()
    monkeypatch.setattr(os, "access", lambda path, _: path != str(others))
    (*_, foreign) = here(key_file=keys, path=str(others))
    assert (foreign.level, foreign.mends) == (Level.ERROR, f"chown {os.geteuid()} {others}*")


# -- the server


@looped
async def test_a_server_that_answers(server: ValkeyProcess) -> None:
    (finding,) = await around(server.url)
    assert finding.level is Level.OK
    assert finding.text.startswith(f"store.url: {server.url}: ")
    assert " answers after " in finding.text
    assert not finding.text.endswith("ends")  # it keeps what it confirms


@looped
async def test_one_that_forgets(server: ValkeyProcess) -> None:
    server.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        (finding,) = await around(server.url)
    finally:
        server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert finding.level is Level.WARNING
    assert "forgets records when its memory is full (allkeys-lru)" in finding.text
    assert finding.mends == "CONFIG SET maxmemory-policy noeviction"


@looped
async def test_one_that_does_not_answer() -> None:
    (finding,) = await around(f"valkey://:secret@127.0.0.1:{free_port()}")
    assert (finding.level, finding.about) == (Level.ERROR, "store")
    assert "secret" not in str(finding)


@looped
async def test_one_that_does_not_tell_what_it_is_or_takes_no_scripts(server: ValkeyProcess) -> None:
    url = server.url.replace("//", "//little:secret@")
    may = ("reset", "on", ">secret", "~*", "+client|setname")
    for rights, level in (("+eval", Level.WARNING), ("+info", Level.ERROR)):
        server.command("ACL", "SETUSER", "little", *may, rights)
        (finding,) = await around(url)
        assert finding.level is level
        assert "the ACL of docs/store.md" in finding.mends
    server.command("ACL", "DELUSER", "little")


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"redis_version": "5.0.14"}, "is too old"),
        ({"cluster_enabled": 1}, "is a node of a cluster"),
        ({"role": "slave"}, "is a replica"),
    ],
)
def test_what_a_server_must_not_be(facts: dict[str, object], text: str) -> None:
    (finding,) = store.problems("x", FACTS | facts)
    assert finding.level is Level.ERROR
    assert text in finding.text
    assert finding.mends
    assert list(store.problems("x", FACTS)) == []
