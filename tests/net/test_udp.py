"""One UDP socket: bursts, keep-alives, sizes, and what cannot be sent."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import pytest

from pcscf.core.effects import SendSip
from pcscf.core.events import Event, SendFailed, SipReceived, SipUnreadable
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.net import datagrams
from pcscf.net.sockets import bound
from pcscf.net.udp import UdpSocket
from tests.net.support import HOST, looped, silence, udp_peer, until


class Bench:
    """A UdpSocket under test, a peer, and the events that came."""

    def __init__(self, host: str = HOST, max_message: int = 65535, send_buffer: int = 4000) -> None:
        self.events: list[Event] = []
        self.raw = bound(Transport.UDP, Endpoint(host, 0))
        self.peer, self.remote = udp_peer(host)
        self.may_act = True
        self.udp = UdpSocket(
            self.raw,
            Side.CLEAR,
            self.events.extend,
            max_message,
            send_buffer,
            may_act=lambda: self.may_act,
        )
        self.udp.start()

    @property
    def flow(self) -> Flow:
        return Flow(Transport.UDP, Side.CLEAR, self.udp.local, self.remote)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.udp.close()
        self.peer.close()

    def receive(self, data: bytes) -> None:
        self.peer.sendto(data, self.udp.local)


@looped
@pytest.mark.parametrize("host", [HOST, "::1"])
async def test_a_datagram_is_a_message_with_its_flow(host):
    with Bench(host) as bench:
        bench.receive(b"REGISTER")
        await until(lambda: bench.events)
        assert bench.events == [SipReceived(bench.flow, b"REGISTER")]


@looped
async def test_a_burst_is_drained_in_order_and_leaves_room_for_others():
    with Bench() as bench:
        texts = [b"%05d" % number for number in range(3 * datagrams.MOST)]
        for text in texts:
            bench.receive(text)
        counts = []
        while len(bench.events) < len(texts):
            await asyncio.sleep(0)
            counts.append(len(bench.events))
        assert [event.data for event in bench.events if isinstance(event, SipReceived)] == texts
        steps = [after - before for before, after in zip([0, *counts], counts, strict=False)]
        assert max(steps) == datagrams.MOST


@looped
@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\0"])
async def test_keep_alives_are_no_messages(data):
    with Bench() as bench:
        bench.receive(data)
        bench.receive(b"MESSAGE")
        await until(lambda: bench.events)
        assert bench.events == [SipReceived(bench.flow, b"MESSAGE")]


@looped
async def test_the_longest_message_passes_and_a_longer_one_does_not():
    with Bench(max_message=100) as bench:
        bench.receive(b"x" * 100)
        bench.receive(b"y" * 101)
        bench.receive(b"z" * 2000)
        await until(lambda: len(bench.events) == 3)
        whole, *cut = bench.events
        assert whole == SipReceived(bench.flow, b"x" * 100)
        for event, text in zip(cut, (b"y", b"z"), strict=True):
            assert isinstance(event, SipUnreadable)
            assert (event.flow, event.head) == (bench.flow, text * 101)
            assert event.error.status == 513


@looped
async def test_a_datagram_of_the_largest_size_passes():
    with Bench() as bench:
        bench.receive(b"x" * 65507)
        await until(lambda: bench.events)
        assert bench.events == [SipReceived(bench.flow, b"x" * 65507)]


@looped
async def test_what_is_sent_arrives_from_our_port():
    with Bench() as bench:
        bench.udp.send([SendSip(bench.flow, b"200 OK", "ref")])
        assert bench.peer.recvfrom(100) == (b"200 OK", bench.udp.local)
        assert bench.events == []


@looped
async def test_what_cannot_be_sent_comes_back():
    with Bench() as bench:
        bench.udp.send([SendSip(bench.flow, b"x" * 70_000, "ref")])
        bench.udp.send([SendSip(bench.flow, b"x" * 70_000)])
        assert bench.events == [SendFailed(bench.flow, "ref", "Message too long")]


@contextmanager
def one_by_one() -> Iterator[None]:
    """Without system calls in bulk, which look at no method of a socket."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datagrams, "IN_BULK", False)
        yield


class Reluctant:
    """A socket that takes nothing until it is told to."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.is_full = True

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)

    def sendto(self, data: bytes, address: tuple[str, int]) -> int:
        if self.is_full:
            raise BlockingIOError
        return self._sock.sendto(data, address)


def reluctant(test: Callable[[Bench, Reluctant], Awaitable[None]]) -> Callable[[], None]:
    @looped
    async def wrapper() -> None:
        with Bench(send_buffer=100) as bench, one_by_one():
            full: Any = Reluctant(bench.raw)  # it plays a socket
            bench.udp._sock = full
            await test(bench, full)

    return wrapper


@reluctant
async def test_a_full_socket_queues_and_sends_in_order_later(bench, full):
    for text in (b"1", b"2"):
        bench.udp.send([SendSip(bench.flow, text, "ref")])
    await silence()
    full.is_full = False
    bench.udp.send([SendSip(bench.flow, b"3", "ref")])
    await until(lambda: not bench.udp._queue)
    assert [bench.peer.recv(10) for _ in range(3)] == [b"1", b"2", b"3"]
    assert not asyncio.get_running_loop().remove_writer(bench.raw), "still woken for nothing"
    assert bench.events == []


@reluctant
async def test_what_waits_is_lost_if_it_may_not_be_sent_any_more(bench, full):
    bench.udp.send([SendSip(bench.flow, b"1", "ref")])
    bench.may_act = False
    full.is_full = False
    await until(lambda: not bench.udp._queue)
    bench.may_act = True
    bench.udp.send([SendSip(bench.flow, b"2", "ref")])
    assert bench.peer.recv(10) == b"2"
    assert bench.events == []


@reluctant
async def test_the_queue_is_bounded_and_has_room_again_once_sent(bench, full):
    for number in range(4):
        bench.udp.send([SendSip(bench.flow, b"x" * 40, f"ref{number}")])
    refused = [SendFailed(bench.flow, f"ref{n}", "send buffer is full") for n in (2, 3)]
    assert bench.events == refused
    full.is_full = False
    await until(lambda: not bench.udp._queue)
    full.is_full = True
    bench.udp.send([SendSip(bench.flow, b"x" * 100, "ref4")])
    assert bench.events == refused


@looped
async def test_an_error_on_receiving_is_counted_and_survived():
    with Bench() as bench, one_by_one():

        class Refused(Reluctant):
            def recvfrom(self, size: int) -> tuple[bytes, Endpoint]:
                bench.udp._sock = bench.raw
                raise ConnectionRefusedError

        refused: Any = Refused(bench.raw)  # it plays a socket
        bench.udp._sock = refused
        bench.receive(b"MESSAGE")
        await until(lambda: bench.events)
        assert bench.udp.receive_errors == 1
        assert bench.events == [SipReceived(bench.flow, b"MESSAGE")]


@looped
async def test_a_closed_socket_is_gone_from_the_loop():
    bench = Bench()
    with bench:
        pass
    with bound(Transport.UDP, bench.udp.local):
        await silence()
    assert bench.events == []


@looped
async def test_other_sizes_hold_from_the_next_datagram_on():
    with Bench() as bench:
        bench.udp.change(max_message=10, send_buffer=4000)
        bench.receive(b"REGISTER sip:a SIP/2.0")
        await until(lambda: bench.events)
        (event,) = bench.events
        assert isinstance(event, SipUnreadable)
