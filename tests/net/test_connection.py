"""One TCP connection: framing, keep-alives, time-outs, bounds."""

import asyncio
import gc
import socket
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from pcscf.core.events import Event, SipReceived, SipUnreadable
from pcscf.core.flow import Flow, Side, Transport
from pcscf.net import connection as module
from pcscf.net.connection import Connection, TcpLimits
from pcscf.net.sockets import endpoint
from pcscf.sip.limits import Limits
from tests.net.support import HOST, looped, silence, until

PATIENT = TcpLimits(
    connect_timeout=10, message_timeout=10, idle_timeout=10, send_buffer=1024 * 1024
)


def message(body: bytes = b"") -> bytes:
    return b"MESSAGE sip:a SIP/2.0\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class Bench:
    """A Connection under test with the peer's end, and what its owner was told."""

    def __init__(self, *, has_room: bool = True) -> None:
        self.events: list[Event] = []
        self.emit = self.events.append
        self.told: list[str] = []
        self.has_room = has_room
        self.acts = True
        self.connection: Connection
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    def may_act(self) -> bool:
        return self.acts

    def opened(self, connection: Connection) -> bool:
        self.told.append("opened")
        self.connection = connection
        return self.has_room

    def closed(self, connection: Connection) -> None:
        assert connection is self.connection
        self.told.append("closed")

    def receive(self, data: bytes) -> None:
        self.writer.write(data)

    async def ended(self) -> bytes:
        """Read until we end the connection; a reset is an end too."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b"(reset)"


@asynccontextmanager
async def bench(
    limits: TcpLimits = PATIENT,
    sip: Limits = Limits(),  # noqa: B008 - frozen
    *,
    has_room: bool = True,
    read_limit: int = 65536,
) -> AsyncIterator[Bench]:
    subject = Bench(has_room=has_room)
    listener = await asyncio.get_running_loop().create_server(
        lambda: Connection(subject, Side.CLEAR, sip, limits, accepted=True), HOST, 0
    )
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        subject.reader, subject.writer = await asyncio.open_connection(HOST, port, limit=read_limit)
        await until(lambda: subject.told)
        try:
            yield subject
        finally:
            subject.writer.close()
            if has_room:
                await until(lambda: "closed" in subject.told)


@looped
async def test_messages_come_with_the_four_tuple_however_they_are_cut():
    async with bench() as b:
        stream = message(b"one") + message() + message(b"three")
        for octet in stream:
            b.receive(bytes([octet]))
            await asyncio.sleep(0)
        await until(lambda: len(b.events) == 3)
        local = endpoint(b.writer.get_extra_info("peername"))
        remote = endpoint(b.writer.get_extra_info("sockname"))
        flow = Flow(Transport.TCP, Side.CLEAR, local, remote)
        assert b.events == [
            SipReceived(flow, message(b"one")),
            SipReceived(flow, message()),
            SipReceived(flow, message(b"three")),
        ]


@looped
async def test_a_ping_is_answered_and_is_no_message():
    async with bench() as b:
        b.receive(b"\r\n\r\n" + message())
        assert await b.reader.readexactly(2) == b"\r\n"
        await until(lambda: b.events)
        assert len(b.events) == 1


@looped
async def test_what_is_sent_arrives_whole_and_in_order():
    async with bench() as b:
        assert [b.connection.send(message(b"%d" % n)) for n in range(3)] == ["", "", ""]
        expected = b"".join(message(b"%d" % n) for n in range(3))
        assert await b.reader.readexactly(len(expected)) == expected


@looped
async def test_a_stream_that_cannot_be_followed_is_told_once_and_closed():
    async with bench() as b:
        b.receive(message(b"good") + b"MESSAGE sip:a SIP/2.0\r\nVia: x\r\n\r\n" + message())
        assert await b.ended() in {b"", b"(reset)"}
        await until(lambda: "closed" in b.told)
        good, bad = b.events
        assert isinstance(good, SipReceived)
        assert isinstance(bad, SipUnreadable)
        assert bad.error.status == 400
        assert bad.head.startswith(b"MESSAGE sip:a SIP/2.0\r\nVia: x")


@looped
async def test_the_answer_to_an_unreadable_message_leaves_before_the_close():
    async with bench() as b:
        b.emit = lambda event: b.connection.send(b"SIP/2.0 400 Bad")  # type: ignore[assignment]
        b.receive(b"MESSAGE sip:a SIP/2.0\r\n\r\n")
        assert await b.ended() == b"SIP/2.0 400 Bad"


@looped
async def test_a_message_over_the_limit_is_refused_before_it_is_stored():
    async with bench(sip=Limits(max_message=200, max_body=100)) as b:
        b.receive(b"MESSAGE sip:a SIP/2.0\r\nContent-Length: 101\r\n\r\n")
        await until(lambda: b.events)
        (event,) = b.events
        assert isinstance(event, SipUnreadable)
        assert event.error.status == 413


@looped
async def test_a_slow_sender_is_cut_off_even_if_it_never_pauses():
    async with bench(replace(PATIENT, message_timeout=0.1)) as b:
        sent = 0
        while "closed" not in b.told:
            b.receive(b"MESSAGE sip:a SIP/2.0\r\nX: " if not sent else b"x")
            sent += 1
            await asyncio.sleep(0.01)
        assert b.events == []
        assert sent > 1


@looped
async def test_each_message_has_its_own_time():
    async with bench(replace(PATIENT, message_timeout=0.5)) as b:
        half = len(message()) // 2
        b.receive(message()[:half])
        for _ in range(7):
            await silence(0.1)
            b.receive(message()[half:] + message()[:half])
        await until(lambda: len(b.events) == 7)
        assert "closed" not in b.told


@looped
@pytest.mark.parametrize("between", [b"", b"\r\n"])
async def test_between_messages_no_message_time_runs(between):
    async with bench(replace(PATIENT, message_timeout=0.05)) as b:
        b.receive(message() + between)
        await silence(0.15)
        assert "closed" not in b.told
        b.receive(message())
        await until(lambda: len(b.events) == 2)


@looped
async def test_an_idle_connection_is_reset():
    async with bench(replace(PATIENT, idle_timeout=0.05)) as b:
        assert await b.ended() == b"(reset)"
        await until(lambda: "closed" in b.told)


@looped
async def test_a_connection_in_use_is_not_idle():
    async with bench(replace(PATIENT, idle_timeout=0.4)) as b:
        for _ in range(10):
            await silence(0.05)
            b.receive(b"\r\n\r\n")
        assert "closed" not in b.told
        await until(lambda: "closed" in b.told)


@looped
async def test_a_slow_reader_fills_its_buffer_and_no_more():
    async with bench(replace(PATIENT, send_buffer=100_000), read_limit=1) as b:
        reasons: list[str] = []
        while not reasons or not reasons[-1]:
            reasons.append(b.connection.send(b"x" * 50_000))
            await asyncio.sleep(0)
        assert reasons[-1] == "send buffer is full"
        sent = len(reasons) - 1
        assert b.connection.send(b"x" * 50_000) == "send buffer is full"
        assert len(await b.reader.readexactly(sent * 50_000)) == sent * 50_000
        await until(lambda: b.connection.send(b"y") == "")


@looped
async def test_close_lets_out_what_was_sent_and_takes_no_more():
    async with bench() as b:
        b.connection.send(b"x" * 500_000)
        b.connection.close()
        assert b.connection.send(b"y") == "connection is closing"
        assert await b.ended() == b"x" * 500_000


@looped
async def test_close_does_not_wait_for_a_peer_that_does_not_read():
    limits = replace(PATIENT, message_timeout=0.05, send_buffer=64 * 1024 * 1024)
    async with bench(limits, read_limit=1) as b:
        b.connection.send(b"x" * 32 * 1024 * 1024)
        b.connection.close()
        b.connection.close()
        await until(lambda: "closed" in b.told)


@looped
async def test_a_peer_that_ended_gets_the_rest_but_not_for_ever():
    limits = replace(PATIENT, message_timeout=0.2, send_buffer=64 * 1024 * 1024)
    async with bench(limits) as b:
        b.connection.send(b"x" * 500_000)
        b.writer.write_eof()
        assert await b.ended() == b"x" * 500_000
    async with bench(limits, read_limit=1) as b:
        b.connection.send(b"x" * 32 * 1024 * 1024)
        b.writer.write_eof()
        await until(lambda: b.connection.is_closing)
        assert b.connection.send(b"y") == "connection is closing"
        await until(lambda: "closed" in b.told)


@looped
async def test_a_connection_without_room_is_dropped_unread():
    async with bench(has_room=False) as b:
        b.receive(message())
        assert await b.ended() == b"(reset)"
        assert (b.events, b.told) == ([], ["opened"])


@looped
async def test_the_peers_end_is_told_once():
    async with bench() as b:
        b.writer.close()
        await until(lambda: "closed" in b.told)
        assert b.told == ["opened", "closed"]
        b.connection.close()  # whoever still holds it may
        assert b.connection.send(b"x") == "connection is closing"


@looped
@pytest.mark.parametrize("data", [message(), message()[:9], b"x" * 40_000])
async def test_a_closed_connection_is_freed_without_the_collector(data):
    gc.disable()
    try:
        async with bench() as b:
            kept = [weakref.ref(one) for one in (b.connection, b.connection._transport)]
            b.receive(data)
            b.writer.close()
            await until(lambda: "closed" in b.told)
            del b.connection
            b.events.clear()  # an error knows where it was raised
            await until(lambda: not any(one() for one in kept))
    finally:
        gc.enable()


@looped
async def test_reset_forgets_what_is_unsent():
    async with bench(read_limit=1) as b:
        b.connection.send(b"x" * 1_000_000)
        sock = b.connection._transport.get_extra_info("socket")
        b.connection.reset()
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)[:4] == b"\1\0\0\0"
        await until(lambda: "closed" in b.told)


@looped
async def test_who_may_not_act_answers_no_ping():
    async with bench() as b:
        b.receive(b"\r\n\r\n")
        assert await b.reader.readexactly(2) == b"\r\n"
        b.acts = False
        b.receive(b"\r\n\r\n" + message())
        await until(lambda: b.events)
        b.acts = True
        b.receive(b"\r\n\r\n")
        assert await b.reader.readexactly(2) == b"\r\n"
        await silence()
        b.connection.close()
        assert await b.reader.read() == b""


@pytest.mark.parametrize("end", ["close", "reset"])
@looped
async def test_who_may_not_act_goes_without_a_word(end, monkeypatch):
    """Which takes a right: tests/netns/test_takeover.py has it in the kernel."""
    silenced: list[socket.socket] = []
    monkeypatch.setattr(module, "vanish_on_close", silenced.append)
    async with bench() as b:
        b.receive(message())
        await until(lambda: b.events)
        b.acts = False
        getattr(b.connection, end)()
        assert len(silenced) == 1
        await until(lambda: b.told[-1] == "closed")
