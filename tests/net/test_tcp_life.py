"""The end of a table of connections, and what goes on in the next program."""

import asyncio
import os
import resource
import select
import socket

import pytest

from pcscf.core.effects import SendSip
from pcscf.core.events import Event, FlowClosed, SendFailed, SipReceived
from pcscf.core.flow import Endpoint, Side, Transport
from pcscf.net.handover import Handover
from pcscf.net.sockets import bound, endpoint, reset_on_close
from pcscf.net.tcp import TcpTable
from pcscf.sip.limits import DEFAULT
from tests.net.support import HOST, PATIENCE, free_port, looped, silence, until
from tests.net.tcp_bench import (
    MESSAGE,
    PATIENT,
    Peer,
    flow_to,
    is_reset,
    listening,
    of_type,
    peer,
    table,
    unanswered,
)


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
