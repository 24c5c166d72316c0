"""``pcscf why`` and ``pcscf drops``."""

import json

from pcscf.admin.parts import Json, Parts
from pcscf.core.views import SaSetView
from tests.commands.spoken import shell
from tests.core.stage import IMPU
from tests.net.support import looped

NOTE = "xfrm_stat is of the whole namespace"


class Told:
    """A diagnosis."""

    def __init__(self) -> None:
        self.counters: list[Json] = []
        self.unknown: list[Json] = []

    def xfrm_errors(self) -> dict[str, int]:
        return {}

    def drops(self) -> Json:
        return {
            "since": "2026-01-31T12:00:00.000Z",
            "counters": self.counters,
            "unknown_spis": self.unknown,
            "watching": True,
            "note": NOTE,
        }

    async def why(self, who: str) -> list[Json]:
        return [
            {"time": None, "level": "ok", "text": f"{who} is registered"},
            {"time": "2026-01-31T12:05:00.000Z", "level": "bad", "text": "ESP arrives\x1b[2J"},
            {"time": None, "level": "note", "text": "perhaps"},
        ]

    def sas(self, sa_set: SaSetView) -> list[Json]:
        return []


@looped
async def test_sentences_have_their_weight_and_time_and_cannot_steer_the_terminal():
    async with shell(Parts(diagnosis=Told())) as s:
        assert await s.says("why", IMPU) == [
            f"ok    {IMPU} is registered",
            "bad   2026-01-31T12:05:00.000Z  ESP arrives\\x1b[2J",
            "note  perhaps",
        ]
        assert json.loads("\n".join(await s.says("why", IMPU, "--json")))["who"] == IMPU


@looped
async def test_drops_are_those_that_happened_and_what_they_mean():
    told = Told()
    async with shell(Parts(diagnosis=told)) as s:
        assert await s.says("drops") == [
            "the kernel has dropped nothing since 2026-01-31T12:00:00.000Z",
            NOTE,
        ]
        told.counters = [
            {"name": "XfrmInNoStates", "count": 3, "recent": 1, "meaning": "no SA with this SPI"},
            {"name": "XfrmInError", "count": 0, "recent": 0, "meaning": "none of the others"},
        ]
        told.unknown = [{"time": "2026-01-31T12:05:00.000Z", "sentence": "SPI 0x1 has no SA"}]
        assert await s.says("drops") == [
            "COUNTER         COUNT  RECENT  MEANING",
            "XfrmInNoStates  3      1       no SA with this SPI",
            "2026-01-31T12:05:00.000Z  SPI 0x1 has no SA",
            NOTE,
        ]
        assert len(json.loads("\n".join(await s.says("drops", "--json")))["counters"]) == 2


@looped
async def test_a_p_cscf_without_diagnosis_says_so():
    async with shell() as s:
        for words in (("why", IMPU), ("drops",)):
            assert await s.refuses(*words) == "this P-CSCF runs without diagnosis"
