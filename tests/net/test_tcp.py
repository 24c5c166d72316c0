"""The table of connections: accepting, opening on demand, finding by flow, failing."""

import asyncio
import os
import resource
import select
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from pcscf.core.effects import SendSip
from pcscf.core.events import Event, FlowClosed, SendFailed, SipReceived, SipUnreadable
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.net.connection import TcpLimits
from pcscf.net.handover import Handover
from pcscf.net.sockets import bound, endpoint, reset_on_close
from pcscf.net.tcp import TcpTable
from pcscf.sip.limits import DEFAULT
from tests.net.support import HOST, PATIENCE, free_port, looped, silence, until

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


@looped
@pytest.mark.parametrize("side", list(Side))
async def test_an_accepted_connection_carries_both_ways_under_its_flow(side):
    async with table() as (subject, events):
        local = await listening(subject, side)
        reader, writer = await asyncio.open_connection(*local)
        writer.write(MESSAGE)
        await until(lambda: events)
        flow = Flow(Transport.TCP, side, local, endpoint(writer.get_extra_info("sockname")))
        assert events == [SipReceived(flow, MESSAGE)]
        subject.send(SendSip(flow, b"200", "ref"))
        assert await reader.readexactly(3) == b"200"
        writer.close()
        await until(lambda: FlowClosed(flow) in events)
        subject.send(SendSip(flow, b"200", "ref"))
        assert events[-1] == SendFailed(flow, "ref", "no connection")


@looped
async def test_no_connection_is_opened_unless_asked_for():
    async with table() as (subject, events), peer() as phone:
        flow = flow_to(phone.local)
        subject.send(SendSip(flow, b"1", "ref"))
        subject.send(SendSip(flow, b"2"))
        assert events == [SendFailed(flow, "ref", "no connection")]


@looped
async def test_a_connection_opens_from_its_port_and_sends_in_order():
    async with table() as (subject, events), peer() as phone:
        flow = flow_to(phone.local, port=free_port())
        for text in (b"1", b"2", b"3"):
            subject.send(SendSip(flow, text, "ref", connect=True))
        await until(lambda: phone.text == b"123")
        subject.send(SendSip(flow, b"4", "ref"))
        await until(lambda: phone.came == {flow.local: b"1234"})
        assert events == []


@looped
async def test_one_port_of_ours_reaches_many_phones():
    async with table() as (subject, events), peer() as one, peer() as other:
        port = free_port()
        for phone in (one, other):
            subject.send(SendSip(flow_to(phone.local, port=port), b"x", "ref", connect=True))
        await until(lambda: one.text and other.text)
        assert [*one.came, *other.came] == [Endpoint(HOST, port)] * 2
        assert events == []


@looped
async def test_a_port_with_a_listener_connects_too_where_it_is_shared():
    block = range(free_port(), 65536)
    async with table(shared_ports=block) as (subject, events), peer() as phone:
        local = Endpoint(HOST, block[0])
        await subject.listen(bound(Transport.TCP, local, shared=True), Side.PROTECTED)
        subject.send(SendSip(flow_to(phone.local, port=local.port), b"x", "ref", connect=True))
        await until(lambda: phone.came == {local: b"x"})
        _, writer = await asyncio.open_connection(*local)
        writer.write(MESSAGE)
        await until(lambda: of_type(events, SipReceived))
        writer.close()


@looped
async def test_one_connection_to_the_core_serves_all_and_answers_come_back_on_it():
    async with table() as (subject, events), peer() as core:
        for text in (b"1", b"2"):
            subject.send(SendSip(flow_to(core.local, Side.CORE), text, "ref", connect=True))
        await until(lambda: core.text == b"12")
        # the core names our own port in the flow of a request it did not come from
        subject.send(SendSip(flow_to(core.local, Side.CORE, 5080), b"3", "ref", connect=True))
        await until(lambda: core.text == b"123")
        (local,) = core.came
        core.writers[0].write(MESSAGE)
        await until(lambda: events)
        flow = Flow(Transport.TCP, Side.CORE, local, core.local)
        assert events == [SipReceived(flow, MESSAGE)]
        subject.close_flow(flow)
        await until(lambda: FlowClosed(flow) in events)


