"""An admin side around a real Edge with phones, on a real Unix socket and on TCP.

``desk.get("/api/ues")`` asks over the Unix socket as a client of one's own making would;
``desk.tcp`` over TCP. Nothing but the server around the Edge is made up.
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pcscf.admin.parts import Parts, Store, Subject
from pcscf.admin.service import AdminService
from pcscf.admin.visits import Visits
from pcscf.config_sections import Admin
from pcscf.core.edge import Edge
from pcscf.core.events import Event
from pcscf.store.writer import State
from tests.core.phone import Phone
from tests.core.stage import GM, GM6, Stage
from tests.net.support import free_port
from xfrm.memory import MemoryKernel

STARTED = datetime(2026, 1, 31, 12, 0, 0, 250_000, UTC)
WELL = State("ok", "", STARTED.timestamp())
OTHER, OTHER_UE = "other@home.example", "192.0.2.11"


@dataclass
class Played:
    """What the admin side needs of a server: the stage carries events out."""

    stage: Stage
    is_up: bool = True
    lag: float = 0.0
    failed_events: int = 0
    events: list[Event] = field(default_factory=list)

    def dispatch(self, event: Event) -> None:
        self.events.append(event)
        self.stage.play(event)


@dataclass
class Writes:
    """Who writes to a store; a test says how it goes."""

    state: State = WELL
    waiting: int = 0
    written: int = 0
    batches: int = 0
    failures: int = 0
    unmade: int = 0
    spent: float = 0.0


def failing_store() -> Store:
    """One that has been down since midnight, while 12 changes wait."""
    state = State("down", "the disk is full", 1_795_651_200.0)
    return Store("sqlite", Writes(state, waiting=12))


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The one line that says why not."""
        found = self.json
        assert set(found) == {"error"}
        assert "\n" not in found["error"]
        return str(found["error"])


@dataclass
class Desk:
    """The admin side, up, and all that is around it."""

    stage: Stage
    server: Played
    kernel: MemoryKernel
    options: Admin
    service: AdminService

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, b"", **headers)

    async def post(self, path: str, content: Any = None) -> Answer:
        return await self.ask("POST", path, json.dumps(content or {}).encode())

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Ask over the Unix socket."""
        return await asked(
            await asyncio.open_unix_connection(self.options.socket), method, path, body, headers
        )

    async def tcp(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """Ask over TCP, with these headers and no other than Host and Content-Length."""
        at = self.options.http
        assert at is not None
        given = {"Host": str(at), **(headers or {})}
        return await asked(await asyncio.open_connection(*at), method, path, body, given)


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def asked(
    connection: Connection, method: str, path: str, body: bytes, headers: dict[str, str]
) -> Answer:
    """Send one request, and read until the other side has closed."""
    reader, writer = connection
    given = {"Host": "localhost", "Content-Length": str(len(body)), **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{n}: {value}" for n, value in given.items() if value)]
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        return read(await reader.read())
    finally:
        writer.close()


def read(data: bytes) -> Answer:
    """Take one answer apart."""
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    if "Content-Length" in headers and body:
        assert len(body) == int(headers["Content-Length"])
    return Answer(int(status.split()[1]), headers, body)


@asynccontextmanager
async def desk(
    parts: Parts | None = None,
    *,
    stage: Stage | None = None,
    visits: Visits | None = None,
    **options: Any,
) -> AsyncIterator[Desk]:
    """Open one. Its clock is that of the loop, which phones that register take part in."""
    stage = stage or Stage()
    stage.now = asyncio.get_running_loop().time()
    server, kernel = Played(stage), MemoryKernel()
    with tempfile.TemporaryDirectory() as directory:
        given = {
            "socket": str(Path(directory) / "admin.sock"),
            "http": f"127.0.0.1:{free_port()}",
            **options,
        }
        admin = Admin(**given)
        service = AdminService(admin, subject(stage.edge, server, kernel), parts or Parts(), visits)
        try:
            await service.start()
            yield Desk(stage, server, kernel, admin, service)
        finally:
            await service.close()
        assert not _left_in(Path(directory))


def _left_in(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def subject(edge: Edge, server: Played, kernel: MemoryKernel) -> Subject:
    return Subject(edge, server, kernel, "1.2.3", STARTED, (GM, GM6), ("hmac-sha-1-96/aes-cbc",))


def another(stage: Stage) -> Phone:
    """A second phone, of another user."""
    return Phone(stage, host=OTHER_UE, impi=OTHER, impu=f"sip:{OTHER}", call_id="other")
