"""``pcscf health``, by its exit status."""

import pytest

from pcscf.admin.parts import Parts
from pcscf.core.events import Drain
from tests.admin.desk import failing_store
from tests.commands.spoken import command, shell
from tests.net.support import looped


@looped
async def test_a_p_cscf_that_lives_and_serves_is_healthy():
    async with shell() as s:
        assert await s.says("health") == ["live"]
        assert await s.says("health", "--ready") == ["ready"]


@looped
async def test_one_that_serves_nobody_new_lives_and_is_not_ready():
    async with shell() as s:
        s.desk.server.dispatch(Drain(on=True))
        assert await s.says("health") == ["live"]
        assert await s.refuses("health", "--ready") == (
            "not ready: draining: no new phone is let in"
        )


@looped
async def test_one_whose_store_is_down_serves_and_says_so():
    async with shell(Parts(store=failing_store())) as s:
        said = await s.says("health", "--ready")
        assert said == ["ready", "note: the store is down: the disk is full"]


@pytest.mark.parametrize("words", [(), ("--ready",)])
@looped
async def test_one_that_is_not_there_has_status_1_as_containers_want_it(words, tmp_path):
    said = await command("health", "--socket", tmp_path / "admin.sock", *words)
    assert (said.status, said.out, len(said.err)) == (1, [], 1)