@looped
async def test_of_two_connections_with_one_core_port_the_later_one_is_used():
    async with table() as (subject, events):
        with bound(Transport.TCP, Endpoint(HOST, 0), shared=True) as core:
            core.listen()
            remote = endpoint(core.getsockname())
            subject.send(SendSip(flow_to(remote, Side.CORE), b"1", connect=True))
            await until(lambda: len(subject._connections) == 1)
            first, _ = core.accept()
            second = bound(Transport.TCP, remote, shared=True)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(second, await listening(subject, Side.CORE))
            await until(lambda: len(subject._connections) == 2)
        with second:
            first.close()
            await until(lambda: of_type(events, FlowClosed))
            subject.send(SendSip(flow_to(remote, Side.CORE), b"2", "ref"))
            assert await loop.sock_recv(second, 10) == b"2"


@looped
async def test_a_connection_closed_at_once_leaves_its_ports():
    async with table() as (subject, events), peer() as phone:
        with bound(Transport.TCP, Endpoint(HOST, 0)) as free:
            port = endpoint(free.getsockname()).port
        flow = flow_to(phone.local, port=port)
        for text in (b"1", b"2"):
            subject.send(SendSip(flow, text, "ref", connect=True))
            await until(lambda: text in phone.came.values())  # noqa: B023 - used at once
            subject.close_flow(flow, at_once=True)
            await until(lambda: events == [FlowClosed(flow)])
            events.clear()


@looped
async def test_a_connection_that_is_closing_is_replaced():
    async with table() as (subject, events), peer() as core:
        flow = flow_to(core.local, Side.CORE)
        subject.send(SendSip(flow, b"1", "ref", connect=True))
        await until(lambda: core.text == b"1")
        subject.close_flow(flow)
        subject.send(SendSip(flow, b"2", "ref", connect=True))
        await until(lambda: sorted(core.came.values()) == [b"1", b"2"])
        assert not of_type(events, SendFailed)


@looped
@pytest.mark.parametrize("end", [socket.socket.close, reset])
async def test_what_was_written_to_a_dying_connection_is_told_by_its_end(end):
    async with table() as (subject, events), peer() as phone:
        client = socket.create_connection(await listening(subject, Side.PROTECTED))
        client.sendall(MESSAGE)
        await until(lambda: events)
        (flow,) = [event.flow for event in of_type(events, SipReceived)]
        end(client)  # this loop has not turned: the end is there, and nobody has seen it
        subject.send(SendSip(flow, b"lost", "ref"))
        await until(lambda: len(events) > 1)
        assert events[1:] == [FlowClosed(flow)]
        subject.send(SendSip(flow_to(phone.local), b"again", "ref", connect=True))
        await until(lambda: phone.text == b"again")


@looped
async def test_on_a_connection_that_is_closing_nothing_is_sent_unless_another_may_be_opened():
    async with table(replace(PATIENT, send_buffer=64 * 1024 * 1024)) as (subject, events):
        with socket.create_connection(await listening(subject, Side.PROTECTED)) as client:
            client.sendall(MESSAGE)
            await until(lambda: events)
            (flow,) = [event.flow for event in of_type(events, SipReceived)]
            subject.send(SendSip(flow, b"x" * 32 * 1024 * 1024, "ref"))
            client.shutdown(socket.SHUT_WR)
            await until(lambda: subject._by_key[flow].is_closing)
            subject.send(SendSip(flow, b"late", "late"))
            assert events[1:] == [SendFailed(flow, "late", "no connection")]


@looped
async def test_a_refused_connection_fails_all_that_waited():
    async with table() as (subject, events):
        flow = flow_to(Endpoint(HOST, free_port()))
        for ref in ("a", "", "b"):
            subject.send(SendSip(flow, b"x", ref, connect=True))
        await until(lambda: len(events) == 2)
        assert events == [
            SendFailed(flow, "a", "Connection refused"),
            SendFailed(flow, "b", "Connection refused"),
        ]
        subject.send(SendSip(flow, b"x", "c"))
        assert events[-1] == SendFailed(flow, "c", "no connection")


