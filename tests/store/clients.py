"""Stores on a Valkey server as its clients have them, which are closed whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable

from pcscf.store.valkey import ValkeyStore
from pcscf.store.valkey_server import ValkeyServer
from tests.store.valkey_process import ValkeyProcess

NAME = "192.0.2.1"


class Clients:
    """Makes stores on one server for the length of a scene."""

    def __init__(self, server: ValkeyProcess) -> None:
        self.url = server.url
        self._made: list[ValkeyStore] = []

    def store(self, name: str = NAME, patience: float = 5.0) -> ValkeyStore:
        store = ValkeyStore(ValkeyServer(self.url, patience), "test:", name)
        self._made.append(store)
        return store

    async def loaded(self, owner: str = "one", patience: float = 5.0) -> ValkeyStore:
        """A store as an instance has it that serves the name."""
        store = self.store(patience=patience)
        assert await store.leases.take(NAME, owner, 60)
        await store.load()
        return store

    async def close(self) -> None:
        for store in self._made:
            await store.close()


def play(server: ValkeyProcess, scene: Callable[[Clients], Awaitable[None]]) -> None:
    async def whole() -> None:
        clients = Clients(server)
        try:
            await scene(clients)
        finally:
            await clients.close()

    asyncio.run(whole())
