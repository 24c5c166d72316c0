"""A store and its leases around an Edge: who serves, who stands by, who gives up."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pcscf.config import Settings
from pcscf.errors import LeaseLostError, StartError
from pcscf.net import ownership, survival
from pcscf.net.own_addresses import OwnAddresses
from pcscf.net.survival import Survival, surviving
from tests.core.phone import Phone
from tests.core.stage import Stage
from tests.net.server_bench import KEYS, SAS
from tests.net.support import HOST, looped, settings, until
from tests.store.valkey_process import ValkeyProcess
from xfrm.memory import MemoryKernel

LATER = 4e9  # seconds since 1970
RECORD = {"reg:x": b'{"version": 7}'}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyProcess]:
    with ValkeyProcess(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def valkey(shared: ValkeyProcess, monkeypatch: pytest.MonkeyPatch) -> ValkeyProcess:
    shared.command("FLUSHALL")
    monkeypatch.setattr(ownership, "_AT_ONCE", 0.1)
    return shared


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "store.key"
    path.write_text(f"one {base64.b64encode(bytes(32)).decode()}\n")
    path.chmod(0o600)
    return str(path)


def given(key_file: str, url: str, instance: str, **more: object) -> Settings:
    store = {"kind": "valkey", "url": url, "instance": instance, "lease": 1, "interval": 0.01}
    return settings(store={**store, "key_file": key_file, **more})


@asynccontextmanager
async def opened(options: Settings, kernel: MemoryKernel | None = None) -> AsyncIterator[Survival]:
    async with surviving(options, Stage().edge, kernel or MemoryKernel()) as made:
        assert made
        yield made


async def served(made: Survival, **records: bytes) -> None:
    """Write records as an instance that serves."""
    for key, value in records.items():
        made.writer.put(key, value, LATER)
    assert await made.writer.flush(5)


@looped
async def test_without_a_store_there_is_nothing():
    async with surviving(settings(), Stage().edge, MemoryKernel()) as made:
        assert made is None


@looped
async def test_a_file_is_nobody_elses(tmp_path, key_file):
    options = settings(
        store={"kind": "sqlite", "path": str(tmp_path / "store"), "key_file": key_file}
    )
    async with opened(options) as made:
        assert (await made.begin(), made.ownership, made.reasons) == ({}, None, [])
        assert made.hold is None
        await made.arrive()
        await served(made, **RECORD)
        made.leave()
    async with opened(options) as made:
        assert await made.begin() == RECORD


@looped
async def test_a_store_that_is_not_there_ends_the_start(key_file):
    options = given(key_file, "valkey://127.0.0.1:1/0", "one")
    with pytest.raises(StartError, match=r"^the store cannot be used: store.url: valkey://127"):
        async with opened(options):
            pass


@looped
async def test_one_serves_and_the_next_gets_what_it_leaves(valkey, key_file):
    kernel = MemoryKernel()
    kernel.install(SAS, KEYS, 0)  # of an earlier process, which died
    async with opened(given(key_file, valkey.url, "two"), kernel) as two:
        async with opened(given(key_file, valkey.url, "one")) as one:
            assert await one.begin() == {}
            assert one.hold == "held"
            beginning = asyncio.create_task(two.begin())
            await until(lambda: kernel.is_open)
            assert kernel.sas == {}
            assert two.reasons == [f"stands by: instance one serves {HOST}"]
            assert one.reasons == []
            await served(one, **RECORD)
        assert await beginning == RECORD
        assert two.reasons == []


@looped
async def test_who_loses_the_lease_gives_up(valkey, key_file):
    options = given(key_file, valkey.url, "one")
    async with opened(options) as old:
        await old.begin()
        await served(old, **RECORD)
        old.leave()
        async with opened(options) as new:  # of the same name: a new process
            assert await new.begin() == RECORD
            await old.lost.wait()
            with pytest.raises(LeaseLostError, match=rf"^the lease of {HOST} is another's now: it"):
                old.leave()
            old.writer.put("reg:y", b"late", LATER)
            await served(new, z=b"mine")
        await old.writer.flush(5)
    async with opened(options) as last:
        assert await last.begin() == {**RECORD, "z": b"mine"}


class Moved(OwnAddresses):
    """What has been done to addresses."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def come(self) -> None:
        self.done.append("come")

    def tell(self) -> None:
        self.done.append("tell")

    def watch(self, contested: Callable[[], None]) -> None:
        self.contested = contested

    def go(self) -> list[str]:
        self.done.append("go")
        return ["stays"] if len(self.done) == 1 else []

    def close(self) -> None:
        self.done.append("close")


