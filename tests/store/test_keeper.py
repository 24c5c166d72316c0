"""Keeping a lease: taken, renewed, lost, and not known while the store is silent."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from pcscf.errors import StoreError
from pcscf.store.keeper import Hold, Keeper
from tests.net.support import until

NAME = "192.0.2.1"


class Server:
    """Leases whose answers a test decides on, and the clock of who asks."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.owner = ""
        self.is_down = False
        self.is_silent = False
        self.is_broken = False
        self.asked = 0
        self.was_abandoned = False  # the lease ran out without having been released
        self.patience: list[bool] = []
        self.told: list[Hold] = []
        self.keeper = Keeper(self, NAME, "one", 0.3, told=self.told.append, clock=lambda: self.now)

    async def take(self, name: str, owner: str, seconds: float, *, abandoned: bool = True) -> bool:
        self.asked += 1
        self.patience.append(abandoned)
        if self.is_silent:
            await asyncio.Event().wait()
        if self.is_down:
            raise StoreError("down")
        if self.is_broken:
            raise RuntimeError
        if not self.was_abandoned or abandoned:
            self.owner = self.owner or owner
        return self.owner == owner

    def holder(self, name: str) -> str:
        assert name == NAME
        return self.owner

    async def release(self, name: str, owner: str) -> None:
        assert self.owner == owner
        self.owner = ""

    async def asks(self, times: int = 1) -> Hold:
        """Let it ask so often and hear the answers; return what it then believes."""
        enough = self.asked + times
        while self.asked < enough:  # noqa: ASYNC110 - the keeper knows of no event
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.005)
        return self.keeper.hold


def play(scene: Callable[[Server, Keeper], Awaitable[None]]) -> Server:
    server = Server()

    async def whole() -> None:
        server.keeper.start()
        try:
            await asyncio.wait_for(scene(server, server.keeper), 20)
        finally:
            await server.keeper.close()

    asyncio.run(whole())
    return server


def test_a_free_lease_is_taken_and_told_once() -> None:
    async def scene(server: Server, keeper: Keeper) -> None:
        assert (server.told, keeper.hold) == ([], "not held")
        assert await server.asks(3) == "held"
        assert server.told == ["held"]

    assert play(scene).owner == ""  # released


def test_anothers_is_waited_for_and_taken_when_it_is_free() -> None:
    async def scene(server: Server, keeper: Keeper) -> None:
        server.owner = "two"
        await server.asks(3)
        assert (keeper.hold, server.told) == ("not held", [])
        server.owner = ""
        await server.asks(2)
        assert (keeper.hold, server.told) == ("held", ["held"])

    play(scene)


def test_who_has_it_is_known_while_the_store_answers() -> None:
    async def scene(server: Server, keeper: Keeper) -> None:
        holders = [keeper.holder]
        server.owner = "two"
        await server.asks(3)
        holders.append(keeper.holder)
        server.is_down = True
        await server.asks(2)
        assert [*holders, keeper.holder] == [None, "two", None]

    play(scene)


def test_a_lost_one_is_told_and_not_released() -> None:
    async def scene(server: Server, keeper: Keeper) -> None:
        await server.asks()
        server.owner = "two"
        await server.asks(2)
        assert (keeper.hold, server.told) == ("not held", ["held", "not held"])

    assert play(scene).owner == "two"


@pytest.mark.parametrize("fault", ["is_down", "is_silent", "is_broken"])
def test_without_an_answer_it_is_held_to_its_end_and_then_not_sure(fault: str) -> None:
    async def scene(server: Server, keeper: Keeper) -> None:
        await server.asks()
        setattr(server, fault, True)
        await server.asks(2)
        server.now += 0.29
        assert await server.asks() == "held"
        server.now += 0.02
        assert await server.asks(2) == "unsure"
        assert server.told == ["held", "unsure"]
        setattr(server, fault, False)
        await server.asks(2)
        assert (keeper.hold, server.told) == ("held", ["held", "unsure", "held"])

    play(scene)


