"""The table of connections: accepting, opening on demand, finding by flow, failing."""

import asyncio
import socket
from dataclasses import replace

import pytest

from pcscf.core.effects import SendSip
from pcscf.core.events import FlowClosed, SendFailed, SipReceived, SipUnreadable
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.net.sockets import bound, endpoint
from pcscf.sip.limits import DEFAULT
from tests.net.support import HOST, free_port, looped, silence, until
from tests.net.tcp_bench import (
    MESSAGE,
    PATIENT,
    flow_to,
    is_reset,
    listening,
    of_type,
    peer,
    reset,
    table,
    unanswered,
)


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
