"""What a client may take: connections, and time."""

import asyncio
from typing import Self

import pytest

from pcscf.admin.visits import Visits
from tests.admin.desk import desk
from tests.net.support import HOST, free_port, looped, until


class Inner(asyncio.Protocol):
    """The protocol of an HTTP server that never answers, and keeps a diary."""

    def __init__(self, diary: list[str]) -> None:
        self._diary = diary

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._diary.append("made")

    def connection_lost(self, error: Exception | None) -> None:
        self._diary.append("lost")

    def data_received(self, data: bytes) -> None:
        self._diary.append(data.decode())

    def eof_received(self) -> None:
        self._diary.append("eof")


class Open:
    """A listening socket behind a door."""

    def __init__(self, **options: float) -> None:
        self.visits = Visits(**options)  # type: ignore[arg-type]
        self.diary: list[str] = []
        self.at = (HOST, free_port())

    async def __aenter__(self) -> Self:
        door = self.visits.door(lambda: Inner(self.diary))
        self._server = await asyncio.get_running_loop().create_server(door, *self.at)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()


async def is_ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


@looped
async def test_all_that_happens_is_handed_on():
    async with Open() as door:
        reader, writer = await asyncio.open_connection(*door.at)
        writer.write(b"GET")
        await until(lambda: "GET" in door.diary)
        writer.write_eof()
        assert await is_ended(reader)
        assert door.diary == ["made", "GET", "eof", "lost"]
        writer.close()


@looped
async def test_one_too_many_is_sent_away_and_those_inside_stay():
    async with Open(most=2) as door:
        inside = [await asyncio.open_connection(*door.at) for _ in range(2)]
        await until(lambda: door.diary == ["made", "made"])
        reader, writer = await asyncio.open_connection(*door.at)
        assert await is_ended(reader)
        writer.close()
        assert door.diary == ["made", "made"]
        inside[0][1].close()
        await until(lambda: "lost" in door.diary)
        inside.append(await asyncio.open_connection(*door.at))
        await until(lambda: door.diary.count("made") == 3)
        for _, writer in inside:
            writer.close()
        await until(lambda: door.diary.count("lost") == 3)


@looped
async def test_each_socket_has_a_count_of_its_own():
    async with Open(most=1) as door:
        other = door.visits.door(lambda: Inner(door.diary))
        server = await asyncio.get_running_loop().create_server(other, HOST, port := free_port())
        writers = [(await asyncio.open_connection(*at))[1] for at in (door.at, (HOST, port))]
        for writer in writers:
            writer.write(b"x")
        await until(lambda: door.diary.count("x") == 2)
        for writer in writers:
            writer.close()
        await until(lambda: door.diary.count("lost") == 2)
        server.close()


@pytest.mark.parametrize(
    "said", [b"", b"GET /livez HT", b"POST /api/drain HTTP/1.1\r\nHost: a\r\n"]
)
@looped
async def test_who_is_slow_is_sent_away(said):
    async with desk(visits=Visits(seconds=0.05)) as d:
        reader, writer = await asyncio.open_unix_connection(d.options.socket)
        writer.write(said)
        assert await is_ended(reader)
        writer.close()
        assert (await d.get("/livez")).status == 200


@looped
async def test_a_body_that_does_not_come_is_not_waited_for():
    async with desk(visits=Visits(seconds=0.05)) as d:
        reader, writer = await asyncio.open_unix_connection(d.options.socket)
        writer.write(b"POST /api/drain HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n{")
        assert await is_ended(reader)
        writer.close()
        assert d.server.events == []


@looped
async def test_who_may_stay_stays():
    async with Open(seconds=0.05) as door:
        for_ever = asyncio.create_task(asyncio.sleep(0.2))
        _, writer = await asyncio.open_connection(*door.at)
        await until(lambda: door.diary)
        (transport,) = door.visits._present
        door.visits.let_stay(transport)
        door.visits.let_stay(asyncio.Transport())  # one that has left is no error
        await for_ever
        assert door.diary == ["made"]
        writer.close()
        await until(lambda: not door.visits._present)
