"""Asking a Valkey server, or a Redis one: what goes wrong is a StoreError of one line."""

from collections.abc import Awaitable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from pcscf.errors import StoreError

Argument = str | bytes | int | float

_CONNECTIONS = 4  # one for records, one for leases, and as many that are being given up
_TLS_SCHEMES = ("valkeys", "rediss")
_MAX_TEXT = 200
_SCAN = 200  # records at a time: a few hundred KB


class ValkeyServer:
    """Connects when it is first asked something, and again when a connection was lost.

    ``timeout`` seconds without an answer are a failure; what was asked may be done all the same.
    ``name`` is what errors call it.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self.name = shown(url)
        tls = {"ssl_check_hostname": True} if urlsplit(url).scheme in _TLS_SCHEMES else {}
        self._client = Valkey.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            max_connections=_CONNECTIONS,
            client_name="pcscf",
            lib_name=None,
            lib_version=None,
            **tls,
        )

    async def run(self, script: str, keys: list[str], arguments: list[Argument]) -> object:
        """Run a Lua script, which is atomic, and return its answer."""
        answer = self._client.eval(script, len(keys), *keys, *arguments)
        return await self._answer(cast("Awaitable[object]", answer))

    async def fields(self, key: str) -> dict[bytes, bytes]:
        """Return a hash. It is read in parts: what changes meanwhile may be seen or not."""
        found: dict[bytes, bytes] = {}
        cursor = 0
        while True:
            part = self._client.hscan(key, cursor, count=_SCAN)
            answer = await self._answer(cast("Awaitable[object]", part))
            cursor, fields = cast("tuple[int, dict[bytes, bytes]]", answer)
            found.update(fields)
            if not cursor:
                return found

    async def facts(self) -> Mapping[str, Any]:
        """Return what it says of itself (INFO), by its own names."""
        asked = self._answer(cast("Awaitable[object]", self._client.info()))
        return cast("Mapping[str, Any]", await asked)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    def error(self, why: str) -> StoreError:
        """Make an error of this server's."""
        return StoreError(f"{self.name}: {why}")

    async def _answer(self, asked: Awaitable[object]) -> object:
        try:
            return await asked
        except (ValkeyError, OSError) as error:
            text = str(error).partition("\n")[0][:_MAX_TEXT]
            raise self.error(text or type(error).__name__) from None


def shown(url: str) -> str:
    """Name a server without its password."""
    parts = urlsplit(url)
    return f"store.url: {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
