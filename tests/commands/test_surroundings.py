"""``pcscf status``, ``next-hops`` and ``blocked``."""

import json
import re
from types import SimpleNamespace

from pcscf.admin.parts import Parts
from pcscf.core.events import Drain
from pcscf.hooks.measures import HookMeasures
from tests.admin.desk import failing_store
from tests.commands.spoken import shell
from tests.core.phone import Phone
from tests.core.stage import S_CSCF, S_CSCF_2, TWO_HOPS, Stage
from tests.net.support import looped


def columns(line: str) -> list[str]:
    return re.split(r"  +", line)


@looped
async def test_the_status_is_all_at_a_glance():
    async with shell() as s:
        Phone(s.stage).registered()
        lines = await s.says("status")
        assert lines[:2] == ["pcscf 1.2.3, up since 2026-01-31T12:00:00.250Z", "ready"]
        held = [line.split() for line in lines[lines.index("held") + 1 :]]
        assert ["registrations", "1"] in held
        assert ["sa", "sets", "1"] in held
        assert ["log", "level", "info"] in [line.split() for line in lines]


@looped
async def test_what_is_in_the_way_is_said_first():
    async with shell() as s:
        s.desk.server.dispatch(Drain(on=True))
        assert (await s.says("status"))[1] == "not ready: draining: no new phone is let in"


@looped
async def test_a_store_and_hooks_are_told_where_there_are_some():
    hooks = SimpleNamespace(
        measures=HookMeasures(), file="/etc/rules.py", functions=["before_core", "on_response"]
    )
    async with shell(Parts(store=failing_store(), hooks=hooks)) as s:
        lines = await s.says("status")
        assert lines[1:3] == ["ready", "note: the store is down: the disk is full"]
        facts = [columns(line.strip()) for line in lines]
        since = "2026-11-26T00:00:00.000Z"
        assert ["store", f"sqlite, down since {since}, 12 changes wait"] in facts
        assert ["hooks", "/etc/rules.py: before_core, on_response"] in facts
    async with shell() as s:
        facts = [columns(line.strip()) for line in await s.says("status")]
        assert ["store", "none: a restart forgets all phones"] in facts
        assert ["hooks", "none"] in facts


@looped
async def test_next_hops_and_why_one_does_not_answer():
    async with shell(stage=Stage(next_hops=TWO_HOPS)) as s:
        phone = Phone(s.stage)
        for _ in range(s.stage.policy.health.failures):
            phone.says_in_clear(phone.register())
            s.stage.send_fails(s.stage.to_core[-1])
        assert [columns(line) for line in await s.says("next-hops")] == [
            ["NEXT HOP", "STATE", "FLAGS", "FAILURES", "REASON"],
            [f"udp:{S_CSCF}", "inactive", "IX", "3", "connection refused"],
            [f"udp:{S_CSCF_2}", "active", "AX", "0", "-"],
        ]


@looped
async def test_names_that_nobody_has_looked_up_are_no_next_hops_yet():
    async with shell(stage=Stage(next_hops=())) as s:
        assert (await s.says("next-hops"))[0].startswith("no next hop is known yet")


@looped
async def test_blocked_sources():
    async with shell() as s:
        assert await s.says("blocked") == ["0 sources are blocked"]
        scanner = Phone(s.stage, host="198.18.0.1")
        for _ in range(5):
            scanner.says_in_clear(scanner.register("User-Agent: friendly-scanner"))
        head, one, foot = await s.says("blocked")
        assert columns(head) == ["SOURCE", "REASON", "FREE IN"]
        assert columns(one)[:2] == ["198.18.0.1", "scanner"]
        assert foot == "1 source is blocked"


@looped
async def test_json_is_what_the_api_answers():
    async with shell() as s:
        for word, key in (("status", "held"), ("next-hops", "next_hops"), ("blocked", "blocked")):
            assert key in json.loads("\n".join(await s.says(word, "--json")))