def test_who_was_not_sure_hears_that_it_is_anothers() -> None:
    async def scene(server: Server, keeper: Keeper) -> None:
        await server.asks()
        server.is_down = True
        await server.asks(1)
        server.now += 0.29
        await server.asks(2)
        server.now += 0.02
        await server.asks(2)
        server.owner, server.is_down = "two", False
        await server.asks(2)
        assert server.told == ["held", "unsure", "not held"]

    play(scene)


def test_its_time_counts_from_when_it_was_asked_for() -> None:
    """The answer may take long, and by then the lease has run for as long."""

    async def scene(server: Server, keeper: Keeper) -> None:
        await server.asks()
        take = server.take

        async def slowly(name: str, owner: str, seconds: float, *, abandoned: bool = True) -> bool:
            server.now += 0.2
            return await take(name, owner, seconds, abandoned=abandoned)

        server.take = slowly  # type: ignore[method-assign]
        await server.asks()
        server.take = take  # type: ignore[method-assign]
        server.is_down = True
        server.now += 0.11
        assert keeper.hold == "unasked"

    play(scene)


@pytest.mark.parametrize(("then", "hold"), [("one", "held"), ("two", "not held")])
def test_who_stood_still_for_longer_than_the_lease_knows_nothing_before_it_has_asked(
    then: str, hold: Hold
) -> None:
    async def scene(server: Server, keeper: Keeper) -> None:
        await server.asks()
        server.now += 5
        assert keeper.hold == "unasked"
        server.owner = then
        assert await server.asks() == hold
        assert server.told[-1] == hold

    play(scene)


def test_who_stood_still_knows_nothing_for_as_long_as_the_store_is_silent() -> None:
    async def scene(server: Server, keeper: Keeper) -> None:
        await server.asks()
        server.is_down = True
        server.now += 5
        assert await server.asks(3) == "unasked"
        server.is_down = False
        assert await server.asks(2) == "held"

    play(scene)


def test_who_stood_still_while_it_asked_is_as_ignorant() -> None:
    async def scene(server: Server, keeper: Keeper) -> None:
        await server.asks()
        server.is_silent = True
        asked = server.asked
        await until(lambda: server.asked > asked)
        server.now += 5
        assert await server.asks(2) == "unasked"

    play(scene)


def test_who_stood_still_while_it_was_not_sure_is_as_ignorant() -> None:
    async def scene(server: Server, keeper: Keeper) -> None:
        await server.asks()
        server.is_down = True
        await server.asks(2)
        server.now += 0.31
        await server.asks(2)
        assert keeper.hold == "unasked"  # the pause was as long as a lease

    play(scene)


def test_its_clock_counts_while_the_machine_is_suspended(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper(Server(), NAME, "one", 0.3, told=lambda _: None)
    monkeypatch.setattr(time, "clock_gettime", {time.CLOCK_BOOTTIME: 7.0}.get)
    assert keeper._clock() == 7.0


def test_an_abandoned_lease_is_left_to_who_had_it_until_the_store_has_answered_for_long() -> None:
    """Behind an outage of the store every lease has run out, and its owner is alive."""

    async def scene(server: Server, keeper: Keeper) -> None:
        server.was_abandoned = True
        server.is_down = True
        await server.asks(2)
        server.is_down = False
        server.now += 5
        assert await server.asks(2) == "not held"
        server.now += 0.29
        assert await server.asks() == "not held"
        server.is_down = True
        await server.asks(2)
        server.is_down = False
        server.now += 0.02
        assert await server.asks(2) == "not held"
        assert not any(server.patience)
        server.now += 0.31
        assert await server.asks(2) == "held"

    play(scene)


def test_it_can_be_left_to_run_out() -> None:
    server = Server()

    async def scene() -> None:
        server.keeper.start()
        await server.asks()
        await server.keeper.close(release=False)

    asyncio.run(scene())
    assert server.owner == "one"
