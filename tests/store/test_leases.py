"""Leases: one owner, by the server's clock, whatever the instances' clocks and answers do."""

import asyncio
import random

import pytest

from pcscf.errors import StoreError
from pcscf.store.leases import ValkeyLeases
from tests.store.clients import NAME, Clients, play


def leases_of(clients: Clients, count: int) -> list[ValkeyLeases]:
    return [clients.store().leases for _ in range(count)]


def test_it_has_one_owner_until_it_is_released(server) -> None:
    async def scene(clients: Clients) -> None:
        one, two = leases_of(clients, 2)
        assert await one.take(NAME, "one", 60)
        assert await one.take(NAME, "one", 60)
        assert not await two.take(NAME, "two", 60)
        await two.release(NAME, "two")
        await one.release(NAME, "two")
        assert not await two.take(NAME, "two", 60)
        assert await two.take("192.0.2.2", "two", 60)
        await one.release(NAME, "one")
        assert await two.take(NAME, "two", 60)
        assert not await one.take(NAME, "one", 60)

    play(server, scene)


def test_who_is_refused_learns_who_has_it(server) -> None:
    async def scene(clients: Clients) -> None:
        one, two = leases_of(clients, 2)
        assert two.holder(NAME) == ""
        assert await one.take(NAME, "one", 0.05)
        assert not await two.take(NAME, "two", 60)
        assert (one.holder(NAME), two.holder(NAME)) == ("", "one")
        await asyncio.sleep(0.1)
        assert not await two.take(NAME, "two", 60, abandoned=False)
        assert two.holder(NAME) == ""

    play(server, scene)


def test_it_runs_out_and_renewing_moves_its_end(server) -> None:
    async def scene(clients: Clients) -> None:
        one, two = leases_of(clients, 2)
        assert await one.take(NAME, "one", 0.15)
        await asyncio.sleep(0.1)
        assert await one.take(NAME, "one", 0.15)
        await asyncio.sleep(0.1)
        assert not await two.take(NAME, "two", 60)
        await asyncio.sleep(0.1)
        assert await two.take(NAME, "two", 60)

    play(server, scene)


def test_a_token_belongs_to_one_time_of_holding_it(server) -> None:
    async def scene(clients: Clients) -> None:
        one, two = leases_of(clients, 2)
        assert one.token(NAME) == ""
        await one.take(NAME, "one", 60)
        first = one.token(NAME)
        await one.take(NAME, "one", 60)
        assert one.token(NAME) == first
        await one.release(NAME, "one")
        await one.take(NAME, "one", 60)
        assert one.token(NAME) == first  # nobody else had it
        await one.release(NAME, "one")
        await two.take(NAME, "two", 60)
        await two.release(NAME, "two")
        await one.take(NAME, "one", 60)
        assert len({first, one.token(NAME), two.token(NAME)}) == 3

    play(server, scene)


def test_a_new_process_of_an_owner_takes_it_at_once_from_the_old_one(server) -> None:
    """A restart need not wait for the end of the lease, and an upgrade's old process yields."""

    async def scene(clients: Clients) -> None:
        old, new, other = leases_of(clients, 3)
        assert await old.take(NAME, "one", 60)
        assert await new.take(NAME, "one", 60)
        assert not await old.take(NAME, "one", 60)
        await old.release(NAME, "one")
        assert not await other.take(NAME, "other", 60)
        await new.release(NAME, "one")
        assert await old.take(NAME, "one", 60)

    play(server, scene)


