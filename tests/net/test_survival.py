"""A store for one process, and the next one that finds what the first has left."""

import asyncio
from pathlib import Path

import pytest

from pcscf.config_sections import Store
from pcscf.errors import StartError
from pcscf.net.survival import surviving
from pcscf.store.key_file import add_key
from tests.core.phone import Phone
from tests.core.stage import Stage
from tests.net.support import looped
from tests.store.test_key_file import NOW


@pytest.fixture
def settings(tmp_path: Path) -> Store:
    key_file = tmp_path / "key"
    add_key(str(key_file), NOW)
    return Store(kind="sqlite", path=str(tmp_path / "store"), key_file=str(key_file))


@looped
async def test_without_a_store_nothing_is_noted():
    stage = Stage()
    async with surviving(Store(), stage.edge) as survival:
        assert survival is None


@looped
async def test_what_one_process_has_written_the_next_one_finds(settings):
    stage = Stage()
    stage.now = asyncio.get_running_loop().time()
    async with surviving(settings, stage.edge) as survival:
        assert survival is not None
        assert survival.records == {}
        Phone(stage).registered()
    (token,) = [one.token for one in stage.edge._context.registry.all()]
    async with surviving(settings, Stage().edge) as survival:
        assert survival is not None
        assert list(survival.records) == [f"reg:{token}"]


@looped
async def test_a_store_that_cannot_be_used_ends_the_start_in_a_line(settings, tmp_path):
    (tmp_path / "store").write_text("this is no database, but a text of some length")
    with pytest.raises(StartError, match=r"^the store cannot be used: .*store"):
        async with surviving(settings, Stage().edge):
            pass


@looped
async def test_keys_that_others_may_read_end_the_start(settings, tmp_path):
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(StartError, match=r"store\.key_file: .*key"):
        async with surviving(settings, Stage().edge):
            pass
