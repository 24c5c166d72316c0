"""Instances that fight for a name: whatever their clocks say, their writes never mix."""

import asyncio
import itertools
import random
import time
from collections.abc import Callable

import pytest

from pcscf.errors import LeaseLostError
from pcscf.store.keeper import Hold, Keeper
from pcscf.store.model import Change
from pcscf.store.valkey import ValkeyStore
from tests.store.clients import NAME, Clients, play

LEASE = 0.15  # seconds
TURNS = 6
PATIENCE = 30.0  # seconds; it takes one or two


class Instance:
    """Serves the name while it believes that it may, and is stopped now and then."""

    def __init__(self, store: ValkeyStore, owner: str, dice: random.Random) -> None:
        self.store = store
        self.owner = owner
        self.dice = dice
        self.written: list[tuple[int, str]] = []  # number of the batch, and the token
        self.refused = 0
        self.stops_at = dice.randrange(5, 20)
        self.is_loaded = False
        rate, offset = dice.uniform(0.3, 1.5), dice.uniform(0, 1e9)
        self.keeper = Keeper(
            store.leases,
            NAME,
            owner,
            LEASE,
            told=self.hear,
            clock=lambda: time.monotonic() * rate + offset,
        )

    def hear(self, hold: Hold) -> None:
        if hold == "not held":
            self.is_loaded = False

    async def serve(self, is_over: Callable[[], bool]) -> None:
        self.keeper.start()
        while not is_over():
            if self.keeper.hold != "not held":
                await self.step()
            await asyncio.sleep(self.dice.uniform(0.001, 0.01))
            if len(self.written) >= self.stops_at:
                await self.stop()
        await self.keeper.close(release=False)

    async def stop(self) -> None:
        """Neither renew nor learn anything for longer than the lease, then go on as before."""
        self.stops_at = len(self.written) + self.dice.randrange(5, 20)
        await self.keeper.close(release=False)
        await asyncio.sleep(LEASE * 2)
        self.keeper.start()

    async def step(self) -> None:
        try:
            if not self.is_loaded:
                await self.store.load()
                self.is_loaded = True
            await self.store.write([Change("a", self.owner.encode(), time.time() + 60)])
        except LeaseLostError:
            self.refused += 1
            self.is_loaded = False
        else:
            assert self.store._token
            self.written.append((self.store._confirmed, self.store._token))


@pytest.mark.parametrize("seed", [1, 2])
def test_writes_of_different_owners_do_not_mix(server, seed: int) -> None:
    async def scene(clients: Clients) -> None:
        dice = random.Random(seed)
        instances = [Instance(clients.store(), f"owner {n}", dice) for n in range(3)]
        end = time.monotonic() + PATIENCE

        def written() -> list[tuple[int, str]]:
            return sorted(itertools.chain(*(instance.written for instance in instances)))

        def is_over() -> bool:
            assert time.monotonic() < end, "in vain: a lease that changes hands, and is fought for"
            refused = sum(instance.refused for instance in instances)
            return refused > 0 and len(turns(written())) >= TURNS

        await asyncio.gather(*(instance.serve(is_over) for instance in instances))
        numbers = [number for number, _ in written()]
        assert numbers == list(range(1, len(numbers) + 1))  # each of them counted once
        order = turns(written())
        assert len(order) == len(set(order))  # whoever came next, nobody came back with old ones

    play(server, scene)


def turns(written: list[tuple[int, str]]) -> list[str]:
    """The tokens in whose name was written, one after the other."""
    return [token for token, _ in itertools.groupby(token for _, token in written)]