def test_an_answer_that_was_lost_does_not_lock_out_who_asked(server, monkeypatch) -> None:
    async def scene(clients: Clients) -> None:
        (one,) = leases_of(clients, 1)
        run = one._server.run

        async def without_answer(*asked):
            await run(*asked)
            raise one._server.error("Timeout")

        for _ in range(2):  # when it comes, and when it comes again
            monkeypatch.setattr(one._server, "run", without_answer)
            for _ in range(2):
                with pytest.raises(StoreError):
                    await one.take(NAME, "one", 60)
            monkeypatch.setattr(one._server, "run", run)
            assert await one.take(NAME, "one", 60)
            (two,) = leases_of(clients, 1)
            await one.release(NAME, "one")
            assert await two.take(NAME, "two", 60)
            assert not await one.take(NAME, "one", 60)
            await two.release(NAME, "two")

    play(server, scene)


def test_the_owner_stays_the_owner_when_the_server_forgets(server) -> None:
    async def scene(clients: Clients) -> None:
        one, two = leases_of(clients, 2)
        await one.take(NAME, "one", 60)
        token = one.token(NAME)
        server.command("FLUSHALL")
        assert await one.take(NAME, "one", 60)
        assert one.token(NAME) == token
        assert not await two.take(NAME, "two", 60)
        assert not await two.take(NAME, "two", 60)

    play(server, scene)


def test_who_was_refused_has_no_claim_when_the_server_forgets(server) -> None:
    async def scene(clients: Clients) -> None:
        one, two = leases_of(clients, 2)
        await one.take(NAME, "one", 60)
        stale = one.token(NAME)
        await one.release(NAME, "one")
        await two.take(NAME, "two", 60)
        assert not await one.take(NAME, "one", 60)
        server.command("FLUSHALL")
        assert await one.take(NAME, "one", 60)
        assert one.token(NAME) != stale

    play(server, scene)


@pytest.mark.parametrize("seed", range(5))
def test_of_many_that_race_exactly_one_gets_it(server, seed: int) -> None:
    async def scene(clients: Clients) -> None:
        dice = random.Random(seed)
        racers = {f"owner {n}": leases for n, leases in enumerate(leases_of(clients, 8))}
        for _ in range(10):
            order = dice.sample(sorted(racers), len(racers))
            taken = await asyncio.gather(*(racers[each].take(NAME, each, 60) for each in order))
            (winner,) = (each for each, has in zip(order, taken, strict=True) if has)
            await racers[winner].release(NAME, winner)

    play(server, scene)


def test_two_that_believe_in_it_at_a_time_do_not_both_write(server) -> None:
    """One is stopped for longer than its lease, as a virtual machine may be, and goes on."""

    async def scene(clients: Clients) -> None:
        stopped = await clients.loaded("one")
        await stopped.leases.take(NAME, "one", 0.01)
        await asyncio.sleep(0.03)
        other = await clients.loaded("two")
        await other.write([])
        with pytest.raises(StoreError, match="another process serves"):
            await stopped.write([])
        assert not await stopped.leases.take(NAME, "one", 60)

    play(server, scene)


def test_one_that_ran_out_can_be_left_to_who_had_it(server) -> None:
    """After an outage of the store all have run out, or it has forgotten them."""

    async def scene(clients: Clients) -> None:
        one, two = leases_of(clients, 2)
        assert not await two.take(NAME, "two", 60, abandoned=False)
        assert await one.take(NAME, "one", 0.01)
        await asyncio.sleep(0.03)
        assert not await two.take(NAME, "two", 60, abandoned=False)
        assert await one.take(NAME, "one", 60, abandoned=False)
        server.command("FLUSHALL")
        assert not await two.take(NAME, "two", 60, abandoned=False)
        assert await one.take(NAME, "one", 60, abandoned=False)
        await one.release(NAME, "one")
        assert await two.take(NAME, "two", 60, abandoned=False)
        assert not await one.take(NAME, "one", 60)

    play(server, scene)


def test_a_new_process_of_an_owner_need_not_be_patient(server) -> None:
    async def scene(clients: Clients) -> None:
        old, new = leases_of(clients, 2)
        assert await old.take(NAME, "one", 60)
        assert await new.take(NAME, "one", 60, abandoned=False)
        assert not await old.take(NAME, "one", 60)

    play(server, scene)
