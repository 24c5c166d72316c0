"""The ports of a server with a scripted Edge: sides, refusals, the end."""

import asyncio
import socket

import pytest

from pcscf.core.effects import CloseFlow, SendSip
from pcscf.core.events import FlowClosed, SendFailed, SipReceived
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.errors import StartError
from pcscf.net.handover import Handover
from pcscf.net.server import Server
from tests.net.server_bench import REGISTER, Bench, FakeMonitor, Script, bench
from tests.net.support import HOST, PATIENCE, looped, settings, silence, until
from xfrm.memory import MemoryKernel

pytestmark = pytest.mark.usefixtures("written")


@looped
async def test_every_socket_says_which_side_it_is_on():
    async with bench() as b:
        gm = b.settings.gm
        udp = [gm.port, gm.port_ps, *gm.ports_pc, b.settings.core.port]
        for port in udp:
            b.peer.sendto(REGISTER, (HOST, port))
        tcp = [gm.port, gm.port_ps, b.settings.core.port]
        writers = [(await asyncio.open_connection(HOST, port))[1] for port in tcp]
        for writer in writers:
            writer.write(REGISTER)
        await until(lambda: len(b.edge.events) == len(udp) + len(tcp))
        sides = {gm.port: Side.CLEAR, b.settings.core.port: Side.CORE}
        came = [event.flow for event in b.edge.events if isinstance(event, SipReceived)]
        assert sorted((flow.transport, flow.local.port) for flow in came) == sorted(
            [*((Transport.UDP, port) for port in udp), *((Transport.TCP, port) for port in tcp)]
        )
        for flow in came:
            assert flow.side is sides.get(flow.local.port, Side.PROTECTED)
        for writer in writers:
            writer.close()


@looped
@pytest.mark.parametrize("selectors", ["strict", "tolerant"])
async def test_pc_takes_connections_in_tolerant_mode_only(selectors):
    async with bench(gm={"selectors": selectors}) as b:
        port = b.settings.gm.ports_pc[0]
        if selectors == "strict":
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(HOST, port)
        else:
            _, writer = await asyncio.open_connection(HOST, port)
            writer.write(REGISTER)
            await until(lambda: b.edge.events)
            writer.close()


@looped
async def test_a_flow_without_a_socket_fails():
    async with bench() as b:
        flow = b.clear._replace(local=Endpoint("192.0.2.77", 5060))
        b.edge.answers[SipReceived] = [SendSip(flow, b"x", "ref"), SendSip(flow, b"x")]
        b.server.dispatch(SipReceived(b.clear, b""))
        assert b.edge.events[1:] == [SendFailed(flow, "ref", "no socket at the local address")]


@looped
async def test_close_flow_closes_after_what_was_sent():
    async with bench() as b:
        b.edge.answers[SipReceived] = lambda event: [
            SendSip(event.flow, b"x" * 100_000),
            CloseFlow(event.flow),
        ]
        reader, writer = await asyncio.open_connection(*b.clear.local)
        writer.write(REGISTER)
        assert await reader.read() == b"x" * 100_000
        writer.close()
        await until(lambda: isinstance(b.edge.events[-1], FlowClosed))


@looped
async def test_in_tolerant_mode_connections_start_from_a_port_that_is_listened_on():
    async with bench(gm={"selectors": "tolerant"}) as b:
        accepted: list[tuple[str, int]] = []
        phone = await asyncio.start_server(
            lambda _, writer: accepted.append(writer.get_extra_info("peername")), HOST, 0
        )
        local = b.local(b.settings.gm.ports_pc[1])
        remote = Endpoint(*phone.sockets[0].getsockname())
        flow = Flow(Transport.TCP, Side.PROTECTED, local, remote)
        b.edge.answers[SipReceived] = [SendSip(flow, REGISTER, "ref", connect=True)]
        b.server.dispatch(SipReceived(b.clear, b""))
        await until(lambda: accepted or len(b.edge.events) > 1)
        assert accepted == [local]
        phone.close()


@looped
async def test_an_address_that_comes_with_the_phones_is_bound_before_it_is_here():
    nowhere = "192.0.2.77"
    given = settings(gm={"addresses": [nowhere]})
    alone = Server(given, Script(), MemoryKernel(), FakeMonitor())
    with pytest.raises(StartError, match=r"192\.0\.2\.77"):
        alone.claim()
    await alone.close()
    b = Bench(given)  # it has an ownership
    await b.server.start()
    assert b.server.is_up
    await b.server.close()
    b.peer.close()


@looped
@pytest.mark.parametrize("turns", range(8))
async def test_a_start_that_is_given_up_leaves_nothing_open(turns):
    first = Bench(settings())
    await first.server.start()
    phones = [socket.create_connection(first.clear.local, PATIENCE) for _ in range(3)]
    await silence()
    left = await first.server.hand_over()
    await first.server.close()
    kernel, monitor = MemoryKernel(), FakeMonitor()
    second = Server(first.settings, Script(), kernel, monitor, handover=left)
    starting = asyncio.create_task(second.start())
    for _ in range(turns):
        await asyncio.sleep(0)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await second.close()
    assert (kernel.is_open, monitor.is_closed, left) == (False, True, Handover())
    for phone in phones:
        with pytest.raises(ConnectionResetError):
            phone.recv(1)
        phone.close()
    for port in (first.settings.gm.port, first.settings.gm.port_ps):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, port)
    first.peer.close()


@looped
@pytest.mark.parametrize("turns", range(4))
async def test_a_connection_that_is_just_being_accepted_is_handed_over_too(turns):
    first = Bench(settings())
    await first.server.start()
    phone = socket.create_connection(first.clear.local)
    for _ in range(turns):
        await asyncio.sleep(0)
    left = await first.server.hand_over()
    await first.server.close()
    second = Server(first.settings, edge := Script(), first.kernel, FakeMonitor(), handover=left)
    await second.start()
    phone.send(REGISTER)
    await until(lambda: edge.events)
    assert edge.kinds() == ["SipReceived"]
    await second.close()
    phone.close()
    first.peer.close()
