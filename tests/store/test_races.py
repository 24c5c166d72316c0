"""Instances that fight for a name: whatever their clocks say, their writes never mix."""

import asyncio
import itertools
import random
import time

import pytest

from pcscf.errors import LeaseLostError
from pcscf.store.keeper import Hold, Keeper
from pcscf.store.model import Change
from pcscf.store.valkey import ValkeyStore
from tests.store.clients import NAME, Clients, play

LEASE = 0.25


class Instance:
    """Serves the name while it believes that it may, and is stopped now and then."""

    def __init__(self, store: ValkeyStore, owner: str, dice: random.Random) -> None:
        self.store = store
        self.owner = owner
        self.dice = dice
        self.written: list[tuple[int, str]] = []  # number of the batch, and the token
        self.refused = 0
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

    async def serve(self, seconds: float) -> None:
        self.keeper.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.keeper.hold != "not held":
                await self.step()
            await asyncio.sleep(self.dice.uniform(0.001, 0.01))
            if self.dice.random() < 0.02:
                await self.stop()
        await self.keeper.close(release=False)

    async def stop(self) -> None:
        """Neither renew nor learn anything for longer than the lease, then go on as before."""
        await self.keeper.close(release=False)
        await asyncio.sleep(LEASE * 1.5)
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
        await asyncio.gather(*(instance.serve(2.5) for instance in instances))
        written = sorted(itertools.chain(*(instance.written for instance in instances)))
        numbers = [number for number, _ in written]
        assert numbers == list(range(1, len(numbers) + 1))  # each of them counted once
        turns = [token for token, _ in itertools.groupby(token for _, token in written)]
        assert len(turns) == len(set(turns))  # whoever came next, nobody came back with old ones
        assert len(turns) > 2
        assert sum(instance.refused for instance in instances) > 0

    play(server, scene)