@looped
async def test_a_port_that_cannot_be_bound_is_a_failure_to_send():
    async with table() as (subject, events), peer() as phone:
        with socket.create_server((HOST, 0)) as taken:
            flow = flow_to(phone.local, port=taken.getsockname()[1])
            subject.send(SendSip(flow, b"x", "ref", connect=True))
            await until(lambda: events)
        assert events == [SendFailed(flow, "ref", "Address already in use")]


@looped
async def test_a_pair_of_ports_that_is_not_quite_free_yet_is_waited_for():
    """As between our FIN, which answers the phone's, and its last ACK."""
    async with table() as (subject, events), peer() as phone:
        local = Endpoint(HOST, free_port())
        with bound(Transport.TCP, local) as before:
            await asyncio.get_running_loop().sock_connect(before, phone.local)
            subject.send(SendSip(flow_to(phone.local, port=local.port), b"x", "ref", connect=True))
            await silence(0.1)
            reset(before)
        await until(lambda: phone.came.get(local) == b"x")
        assert events == []


@looped
async def test_a_pair_of_ports_that_is_never_free_is_given_up():
    limits = replace(PATIENT, connect_timeout=0.1)
    async with table(limits) as (subject, events), peer() as phone:
        local = Endpoint(HOST, free_port())
        with bound(Transport.TCP, local) as before:
            await asyncio.get_running_loop().sock_connect(before, phone.local)
            flow = flow_to(phone.local, port=local.port)
            subject.send(SendSip(flow, b"x", "ref", connect=True))
            await until(lambda: events)
        assert events == [SendFailed(flow, "ref", "no answer to the connection request")]


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


@looped
async def test_a_remote_that_does_not_answer_is_given_up():
    listener, fillers = unanswered()
    async with table(replace(PATIENT, connect_timeout=0.05)) as (subject, events):
        flow = flow_to(endpoint(listener.getsockname()))
        subject.send(SendSip(flow, b"x", "ref", connect=True))
        await until(lambda: events)
        assert events == [SendFailed(flow, "ref", "no answer to the connection request")]
    for sock in (listener, *fillers):
        sock.close()


@looped
async def test_what_waits_for_a_connection_is_bounded():
    listener, fillers = unanswered()
    async with table(replace(PATIENT, send_buffer=100)) as (subject, events):
        flow = flow_to(endpoint(listener.getsockname()))
        for ref in ("a", "b", "c"):
            subject.send(SendSip(flow, b"x" * 40, ref, connect=True))
        assert events == [SendFailed(flow, "c", "send buffer is full")]
    for sock in (listener, *fillers):
        sock.close()


