"""OPTIONS to a next hop on loopback: answered, refused, ignored, or no SIP."""

import asyncio
from random import Random
from typing import Any

import pytest

from pcscf.core.flow import Endpoint, Transport
from pcscf.core.ids import Ids
from pcscf.core.policy import NextHop
from pcscf.net.checks import next_hops
from pcscf.net.checks.finding import Finding, Level
from pcscf.sip.message import Request, parse
from tests.net.support import HOST, free_port, looped

ANSWER = b"SIP/2.0 483 Too Many Hops\r\nContent-Length: 0\r\n\r\n"
IDS = Ids(Random(1).randbytes)


class Hop(asyncio.DatagramProtocol):
    """Answers from the given datagram on."""

    def __init__(self, answer: bytes, from_number: int = 1) -> None:
        self.answer, self.left = answer, from_number - 1
        self.came: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.came.append(data)
        if self.left:
            self.left -= 1
        elif self.answer:
            self.transport.sendto(self.answer, addr)


async def asked_over_udp(hop: Hop) -> Finding:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: hop, (HOST, 0))
    at = Endpoint(*transport.get_extra_info("sockname")[:2])
    try:
        return await next_hops.answers(NextHop(Transport.UDP, at), HOST, IDS)
    finally:
        transport.close()


@looped
async def test_any_answer_is_a_sign_of_life() -> None:
    hop = Hop(ANSWER)
    finding = await asked_over_udp(hop)
    assert finding.level is Level.OK
    assert " answers 483, after " in finding.text
    request = parse(hop.came[0])
    assert isinstance(request, Request)
    assert (request.method, request.get("max-forwards")) == ("OPTIONS", "0")
    assert request.via.host == HOST


@looped
async def test_a_lost_request_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_hops, "_AGAIN", (0.01,))
    hop = Hop(ANSWER, from_number=2)
    assert (await asked_over_udp(hop)).level is Level.OK
    assert hop.came[0] == hop.came[1]


@looped
async def test_silence_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_hops, "_PATIENCE", 0.05)
    finding = await asked_over_udp(Hop(b""))
    assert finding.level is Level.WARNING
    assert "no answer to OPTIONS within 0.05 s" in finding.text


@looped
async def test_an_answer_that_is_no_sip_is_a_warning() -> None:
    finding = await asked_over_udp(Hop(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    assert "no SIP" in finding.text


@pytest.mark.parametrize("transport", list(Transport))
@looped
async def test_a_port_that_nobody_has_is_a_warning(transport: Transport) -> None:
    hop = NextHop(transport, Endpoint(HOST, free_port()))
    finding = await next_hops.answers(hop, "", IDS)
    assert (finding.level, finding.text) == (Level.WARNING, f"{hop}: connection refused")


@looped
async def test_over_tcp() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, HOST, 0)
    at = Endpoint(*server.sockets[0].getsockname()[:2])
    finding = await next_hops.answers(NextHop(Transport.TCP, at), HOST, IDS)
    server.close()
    await asyncio.sleep(0.01)
    assert " answers 483" in finding.text
