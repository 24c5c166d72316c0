"""The live trace as a stream of lines."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from pcscf.admin import streams
from pcscf.admin.parts import Parts
from pcscf.admin.visits import Visits
from tests.admin.desk import Desk, desk
from tests.net.support import looped, silence, until


class Lines:
    """A mirror: what a test says goes to each reader."""

    def __init__(self) -> None:
        self.readers: dict[asyncio.Queue[bytes], str | None] = {}

    @contextmanager
    def opened(self, who: str | None) -> Iterator[AsyncIterator[bytes]]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self.readers[queue] = who
        try:
            yield _of(queue)
        finally:
            del self.readers[queue]

    def say(self, line: bytes) -> None:
        for queue in self.readers:
            queue.put_nowait(line)


async def _of(queue: asyncio.Queue[bytes]) -> AsyncIterator[bytes]:
    while line := await queue.get():
        yield line


class Reader:
    """Reads one trace."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def of(cls, d: Desk, path: str) -> "Reader":
        found = cls(*await asyncio.open_unix_connection(d.options.socket))
        found.writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        return found

    async def head(self) -> str:
        return (await self.reader.readuntil(b"\r\n\r\n")).decode()

    async def chunk(self) -> bytes:
        size = int(await self.reader.readline(), 16)
        data = await self.reader.readexactly(size)
        assert await self.reader.readline() == b"\r\n"
        return data


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("/api/trace", None),
        ("/api/trace/sip%3Aa%40b", "sip:a@b"),
        ("/api/trace/192.0.2.1", "192.0.2.1"),
    ],
)
@looped
async def test_each_line_is_sent_when_it_comes_and_the_mirror_is_left_at_the_end(path, who):
    mirror = Lines()
    async with desk(Parts(traces=mirror)) as d:
        reader = await Reader.of(d, path)
        head = await reader.head()
        assert head.startswith("HTTP/1.1 200 ")
        assert "Content-Type: application/x-ndjson" in head
        assert list(mirror.readers.values()) == [who]
        for line in (b'{"type":"message"}\n', b"\n"):
            mirror.say(line)
            assert await reader.chunk() == line
        reader.writer.close()
        await until(lambda: not mirror.readers)


@looped
async def test_a_trace_may_take_longer_than_a_request():
    mirror = Lines()
    async with desk(Parts(traces=mirror), visits=Visits(seconds=0.05)) as d:
        reader = await Reader.of(d, "/api/trace")
        await reader.head()
        await silence(0.1)
        mirror.say(b"still\n")
        assert await reader.chunk() == b"still\n"
        reader.writer.close()


@looped
async def test_there_is_a_number_of_readers(monkeypatch):
    monkeypatch.setattr(streams, "MOST", 2)
    mirror = Lines()
    async with desk(Parts(traces=mirror)) as d:
        readers = [await Reader.of(d, "/api/trace") for _ in range(2)]
        for reader in readers:
            await reader.head()
        answer = await d.get("/api/trace")
        assert (answer.status, answer.error) == (503, "2 traces are being read already")
        readers[0].writer.close()
        await until(lambda: len(mirror.readers) == 1)
        third = await Reader.of(d, "/api/trace")
        assert (await third.head()).startswith("HTTP/1.1 200 ")
        for reader in (readers[1], third):
            reader.writer.close()


@looped
async def test_who_reads_nothing_is_sent_away(monkeypatch):
    monkeypatch.setattr(streams, "_PATIENCE", 0.05)
    mirror = Lines()
    async with desk(Parts(traces=mirror)) as d:
        reader = await Reader.of(d, "/api/trace")
        await until(lambda: mirror.readers)
        for _ in range(20):
            mirror.say(b"x" * 100_000 + b"\n")
        await until(lambda: not mirror.readers)
        reader.writer.close()


@looped
async def test_closing_ends_them_all_at_once():
    mirror = Lines()
    loop = asyncio.get_running_loop()
    async with desk(Parts(traces=mirror)) as d:
        reader = await Reader.of(d, "/api/trace")
        await reader.head()
        began = loop.time()
        await d.service.close()
        assert loop.time() - began < 0.5
        assert not mirror.readers
        reader.writer.close()


@looped
async def test_a_name_has_a_length():
    async with desk(Parts(traces=Lines())) as d:
        answer = await d.get(f"/api/trace/{'x' * 256}")
        assert (answer.status, answer.error) == (400, "a name is 255 characters at most")
