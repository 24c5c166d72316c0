"""A P-CSCF's admin side with made data, behind the real pages: a test changes it while it runs."""

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from pcscf.admin.pages import add_pages
from tests.admin.console import made
from tests.admin.console.made import Json

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_GOES_ON: Final = 5.0  # seconds until a request that does not end is given up


class FakeApi:
    """Listens on a loopback port that stays the same from ``start`` to ``start``."""

    def __init__(self) -> None:
        self.ues: list[Json] = made.phones()
        self.status: Json = {}  # what differs from the usual
        self.hops: list[Json] = made.HOPS
        self.blocked: list[Json] = made.BLOCKED
        self.drops: Json = made.DROPS
        self.why: list[Json] = made.WHY
        self.packets = 100
        self.counted: dict[int, list[Json]] = {}  # the four SAs of sets, by spi_ps, that differ
        self.token = ""
        self.trouble: tuple[int, str] | None = None  # status and error of every answer of /api
        self.asked: list[str] = []  # method and path with query, of /api
        self.posted: list[tuple[str, Any]] = []
        self.traced: list[str] = []  # whom the open traces are of
        self._streams: list[asyncio.Queue[bytes | None]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Of the console, without a trailing slash."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen."""
        self._wait(self._start())

    def stop(self) -> None:
        """Close the port and all connections."""
        self._wait(self._stop())

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def trace(self, *lines: Json) -> None:
        """Send lines to every open trace."""
        data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        self._loop.call_soon_threadsafe(self._to_streams, data)

    def end_traces(self) -> None:
        """Cut every open trace off."""
        self._loop.call_soon_threadsafe(self._to_streams, None)

    # the server

    def _to_streams(self, data: bytes | None) -> None:
        for stream in self._streams:
            stream.put_nowait(data)

    def _wait(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_GOES_ON)

    async def _start(self) -> None:
        app = web.Application(middlewares=[self._guard])
        add_pages(app)
        for path, answer in self._answers().items():
            app.router.add_get(path, answer)
        app.router.add_get("/api/trace", self._trace)
        app.router.add_get("/api/trace/{who}", self._trace)
        app.router.add_post("/api/{what:.*}", self._post)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        self._to_streams(None)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith("/api"):
            return await handler(request)
        self.asked.append(f"{request.method} {request.path_qs}")
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": "a token is needed"}, status=401)
        if self.trouble is not None:
            return web.json_response({"error": self.trouble[1]}, status=self.trouble[0])
        return await handler(request)

    def _answers(self) -> dict[str, Handler]:
        def answer(give: Callable[[web.Request], Json | None]) -> Handler:
            async def handler(request: web.Request) -> web.StreamResponse:
                found = give(request)
                if found is None:
                    return web.json_response({"error": "no such phone"}, status=404)
                return web.json_response(found)

            return handler

        return {
            "/api/status": answer(lambda _: made.status(self.ues, **self.status)),
            "/api/ues": answer(self._list),
            "/api/ues/{who}": answer(self._phone),
            "/api/sas": answer(self._sas),
            "/api/next-hops": answer(lambda _: {"next_hops": self.hops}),
            "/api/blocked": answer(lambda _: {"blocked": self.blocked}),
            "/api/drops": answer(lambda _: self.drops),
            "/api/why/{who}": answer(
                lambda request: (
                    {"who": request.match_info["who"], "sentences": self.why} if self.why else None
                )
            ),
        }

    def _list(self, request: web.Request) -> Json:
        wanted = request.query.get("find", "")
        found = [one for one in self.ues if wanted in json.dumps(one)]
        return {"total": len(found), "ues": _page(found, request)}

    def _sas(self, request: web.Request) -> Json:
        found = [one for ue in self.ues for one in ue["sas"]]
        return {"total": len(found), "sas": _page(found, request)}

    def _phone(self, request: web.Request) -> Json | None:
        who = request.match_info["who"]
        found = [one for one in self.ues if who in _names(one)]
        if not found:
            return None
        return {"ues": [one | {"sas": [self._counted(row) for row in one["sas"]]} for one in found]}

    def _counted(self, row: Json) -> Json:
        return row | {"sas": self.counted.get(row["spi_ps"]) or made.kernel(row, self.packets)}

    async def _post(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/json":
            return web.json_response({"error": "JSON is needed"}, status=415)
        self.posted.append((request.path, await request.json()))
        return web.json_response({"done": f"done: {request.match_info['what']}"})

    async def _trace(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        await response.write(b"\n")
        stream: asyncio.Queue[bytes | None] = asyncio.Queue()
        who = request.match_info.get("who", "")
        self._streams.append(stream)
        self.traced.append(who)
        try:
            with contextlib.suppress(ConnectionError):
                while (data := await stream.get()) is not None:
                    await response.write(data)
        finally:
            self._streams.remove(stream)
            self.traced.remove(who)
        return response


def _names(ue: Json) -> list[str]:
    """Give what a phone is found by; identities without what stands around their URIs."""
    found = [(re.search(r"<([^<>]+)>(?:;[^<>]*)?$", one), one) for one in ue["identities"]]
    uris = [match[1] if match else one for match, one in found]
    return [ue["ue"], ue["impi"], *uris]


def _page(items: list[Json], request: web.Request) -> list[Json]:
    first = int(request.query.get("first", 0))
    return items[first : first + int(request.query.get("most", 100))]
