"""``pcscf drain``, ``deregister``, ``reload`` and ``log-level``."""

import json

from pcscf import log
from pcscf.admin.parts import Parts
from pcscf.commands.acting import Level
from tests.admin.desk import another
from tests.admin.test_actions import Found, Reloads
from tests.commands.spoken import shell
from tests.core.phone import Phone
from tests.core.stage import IMPI, IMPU, UE
from tests.net.support import looped


@looped
async def test_draining_and_back():
    async with shell() as s:
        Phone(s.stage).registered()
        assert await s.says("drain") == ["draining: no new phone is let in, 1 registered go on"]
        assert s.stage.edge.draining
        assert await s.says("drain", "--off") == ["serving: new phones are let in"]
        assert not s.stage.edge.draining


@looped
async def test_a_phone_is_deregistered():
    async with shell() as s:
        Phone(s.stage).registered()
        another(s.stage).registered()
        assert await s.says("deregister", IMPU) == [f"deregistered {IMPI} at {UE}"]
        assert s.stage.edge.held()["registrations"] == 1
        assert await s.refuses("deregister", IMPU) == f"no phone of {IMPU} is registered here"


@looped
async def test_settings_are_read_anew():
    reloads = Reloads(Found(("log.level",), ("gm.port",)))
    async with shell(Parts(reload=reloads)) as s:
        assert await s.says("reload") == ["changed: log.level; needs a restart: gm.port"]
        reloads.found = Found(errors=("pcscf.toml: gm.prot: unknown key",))
        assert await s.refuses("reload") == "pcscf.toml: gm.prot: unknown key"


@looped
async def test_the_log_tells_more():
    async with shell() as s:
        assert await s.says("log-level", "debug") == ["the log has what is at least debug"]
        assert log.level() == "debug"
        assert (await s.types("log-level", "loud")).status == 2


def test_the_levels_are_those_of_the_log() -> None:
    assert tuple(Level) == log.LEVELS


@looped
async def test_json_is_what_the_api_answers():
    async with shell() as s:
        found = json.loads("\n".join(await s.says("drain", "--json")))
        assert found["draining"] is True