async def is_reset(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() != b""
    except ConnectionResetError:
        return True


@looped
@pytest.mark.parametrize("limits", [{"total": 2}, {"per_source": 2}])
async def test_a_connection_too_many_is_dropped_until_another_leaves(limits):
    async with table(**limits) as (subject, events):
        local = await listening(subject)
        first, second, third = [await asyncio.open_connection(*local) for _ in range(3)]
        assert await is_reset(third[0])
        first[1].close()
        await until(lambda: of_type(events, FlowClosed))
        _, writer = await asyncio.open_connection(*local)
        writer.write(MESSAGE)
        await until(lambda: of_type(events, SipReceived))
        for stream in (second[1], third[1], writer):
            stream.close()


@looped
async def test_a_flood_of_one_side_leaves_the_others_alone():
    async with table(total=1, per_source=1) as (subject, events):
        writers = []
        for side in Side:
            _, writer = await asyncio.open_connection(*await listening(subject, side))
            writer.write(MESSAGE)
            writers.append(writer)
        await until(lambda: len(events) == len(Side))
        assert {event.flow.side for event in of_type(events, SipReceived)} == set(Side)
        for writer in writers:
            writer.close()


@looped
async def test_the_core_has_no_limit_by_source():
    async with table(total=3, per_source=1) as (subject, events):
        local = await listening(subject, Side.CORE)
        writers = [(await asyncio.open_connection(*local))[1] for _ in range(3)]
        for writer in writers:
            writer.write(MESSAGE)
        await until(lambda: len(events) == 3)
        for writer in writers:
            writer.close()


@looped
async def test_connections_that_we_open_take_nobodys_room():
    async with table(total=1, per_source=1) as (subject, _), peer() as one, peer() as other:
        for phone in (one, other):
            subject.send(SendSip(flow_to(phone.local), b"x", "ref", connect=True))
        await until(lambda: one.text and other.text)
        assert subject.admissions[Side.PROTECTED].admit("192.0.2.1")


@looped
async def test_closing_an_unknown_flow_is_no_error():
    async with table() as (subject, events):
        subject.close_flow(flow_to(Endpoint(HOST, 9)))
        assert events == []


@looped
async def test_close_resets_all_and_leaves_no_port_in_time_wait():
    async with table() as (subject, _), peer() as phone:
        local = await listening(subject)
        reader, writer = await asyncio.open_connection(*local)
        flow = flow_to(phone.local, port=free_port())
        subject.send(SendSip(flow, b"x", "ref", connect=True))
        await until(lambda: phone.text and len(subject._connections) == 2)
        subject.send(SendSip(flow_to(Endpoint(HOST, free_port())), b"x", "late", connect=True))
        await subject.close()
        assert await is_reset(reader)
        writer.close()
        with bound(Transport.TCP, local) as again:
            again.listen()
        again = bound(Transport.TCP, flow.local)
        again.settimeout(PATIENCE)
        with again:
            again.connect(phone.local)  # the same four-tuple once more


@looped
async def test_other_limits_are_for_connections_to_come():
    async with table() as (subject, events):
        local = await listening(subject)
        _, old = await asyncio.open_connection(*local)
        old.write(MESSAGE)
        await until(lambda: events)
        small = replace(DEFAULT, max_head=20)
        subject.change(small, PATIENT, max_connections=2, max_per_source=2)
        _, new = await asyncio.open_connection(*local)
        new.write(MESSAGE)
        await until(lambda: of_type(events, SipUnreadable))
        assert len(of_type(events, SipReceived)) == 1
        old.write(MESSAGE)
        await until(lambda: len(of_type(events, SipReceived)) == 2)
        for writer in (old, new):
            writer.close()
        await silence(0.01)


@looped
@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("total", [9, 0])
async def test_who_is_just_being_accepted_at_the_end_is_reset_too(turns, total):
    """Whatever else ends it does so when SAs and policies may be gone."""
    async with table(total=total) as (subject, _):
        phone = socket.create_connection(await listening(subject), PATIENCE)
        for _turn in range(turns):
            await asyncio.sleep(0)
        await subject.close()
        with pytest.raises(ConnectionResetError):
            phone.recv(1)
        phone.close()


@looped
@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_of_ours_that_is_just_made_at_the_end_is_reset_too(turns):
    phone = socket.create_server((HOST, 0))
    phone.settimeout(PATIENCE)
    async with table() as (subject, _):
        subject.send(SendSip(flow_to(endpoint(phone.getsockname())), b"", connect=True))
        for _turn in range(turns):
            await asyncio.sleep(0)
        await subject.close()
        if select.select([phone], [], [], 0)[0]:
            link, _ = phone.accept()
            with pytest.raises(ConnectionResetError):
                link.recv(1)
            link.close()
    phone.close()


@looped
async def test_a_listener_is_closed_though_its_start_was_given_up():
    async with table() as (subject, _):
        sock = bound(Transport.TCP, Endpoint(HOST, 0))
        local = endpoint(sock.getsockname())
        listening = asyncio.create_task(subject.listen(sock, Side.CLEAR))
        await asyncio.sleep(0)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await subject.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*local)


# -- from one program to the next


@looped
async def test_what_is_being_opened_at_the_end_comes_about_and_goes_on():
    async with peer() as other, table() as (subject, events):
        subject.send(SendSip(flow_to(other.local), b"answer", "ref", connect=True))
        await subject.stop_accepting()
        await subject.finish_opening()
        subject.pause()
        await subject.hand_over(left := Handover())
        assert (len(left.connections), of_type(events, SendFailed)) == (1, [])
        await until(lambda: other.text == b"answer")
        left.close()


