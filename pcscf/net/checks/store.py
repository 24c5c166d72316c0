"""The store: the operator's keys, the place of the file, and the Valkey server."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from pcscf.config import Settings
from pcscf.errors import SealError, StoreError
from pcscf.net.checks import files
from pcscf.net.checks.finding import Finding, error, ok, warning

_OLDEST = 6  # major version of Redis; all of Valkey's are later
_RIGHTS = "the ACL of docs/store.md"


def here(settings: Settings) -> Iterator[Finding]:
    """What of it is on this machine; nothing where there is no store."""
    store = settings.store
    if store.used == "none":
        return
    yield _keys(store.key_file)
    if store.used == "sqlite":
        yield from files.writable("store.path", store.path)
        if Path(store.path).exists() and not os.access(store.path, os.R_OK | os.W_OK):
            user = os.geteuid()
            text = f"store.path: {store.path} cannot be read and written by user {user}"
            yield error("store", text, f"chown {user} {store.path}*")


def _keys(path: str) -> Finding:
    from pcscf.store.key_file import read_keys  # noqa: PLC0415 - loads cryptography

    try:
        keys = read_keys(path)
    except SealError as problem:  # which says what mends it
        return error("store", f"store.key_file: {problem}")
    rest = f", {len(keys) - 1} more open" if len(keys) > 1 else ""
    return ok("store", f"store.key_file: {path}: key {keys[0].id} seals{rest}")


class Server(Protocol):
    """What is needed of ``pcscf.store.valkey_server.ValkeyServer``."""

    name: str

    async def run(self, script: str, keys: list[str], arguments: list[Any]) -> object:
        """Run a script. Raises StoreError."""

    async def facts(self) -> Mapping[str, Any]:
        """Give what it says of itself. Raises StoreError."""


async def around(settings: Settings) -> list[Finding]:
    """The Valkey server, if there is one."""
    store = settings.store
    if store.used != "valkey":
        return []
    from pcscf.store.valkey_server import ValkeyServer  # noqa: PLC0415 - a tenth of a second

    server = ValkeyServer(store.url, store.timeout)
    try:
        return [finding async for finding in _asked(server)]
    finally:
        await server.close()


async def _asked(server: Server) -> AsyncIterator[Finding]:
    began = asyncio.get_running_loop().time()
    try:
        await server.run("return 1", [], [])
    except StoreError as problem:
        yield error("store", str(problem), f"starting it, store.url, or {_RIGHTS}")
        return
    taken = round(1000 * (asyncio.get_running_loop().time() - began))
    try:
        facts = await server.facts()
    except StoreError as problem:
        yield warning("store", f"{problem}; not looked at: version, maxmemory-policy", _RIGHTS)
        return
    found = list(problems(server.name, facts))
    for finding in found:
        yield finding
    if not found:
        yield ok("store", f"{server.name}: {_called(facts)} answers after {taken} ms{_kept(facts)}")


def problems(name: str, facts: Mapping[str, Any]) -> Iterator[Finding]:
    """What is wrong with a server that says this of itself (INFO)."""
    if int(str(facts.get("redis_version", _OLDEST)).partition(".")[0]) < _OLDEST:
        yield error("store", f"{name}: {_called(facts)} is too old", "Valkey, or Redis 6 or later")
    if facts.get("cluster_enabled"):
        text = f"{name}: is a node of a cluster, which knows no change of several keys at a time"
        yield error("store", text, "a server of its own")
    if facts.get("role") == "slave":
        yield error(
            "store", f"{name}: is a replica and takes no writes", "the primary in store.url"
        )
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        text = f"{name}: forgets records when its memory is full ({policy})"
        yield warning("store", text, "CONFIG SET maxmemory-policy noeviction")


def _called(facts: Mapping[str, Any]) -> str:
    if "valkey_version" in facts:
        return f"Valkey {facts['valkey_version']}"
    return f"Redis {facts.get('redis_version', '')}"


def _kept(facts: Mapping[str, Any]) -> str:
    """A server without a disk will do: it is filled again, as long as an instance lives."""
    return "" if facts.get("aof_enabled") else "; without appendonly it forgets all when it ends"