@looped
async def test_addresses_come_with_the_lease_and_go_before_it(valkey, key_file, monkeypatch):
    made: list[Sequence[tuple[str, str]]] = []
    moved = Moved()

    def make(places: Sequence[tuple[str, str]]) -> OwnAddresses:
        made.append(places)
        return moved

    monkeypatch.setattr(survival, "OwnAddresses", make)
    monkeypatch.setattr(survival, "_TOLD_AGAIN", (0.01,))
    monkeypatch.setattr(survival, "_TOLD_ALWAYS", 0.02)
    options = given(key_file, valkey.url, "two", takeover_device="gm", takeover_core_device="core")
    async with opened(given(key_file, valkey.url, "one")) as one:
        await one.begin()
        async with opened(options) as two:
            assert made == [[(HOST, "gm")]]
            with capture_logs() as logs:
                beginning = asyncio.create_task(two.begin())
                await until(lambda: moved.done)
            assert moved.done == ["go"]  # of an earlier process
            assert ("address_stays", "stays") in [(o["event"], o.get("reason")) for o in logs]
            await one.close()
            await beginning
            await two.arrive()
            await until(lambda: len(moved.done) == 4)
            monkeypatch.setattr(ownership.Ownership, "may_act", False)
            await asyncio.sleep(0.1)
        assert moved.done == ["go", "come", "tell", "tell", "go", "close"]
        assert two.ownership
        assert moved.contested == two.ownership.contested


@looped
async def test_who_stood_still_while_it_began_brings_no_address_before_it_has_asked(
    valkey, key_file, monkeypatch
):
    moved = Moved()
    monkeypatch.setattr(survival, "OwnAddresses", lambda _: moved)
    async with opened(given(key_file, valkey.url, "one", takeover_device="gm")) as one:
        await one.begin()
        with monkeypatch.context() as still:
            still.setattr(ownership.Ownership, "may_act", False)
            arriving = asyncio.create_task(one.arrive())
            await asyncio.sleep(0.1)
            assert "come" not in moved.done
        await arriving
        assert "come" in moved.done


@looped
async def test_addresses_that_others_move_are_waited_for_but_not_for_ever(
    valkey, key_file, monkeypatch
):
    here: set[str] = set()
    monkeypatch.setattr(survival, "is_here", here.__contains__)
    async with opened(given(key_file, valkey.url, "one")) as made:
        await made.begin()
        arriving = asyncio.create_task(made.arrive())
        await asyncio.sleep(0.06)
        assert not arriving.done()
        assert made.reasons == [f"{HOST} is no address of this machine"]
        here.add(HOST)
        with capture_logs() as logs:
            await arriving
            assert logs == []
            here.clear()
            monkeypatch.setattr(survival, "_ARRIVAL", 0.01)
            await made.arrive()
        assert [(one["event"], one["address"]) for one in logs] == [("address_absent", HOST)]


@looped
async def test_a_file_that_is_no_store_ends_the_start(tmp_path, key_file):
    (tmp_path / "store").write_text("this is no database, but a text of some length")
    store = {"kind": "sqlite", "path": str(tmp_path / "store"), "key_file": key_file}
    with pytest.raises(StartError, match=r"^the store cannot be used: .*store"):
        async with opened(settings(store=store)):
            pass


@looped
async def test_keys_that_others_may_read_end_the_start(tmp_path, key_file):
    os.chmod(key_file, 0o644)  # noqa: PTH101 - a Path would block as long
    store = {"kind": "sqlite", "path": str(tmp_path / "store"), "key_file": key_file}
    with pytest.raises(StartError, match=r"store\.key_file: .*key"):
        async with opened(settings(store=store)):
            pass


@looped
async def test_what_one_process_knows_the_next_one_finds(tmp_path, key_file):
    store = {"kind": "sqlite", "path": str(tmp_path / "store"), "key_file": key_file}
    stage = Stage()
    stage.now = asyncio.get_running_loop().time()
    async with surviving(settings(store=store), stage.edge, MemoryKernel()) as made:
        assert made
        assert await made.begin() == {}
        Phone(stage).registered()
    (token,) = [one.token for one in stage.edge._context.registry.all()]
    async with opened(settings(store=store)) as made:
        assert f"reg:{token}" in await made.begin()
