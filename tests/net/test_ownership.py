"""Waiting for a lease, holding it, losing it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from pcscf.errors import StoreError
from pcscf.net import ownership
from pcscf.net.ownership import Ownership
from tests.net.support import until

ADDRESS = "192.0.2.1"


class Server:
    """Leases as a test wants them."""

    def __init__(self) -> None:
        self.owner = ""
        self.is_down = False
        self.was_abandoned = False  # and nobody has waited long enough to know it
        self.stood_by = 0
        self.sure = 0
        self.ownership = Ownership(self, ADDRESS, "one", 0.06)
        self.ownership.when_sure(self._note)

    async def take(
        self, _name: str, owner: str, _seconds: float, *, abandoned: bool = True
    ) -> bool:
        if self.is_down:
            raise StoreError("down")
        if self.was_abandoned:
            return False
        self.owner = self.owner or owner
        return self.owner == owner

    def holder(self, _name: str) -> str:
        return self.owner

    async def release(self, _name: str, _owner: str) -> None:
        if self.is_down:
            raise StoreError("down")
        self.owner = ""

    def stand_by(self) -> None:
        self.stood_by += 1

    def _note(self) -> None:
        assert self.ownership.may_act
        self.sure += 1


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "_AT_ONCE", 0.05)


def play(scene: Callable[[Server, Ownership], Awaitable[None]]) -> Server:
    made: list[Server] = []

    async def whole() -> None:
        server = Server()
        made.append(server)
        try:
            await asyncio.wait_for(scene(server, server.ownership), 20)
        finally:
            await server.ownership.close()

    asyncio.run(whole())
    return made[0]


def test_a_free_one_is_taken_without_standing_by_and_given_back() -> None:
    async def scene(server: Server, own: Ownership) -> None:
        before = own.may_act
        await own.taken(server.stand_by)
        assert (before, own.may_act) == (False, True)
        assert (own.waits_for, server.stood_by, own.hold) == ("", 0, "held")

    assert play(scene).owner == ""


def test_anothers_is_waited_for_and_said_once() -> None:
    async def scene(server: Server, own: Ownership) -> None:
        server.owner = "two"
        with capture_logs() as logs:
            taking = asyncio.create_task(own.taken(server.stand_by))
            await until(lambda: server.stood_by)
            reason = "stands by: instance two serves 192.0.2.1"
            await until(lambda: own.waits_for == reason)
            assert not own.may_act
            server.owner = ""
            await taking
        assert [one["reason"] for one in logs if one["event"] == "standing_by"] == [reason]
        assert (own.waits_for, server.stood_by) == ("", 1)

    play(scene)


def test_nobodys_is_waited_for_as_one_that_may_be_renewed() -> None:
    async def scene(server: Server, own: Ownership) -> None:
        server.was_abandoned = True
        taking = asyncio.create_task(own.taken(server.stand_by))
        await until(lambda: server.stood_by)
        assert own.waits_for == (
            "stands by: nobody has the lease of 192.0.2.1, and who serves may renew it"
        )
        server.was_abandoned = False
        await taking

    play(scene)


def test_a_silent_store_is_named() -> None:
    async def scene(server: Server, own: Ownership) -> None:
        server.is_down = True
        taking = asyncio.create_task(own.taken(server.stand_by))
        await until(lambda: server.stood_by)
        assert own.waits_for == "stands by: the store does not say who serves 192.0.2.1"
        server.is_down = False
        await taking

    play(scene)


def test_without_the_store_it_is_still_ours() -> None:
    async def scene(server: Server, own: Ownership) -> None:
        await own.taken(server.stand_by)
        server.is_down = True
        await until(lambda: own.hold == "unsure")
        assert own.may_act
        assert not own.lost.is_set()
        before = server.sure
        server.is_down = False
        await until(lambda: own.hold == "held" and server.sure > before)

    play(scene)


def test_it_is_lost_to_another() -> None:
    async def scene(server: Server, own: Ownership) -> None:
        await own.taken(server.stand_by)
        server.owner = "two"
        await own.lost.wait()
        assert not own.may_act

    assert play(scene).owner == "two"


def test_who_is_not_sure_yields_to_one_who_says_it_is_his() -> None:
    async def scene(server: Server, own: Ownership) -> None:
        await own.taken(server.stand_by)
        own.contested()
        assert not own.lost.is_set()
        server.is_down = True
        await until(lambda: own.hold == "unsure")
        own.contested()
        assert own.lost.is_set()
        assert (own.hold, own.may_act) == ("unsure", False)

    play(scene)


def test_a_store_that_is_down_does_not_keep_it_from_ending() -> None:
    async def scene(server: Server, own: Ownership) -> None:
        await own.taken(server.stand_by)
        server.is_down = True

    assert play(scene).owner == "one"