@looped
async def test_nothing_is_opened_while_connections_are_handed_over():
    listener, fillers = unanswered()
    async with table() as (subject, _):
        flow = flow_to(endpoint(listener.getsockname()))
        subject.send(SendSip(flow, b"late", "ref", connect=True))
        subject.pause()
        await subject.hand_over(left := Handover())
        assert all(task.done() for task in subject._opening_tasks())
        assert left.connections == []
    for sock in (listener, *fillers):
        sock.close()


@looped
async def test_connections_go_on_in_the_next_table_without_a_word():
    async with peer() as other:
        first, _ = await _with_connections(other)
        local = await listening(first)
        reader, writer = await asyncio.open_connection(*local)
        writer.write(MESSAGE[:20])
        await until(lambda: len(first._connections) == 2)
        await silence()
        first.pause()
        await first.hand_over(left := Handover())
        assert not any(server.is_serving() for server, _ in first._listeners)
        await first.close()
        (((side, *_), listener),) = left.sockets.items()
        assert side is Side.CLEAR
        assert {(one.side, one.accepted, one.begun) for one in left.connections} == {
            (Side.CLEAR, True, MESSAGE[:20]),
            (Side.PROTECTED, False, b""),
        }
        writer.write(MESSAGE[20:])  # while there is no program
        async with table() as (second, events):
            for one in left.connections:
                await second.adopt(one)
            await second.listen(listener, Side.CLEAR)
            await until(lambda: of_type(events, SipReceived))
            (received,) = of_type(events, SipReceived)
            assert received.data == MESSAGE
            second.send(SendSip(received.flow, b"answer"))
            assert await reader.read(6) == b"answer"
            flow = flow_to(other.local)._replace(local=next(iter(other.came)))
            second.send(SendSip(flow, b"more", "ref"))
            await until(lambda: other.text == b"first" + b"more")
            assert len(other.came) == 1
            assert not of_type(events, SendFailed)
            second.close_flow(received.flow)
            assert await reader.read() == b""  # no reset: that would be an option left behind
            await until(lambda: FlowClosed(received.flow) in events)
            writer.close()


async def _with_connections(other: Peer) -> tuple[TcpTable, list[Event]]:
    """A table that has opened a connection."""
    events: list[Event] = []
    made = TcpTable(events.append, DEFAULT, PATIENT, max_connections=9, max_per_source=9)
    made.send(SendSip(flow_to(other.local), b"first", connect=True))
    await until(lambda: other.text == b"first")
    return made, events


@looped
async def test_a_connection_with_something_unsent_does_not_go_on():
    async with table() as (subject, events):
        local = await listening(subject)
        _, writer = await asyncio.open_connection(*local, limit=1)
        writer.write(MESSAGE)
        await until(lambda: of_type(events, SipReceived))
        for _ in range(200):
            subject.send(SendSip(events[0].flow, bytes(90_000)))  # type: ignore[union-attr]
            await asyncio.sleep(0)
        await subject.hand_over(left := Handover())
        assert left.connections == []
        left.close()
        writer.close()


@looped
async def test_a_connection_that_has_ended_meanwhile_is_not_gone_on_with():
    async with peer() as other:
        first, _ = await _with_connections(other)
        await first.hand_over(left := Handover())
        (one,) = left.connections
        await first.close()
        reset_on_close(other.writers[0].get_extra_info("socket"))
        other.writers[0].transport.abort()
        await silence()
        async with table() as (second, events):
            await second.adopt(one)
            assert (second._connections, events, one.sock.fileno()) == (set(), [], -1)


@looped
async def test_many_are_handed_over_with_few_descriptors_and_nothing_is_read_meanwhile():
    async with table(total=400, per_source=400) as (subject, events):
        local = await listening(subject)
        writers = [(await asyncio.open_connection(*local))[1] for _ in range(300)]
        await until(lambda: len(subject._connections) == 300)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        in_use = max(map(int, os.listdir("/proc/self/fd")))  # noqa: PTH208 - descriptors
        resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 100, limits[1]))
        try:
            subject.pause()
            for writer in writers:
                writer.write(MESSAGE)
            await subject.hand_over(left := Handover())
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert len(left.connections) == 300
        assert not of_type(events, SipReceived)
        left.close()
        for writer in writers:
            writer.close()
