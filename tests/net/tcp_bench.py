"""A table of TCP connections on loopback, with peers that a test plays."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pcscf.core.events import Event
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.net.connection import TcpLimits
from pcscf.net.sockets import bound, endpoint, reset_on_close
from pcscf.net.tcp import TcpTable
from pcscf.sip.limits import DEFAULT
from tests.net.support import HOST, silence

PATIENT = TcpLimits(connect_timeout=10, message_timeout=10, idle_timeout=10, send_buffer=100_000)
MESSAGE = b"MESSAGE sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"


class Peer:
    """A server of ours to connect to; it keeps what came, by remote endpoint."""

    def __init__(self) -> None:
        self.local: Endpoint
        self.came: dict[Endpoint, bytes] = {}
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        remote = endpoint(writer.get_extra_info("peername"))
        self.came[remote] = b""
        self.writers.append(writer)
        try:
            while data := await reader.read(65536):
                self.came[remote] += data
        except ConnectionResetError:
            pass
        finally:
            writer.close()

    @property
    def text(self) -> bytes:
        return b"".join(self.came.values())


@asynccontextmanager
async def peer() -> AsyncIterator[Peer]:
    subject = Peer()
    server = await asyncio.start_server(subject.serve, HOST, 0)
    subject.local = endpoint(server.sockets[0].getsockname())
    try:
        yield subject
    finally:
        server.close()
        for writer in subject.writers:
            writer.close()
        await silence(0.01)


@asynccontextmanager
async def table(
    limits: TcpLimits = PATIENT, total: int = 100, per_source: int = 100, **keys: Any
) -> AsyncIterator[tuple[TcpTable, list[Event]]]:
    events: list[Event] = []
    subject = TcpTable(
        events.append,
        DEFAULT,
        limits,
        max_connections=total,
        max_per_source=per_source,
        **keys,
    )
    try:
        yield subject, events
    finally:
        await subject.close()


async def listening(subject: TcpTable, side: Side = Side.CLEAR) -> Endpoint:
    sock = bound(Transport.TCP, Endpoint(HOST, 0))
    await subject.listen(sock, side)
    return endpoint(sock.getsockname())


def flow_to(remote: Endpoint, side: Side = Side.PROTECTED, port: int = 0) -> Flow:
    return Flow(Transport.TCP, side, Endpoint(HOST, port), remote)


def reset(sock: socket.socket) -> None:
    """End a connection with RST."""
    reset_on_close(sock)
    sock.close()


def of_type(events: list[Event], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def unanswered() -> tuple[socket.socket, list[socket.socket]]:
    """A listener whose queue is full: the kernel drops further SYNs."""
    listener = socket.create_server((HOST, 0), backlog=0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    return listener, fillers


async def is_reset(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() != b""
    except ConnectionResetError:
        return True
