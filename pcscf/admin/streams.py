"""The live trace: lines that are sent as they come, until somebody has had enough."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from pcscf.admin.parts import Traces
from pcscf.admin.refusal import Refusal
from pcscf.admin.visits import Visits

MOST: Final = 16  # at a time: each looks at every message
_LONGEST: Final = 255  # characters of a name
_PATIENCE: Final = 60.0  # seconds in which a reader takes nothing


class Streams:
    """All traces that are being read."""

    def __init__(self, traces: Traces | None, visits: Visits) -> None:
        self._traces = traces
        self._visits = visits
        self._read: set[asyncio.Transport] = set()

    async def trace(self, request: web.Request) -> web.StreamResponse:
        """Show the messages of a phone, or all of them."""
        if self._traces is None:
            raise Refusal(501, "this P-CSCF runs without the mirror")
        if len(self._read) >= MOST:
            raise Refusal(503, f"{MOST} traces are being read already")
        who = request.match_info.get("who")
        if who and len(who) > _LONGEST:
            raise Refusal(400, f"a name is {_LONGEST} characters at most")
        transport = request.transport
        if transport is None:
            raise Refusal(400, "nobody is there to read")
        self._read.add(transport)
        self._visits.let_stay(transport)
        try:
            with self._traces.opened(who) as lines:
                return await _show(request, lines)
        except TimeoutError:
            transport.abort()
            raise Refusal(400, "nobody reads") from None
        finally:
            self._read.discard(transport)

    def close(self) -> None:
        """End them all."""
        for transport in self._read:
            transport.abort()


async def _show(request: web.Request, lines: AsyncIterator[bytes]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    async for line in lines:
        async with asyncio.timeout(_PATIENCE):
            await response.write(line)
    return response
