"""Packets to a collector on loopback: that is there, that comes later, that goes, that is slow."""

import asyncio
import socket

import pytest

from pcscf.core.flow import Endpoint, Transport
from pcscf.mirror import carriers
from pcscf.mirror.carriers import CARRIERS, TcpCarrier, UdpCarrier
from tests.net.support import HOST, free_port, looped, udp_peer, until

PAUSE = 0.01


@looped
async def test_a_datagram_arrives_whole() -> None:
    peer, to = udp_peer()
    carrier = UdpCarrier(to)
    assert carrier.send(b"early") == "not connected yet"
    await until(lambda: not carrier.send(b"x" * 60_000))
    assert await asyncio.to_thread(peer.recv, 65_535) == b"x" * 60_000
    await carrier.close()
    assert carrier.send(b"late")
    peer.close()


@looped
async def test_one_that_is_too_large_for_udp_is_lost_alone() -> None:
    peer, to = udp_peer("::1")
    carrier = UdpCarrier(to)
    await until(lambda: not carrier.send(b"first"))
    assert carrier.send(b"x" * 65_535) == "Message too long"
    assert carrier.send(b"next") == ""
    assert [peer.recv(99), peer.recv(99)] == [b"first", b"next"]
    await carrier.close()
    peer.close()


@looped
async def test_where_nobody_listens_packets_are_lost_until_somebody_does() -> None:
    to = Endpoint(HOST, free_port(socket.SOCK_DGRAM))
    carrier = UdpCarrier(to)
    await until(lambda: carrier.send(b"x") == "Connection refused")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(to)
        await until(lambda: not carrier.send(b"heard"))
        assert await asyncio.to_thread(peer.recv, 99) == b"heard"
    await carrier.close()


@looped
async def test_a_name_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carriers, "_RENEWED", PAUSE)
    (old, before), (new, after) = udp_peer(), udp_peer()
    answers = [before, after]

    async def found(*asked: object, **more: object) -> list[tuple[object, ...]]:
        to = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_DGRAM, 0, "", to)]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)
    carrier = UdpCarrier(Endpoint("homer.example", 9060), pause=PAUSE)
    await until(lambda: not carrier.send(b"one"))
    assert old.recv(99) == b"one"
    new.setblocking(False)

    def arrives() -> bool:
        carrier.send(b"two")
        try:
            return new.recv(99) == b"two"
        except BlockingIOError:
            return False

    await until(arrives)
    await carrier.close()
    old.close()
    new.close()


@looped
async def test_a_connection_carries_packets_in_a_row_and_comes_back() -> None:
    received: list[bytes] = []
    clients: list[asyncio.StreamWriter] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clients.append(writer)
        while data := await reader.read(99):
            received.append(data)
        writer.close()

    server = await asyncio.start_server(take, HOST, 0)
    carrier = TcpCarrier(Endpoint(*server.sockets[0].getsockname()), pause=PAUSE)
    await until(lambda: not carrier.send(b"one"))
    carrier.send(b"two")
    await until(lambda: b"".join(received) == b"onetwo")
    clients[0].transport.abort()
    await until(lambda: carrier.send(b"") == "connection lost")
    await until(lambda: not carrier.send(b"three"))
    await until(lambda: b"".join(received) == b"onetwothree")
    await carrier.close()
    assert carrier.send(b"late") == "connection lost"
    server.close()
    await until(lambda: all(one.is_closing() for one in clients))


@looped
async def test_a_collector_that_does_not_read_loses_what_is_too_much() -> None:
    with socket.create_server((HOST, 0)) as listener:
        carrier = TcpCarrier(Endpoint(*listener.getsockname()))
        await until(lambda: not carrier.send(b"x"))
        await until(lambda: carrier.send(b"x" * 65_000) == "send buffer is full")
        await carrier.close()


@pytest.mark.parametrize("transport", list(Transport))
@looped
async def test_what_is_wrong_is_said_as_the_reason(transport: Transport) -> None:
    carrier = CARRIERS[transport](Endpoint("no.such.name.invalid", 9060), pause=PAUSE)
    await until(lambda: carrier.send(b"x") != "not connected yet")
    assert "ame" in carrier.send(b"x")  # the resolver's words: name resolution, Name or service
    await carrier.close()


@looped
async def test_a_connection_that_is_refused_is_tried_again() -> None:
    port = free_port()
    carrier = TcpCarrier(Endpoint(HOST, port), pause=PAUSE)
    await until(lambda: "onnect" in carrier.send(b"x") and "yet" not in carrier.send(b"x"))
    with socket.create_server((HOST, port)):
        await until(lambda: not carrier.send(b"x"))
        await carrier.close()
