"""A DNS server of the tests on loopback, UDP and TCP; dnspython builds its answers."""

import asyncio
import struct
from collections import Counter
from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from pcscf.core.flow import Endpoint
from tests.net.support import HOST

Answer = Callable[[dns.message.Message], dns.message.Message | bytes | None]


def with_records(*lines: str) -> Answer:
    """Answer with records written as in a zone file: "name TTL IN TYPE data"."""

    def answer(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        for line in lines:
            name, ttl, _, kind, data = line.split(" ", 4)
            response.answer.append(dns.rrset.from_text(name, int(ttl), "IN", kind, data))
        return response

    return answer


def with_code(code: dns.rcode.Rcode) -> Answer:
    """Answer with a response code and nothing else."""

    def answer(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.set_rcode(code)
        return response

    return answer


class NameServer(asyncio.DatagramProtocol):
    """Answers every query with ``answer``; over UDP truncated where ``truncates``."""

    def __init__(self, answer: Answer, *, truncates: bool = False) -> None:
        self.queries: Counter[str] = Counter()  # by transport
        self.open = self.most_open = 0  # UDP queries that are not answered yet
        self.delay = 0.0
        self._answer = answer
        self._truncates = truncates
        self._transport: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> Endpoint:
        """Listen on a port of both kinds."""
        loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        port = self._server.sockets[0].getsockname()[1]
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(HOST, port)
        )
        return Endpoint(HOST, port)

    def close(self) -> None:
        """Stop listening."""
        if self._transport:
            self._transport.close()
        if self._server:
            self._server.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer over UDP."""
        self.queries["UDP"] += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        asyncio.get_running_loop().call_later(self.delay, self._reply, data, addr)

    def _reply(self, data: bytes, addr: tuple[str, int]) -> None:
        self.open -= 1
        reply = self._made(data)
        if reply is None or self._transport is None:
            return
        if self._truncates:
            short = dns.message.make_response(dns.message.from_wire(data))
            short.flags |= dns.flags.TC
            reply = short.to_wire()
        self._transport.sendto(reply, addr)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.queries["TCP"] += 1
        (size,) = struct.unpack("!H", await reader.readexactly(2))
        reply = self._made(await reader.readexactly(size)) or b""
        writer.write(struct.pack("!H", len(reply)) + reply)
        await writer.drain()
        writer.close()

    def _made(self, data: bytes) -> bytes | None:
        answer = self._answer(dns.message.from_wire(data))
        return answer.to_wire() if isinstance(answer, dns.message.Message) else answer
