"""Each action, on a real Edge with registered phones, over a real Unix socket."""

from typing import NamedTuple
from urllib.parse import quote

import pytest
import structlog

from pcscf.admin.parts import Parts
from pcscf.core.events import Deregister, Drain
from tests.admin.desk import OTHER_UE, another, desk
from tests.core.phone import Phone
from tests.core.stage import IMPI, IMPU, UE
from tests.net.support import looped

pytestmark = pytest.mark.usefixtures("written")


@looped
async def test_drain_turns_new_phones_away_and_back(written):
    async with desk() as d:
        Phone(d.stage).registered()
        answer = await d.post("/api/drain", {"on": True})
        assert (answer.status, answer.json) == (
            200,
            {
                "done": "draining: no new phone is let in, 1 registered go on",
                "draining": True,
                "registrations": 1,
            },
        )
        new = another(d.stage)
        new.says_in_clear(new.register())
        assert d.stage.last_to_phone().status == 503
        assert (await d.get("/readyz")).status == 503
        assert written()[-1]["done"] == answer.json["done"]
        answer = await d.post("/api/drain", {"on": False})
        assert answer.json["done"] == "serving: new phones are let in"
        assert (await d.get("/readyz")).status == 200
        new.registered()
        assert d.server.events == [Drain(on=True), Drain(on=False)]


@pytest.mark.parametrize("who", [IMPU, IMPI, UE])
@looped
async def test_deregister_ends_one_phone_and_no_other(who):
    async with desk() as d:
        phone = Phone(d.stage)
        phone.registered()
        another(d.stage).registered()
        answer = await d.post(f"/api/ues/{quote(who, safe='')}/deregister")
        assert answer.json == {"done": f"deregistered {IMPI} at {UE}", "count": 1}
        assert d.server.events == [Deregister(IMPI, UE)]
        assert [one.ue for one in d.stage.edge.views.ues(d.stage.now, 0, 9)] == [OTHER_UE]
        answer = await d.post(f"/api/ues/{quote(who, safe='')}/deregister")
        assert (answer.status, answer.error) == (404, f"no phone of {who} is registered here")


@looped
async def test_a_name_has_a_length():
    async with desk() as d:
        answer = await d.post(f"/api/ues/{'x' * 256}/deregister")
        assert (answer.status, answer.error) == (400, "a name is 255 characters at most")


@looped
async def test_the_level_of_the_log_changes_at_once(written):
    async with desk() as d:
        answer = await d.post("/api/log-level", {"level": "debug"})
        assert answer.json == {"done": "the log has what is at least debug", "level": "debug"}
        assert (await d.get("/api/status")).json["log_level"] == "debug"
        structlog.get_logger().debug("word")
        assert written()[-1]["event"] == "word"
        await d.post("/api/log-level", {"level": "error"})
        count = len(written())
        structlog.get_logger().warning("word")
        assert len(written()) == count
        answer = await d.post("/api/log-level", {"level": "loud"})
        assert (answer.status, answer.error) == (
            400,
            "level is one of debug, info, warning, error",
        )


class Found(NamedTuple):
    applied: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


class Reloads:
    def __init__(self, found: Found) -> None:
        self.found = found

    def reload(self) -> Found:
        return self.found


@looped
async def test_reload_says_what_it_did_or_what_is_wrong():
    reloads = Reloads(Found())
    async with desk(Parts(reload=reloads)) as d:
        for found, done in (
            (Found(), "nothing has changed"),
            (Found(("log.level", "guard.trusted")), "changed: log.level, guard.trusted"),
            (Found((), ("gm.port",)), "nothing has changed; needs a restart: gm.port"),
            (Found(("dns.stale",), ("gm.port",)), "changed: dns.stale; needs a restart: gm.port"),
        ):
            reloads.found = found
            assert (await d.post("/api/reload")).json == {
                "done": done,
                "applied": list(found.applied),
                "needs_restart": list(found.needs_restart),
            }
        reloads.found = Found(errors=("a: b: unknown key", "a: c: wrong"))
        answer = await d.post("/api/reload")
        assert (answer.status, answer.error) == (409, "a: b: unknown key; a: c: wrong")
    async with desk() as d:
        assert (await d.post("/api/reload")).status == 501


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"on"', b'{"on": 1}', b'{"on": "yes"}', b'{"off": true}',
     b'{"on": true, "x": 1}', b"\xff", b"[" * 4000],
)  # fmt: skip
@looped
async def test_what_is_not_as_it_should_be_changes_nothing(body):
    async with desk() as d:
        answer = await d.ask("POST", "/api/drain", body)
        assert (answer.status, answer.error) == (
            400,
            'the content is an object as {"on": true}',
        )
        assert d.server.events == []


@looped
async def test_a_word_is_no_level():
    async with desk() as d:
        answer = await d.post("/api/log-level", {"level": True})
        assert answer.error == 'the content is an object as {"level": "info"}'
