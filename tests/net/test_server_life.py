"""The server from its start to its end: ports and policies, and whose phones it may serve."""

import asyncio
import json
import select
import socket
from collections.abc import Collection

import pytest

from pcscf.config import Settings
from pcscf.core.effects import CloseFlow, Effect, PutOff, SendSip
from pcscf.core.events import DeadlineReached, Event, SipReceived
from pcscf.errors import StartError
from pcscf.net import server as module
from pcscf.net.handover import Handover
from pcscf.net.orphans import unacknowledged
from pcscf.net.server import Server
from tests.net.server_bench import (
    CK,
    KEYS,
    REGISTER,
    SAS,
    Bench,
    FakeMonitor,
    Script,
    bench,
    in_use,
)
from tests.net.support import HOST, looped, settings, silence, until
from xfrm.errors import KernelRefusal
from xfrm.memory import MemoryKernel
from xfrm.model import SaSet

pytestmark = pytest.mark.usefixtures("written")


# -- whose phones they are


@looped
async def test_nothing_is_decided_or_sent_before_it_is_certain_who_serves():
    async with bench() as b:
        b.edge.answers[SipReceived] = [b.send(b"answer")]
        b.lease.may_act = False
        b.receive(REGISTER)
        await silence()
        assert b.edge.events == []
        b.lease.may_act = True
        b.lease.go_on()
        assert b.edge.kinds() == ["SipReceived"]
        assert b.peer.recv(100) == b"answer"


@looped
async def test_what_was_decided_before_waits_too():
    async with bench() as b:

        def stands_still(_: Event) -> list[Effect]:
            b.lease.may_act = False
            return [b.send(b"answer")]

        b.edge.answers[SipReceived] = stands_still
        b.receive(REGISTER)
        await until(lambda: b.edge.events)
        await silence()
        assert select.select([b.peer], [], [], 0)[0] == []
        b.lease.may_act = True
        b.lease.go_on()
        assert b.peer.recv(100) == b"answer"


@looped
async def test_a_deadline_that_passes_meanwhile_comes_once():
    async with bench() as b:
        b.edge.deadline = asyncio.get_running_loop().time() + 0.02
        b.server.dispatch(SipReceived(b.clear, b""))
        b.lease.may_act = False
        await asyncio.sleep(0.06)
        b.edge.answers[DeadlineReached] = b.edge.rest
        b.lease.may_act = True
        b.lease.go_on()
        await silence()
        assert b.edge.kinds() == ["SipReceived", "DeadlineReached"]


@looped
async def test_addresses_arrive_when_every_port_is_open_and_are_served_then():
    b = Bench(settings())
    seen: list[tuple[bool, ...]] = []

    async def arrive() -> None:
        sockets = b.settings.gm.port, b.settings.gm.port_ps
        _, writer = await asyncio.open_connection(HOST, b.settings.gm.port)
        writer.close()
        seen.append((*map(in_use, sockets), b.server.is_up))

    await b.server.start({}, arrive)
    assert (seen, b.server.is_up) == ([(True, True, False)], True)
    await b.server.close()
    assert not b.server.is_up
    b.peer.close()


@looped
async def test_who_has_lost_its_phones_removes_their_sas_before_anything_else():
    """So that what the end of a connection sends leaves under none."""
    b = Bench(settings(stop={"keep_sas": True}))
    await b.server.start()
    b.kernel.install(SAS, KEYS, 0)
    left: list[int] = []
    before = b.server._ports._tcp.close

    async def close() -> None:
        left.append(len(b.kernel.sas))
        await before()

    b.server._ports._tcp.close = close  # type: ignore[method-assign]
    b.lease.lost.set()
    await b.server.close()
    assert (left, b.kernel.is_open) == ([0], False)
    b.peer.close()


# -- life


class WatchedKernel(MemoryKernel):
    """Tells which of two ports had a UDP socket when it was opened and closed."""

    def __init__(self, given: Settings) -> None:
        super().__init__()
        self._ports = (given.gm.port, given.gm.port_ps)
        self.seen: list[tuple[str, bool, bool]] = []

    def _look(self, when: str) -> None:
        clear, protected = self._ports
        self.seen.append((when, in_use(clear), in_use(protected)))

    def open(self, wanted: Collection[SaSet] = ()) -> int:
        self._look("open")
        return super().open(wanted)

    def close(self, *, keep: bool = False) -> None:
        self._look("close")
        super().close(keep=keep)


@looped
async def test_protected_ports_are_open_only_while_the_policies_are_there(written):
    given = settings()
    kernel = WatchedKernel(given)
    kernel.install(SAS, KEYS, 0)
    server = Server(given, Script(), kernel, FakeMonitor())
    await server.start()
    assert in_use(given.gm.port_ps)
    assert kernel.seen == [("open", True, False)]
    assert (written()[-1]["event"], written()[-1]["sas_swept"]) == ("ready", 4)
    await server.close()
    assert kernel.seen[1:] == [("close", False, False)]


@looped
async def test_a_second_instance_ends_before_it_touches_the_kernel():
    async with bench() as b:
        kernel = MemoryKernel()
        second = Server(b.settings, Script(), kernel, FakeMonitor())
        with pytest.raises(StartError, match="is in use by another program"):
            await second.start()
        assert not kernel.is_open
        await second.close()
        b.receive(REGISTER)
        await until(lambda: b.edge.events)


@looped
async def test_a_kernel_without_policies_ends_the_start_and_frees_the_ports():
    given = settings()

    class Refusing(MemoryKernel):
        def open(self, wanted: Collection[SaSet] = ()) -> int:
            raise KernelRefusal("policy in", 17, "EEXIST", "another instance?")

    server = Server(given, Script(), Refusing(), FakeMonitor())
    with pytest.raises(StartError, match=r"the kernel refuses the policies: .*another instance"):
        await server.start()
    await server.close()
    assert not in_use(given.gm.port)


@looped
async def test_close_removes_sas_and_sockets_and_ends_all_events():
    subject = Bench(settings())
    await subject.server.start()
    subject.kernel.install(SAS, KEYS, 0)
    reader, writer = await asyncio.open_connection(*subject.clear.local)
    subject.edge.deadline = asyncio.get_running_loop().time() + 0.02
    subject.server.dispatch(SipReceived(subject.clear, b""))
    await subject.server.close()
    assert (subject.kernel.sas, subject.kernel.is_open) == ({}, False)
    assert subject.monitor.is_closed
    assert not in_use(subject.settings.gm.port_ps)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    subject.peer.close()
    subject.server.dispatch(SipReceived(subject.clear, b""))
    await silence()
    assert subject.edge.kinds() == ["SipReceived"]


@looped
@pytest.mark.parametrize("reads", [True, False])
async def test_sas_and_policies_stay_while_something_would_be_sent_again_in_clear(
    reads, written, monkeypatch
):
    monkeypatch.setattr(module, "_LAST_WORDS", 0.3)
    b = Bench(settings())
    await b.server.start()
    b.kernel.install(SAS, KEYS, 0)
    phone = socket.socket()
    phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    phone.connect((HOST, b.settings.gm.port_ps))
    b.edge.answers[SipReceived] = lambda event: [
        SendSip(event.flow, bytes(100_000)),
        CloseFlow(event.flow),
    ]
    phone.send(REGISTER)
    await until(lambda: unacknowledged({b.settings.gm.port_ps}))
    closing = asyncio.create_task(b.server.close())
    await asyncio.sleep(0.05)
    while reads and await asyncio.to_thread(phone.recv, 65536):
        pass
    await closing
    assert len(b.kernel.sas) == (0 if reads else 4)
    assert ("policies_stay" in [line["event"] for line in written()]) is not reads
    phone.close()
    b.peer.close()


@looped
async def test_an_error_in_a_call_back_is_logged_without_its_arguments(written):
    async with bench():

        def fail(secret: bytes) -> None:
            raise ValueError(secret.hex())

        asyncio.get_running_loop().call_soon(fail, CK)
        await silence(0)
        line = written()[-1]
        assert line["event"] == "loop_error"
        assert line["error"].startswith("ValueError at ")
        assert CK.hex() not in json.dumps(line)


# -- from one program to the next


@looped
async def test_the_next_program_goes_on_where_this_one_ends(written):
    first = Bench(settings())
    kernel = first.kernel
    first.edge.answers[SipReceived] = [PutOff()]
    await first.server.start()
    kernel.install(SAS, KEYS, 0)
    reader, writer = await asyncio.open_connection(*first.clear.local)
    writer.write(REGISTER + REGISTER[:9])
    await until(lambda: first.edge.events)
    await silence()
    left = await first.server.hand_over()
    await first.server.close()
    assert len(kernel.sas) == 4
    first.receive(REGISTER)  # while there is no program
    writer.write(REGISTER[9:])

    second = Server(first.settings, edge := Script(), kernel, FakeMonitor(), handover=left)
    edge.answers[SipReceived] = lambda event: [SendSip(event.flow, b"answer")]
    await second.start()
    await until(lambda: edge.kinds().count("SipReceived") == 3)
    put_off, *others = (event for event in edge.events if isinstance(event, SipReceived))
    assert put_off == first.edge.events[0]
    assert {event.flow for event in others} == {first.clear, put_off.flow}
    assert [event.data for event in others] == [REGISTER, REGISTER]
    assert await reader.readexactly(12) == b"answer" * 2
    assert first.peer.recv(100) == b"answer"
    (line,) = [line for line in written() if line["event"] == "continued"]
    assert (line["connections"], line["messages"]) == (1, 1)
    await second.close()
    assert (kernel.sas, kernel.is_open) == ({}, False)
    writer.close()
    first.peer.close()


@looped
async def test_what_comes_while_this_program_ends_waits_for_the_next():
    """Closing takes several turns of the loop, in which nothing may be read any more."""
    first = Bench(settings())
    await first.server.start()
    _, open_before = await asyncio.open_connection(*first.clear.local)
    await silence()
    pause = first.server._ports._tcp.pause

    def write_then() -> None:
        pause()
        open_before.write(REGISTER)

    first.server._ports._tcp.pause = write_then  # type: ignore[method-assign]
    left = await first.server.hand_over()
    first.receive(REGISTER)
    _, opened_late = await asyncio.open_connection(*first.clear.local)
    opened_late.write(REGISTER)
    await silence()
    await first.server.close()
    assert first.edge.events == []
    second = Server(first.settings, edge := Script(), first.kernel, FakeMonitor(), handover=left)
    await second.start()
    await until(lambda: edge.kinds().count("SipReceived") == 3)
    await second.close()
    for writer in (open_before, opened_late):
        writer.close()
    first.peer.close()


@looped
async def test_what_is_put_off_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "RECEIVE_BUFFER", 2 * len(REGISTER))
    async with bench() as b:
        b.edge.answers[SipReceived] = [PutOff()]
        for _ in range(3):
            b.server.dispatch(SipReceived(b.clear, REGISTER))
        left = await b.server.hand_over()
        assert left.messages == [SipReceived(b.clear, REGISTER)] * 2
        left.close()


@looped
async def test_ports_that_are_not_ours_any_more_are_closed_under_the_old_policies(
    written,
):
    first = Bench(settings())
    await first.server.start()
    reader, writer = await asyncio.open_connection(HOST, first.settings.gm.port_ps)
    await silence()
    left = await first.server.hand_over()
    await first.server.close()
    in_use_then: list[bool] = []

    class Looking(MemoryKernel):
        def open(self, wanted: Collection[SaSet] = ()) -> int:
            gm = first.settings.gm
            in_use_then.extend(map(in_use, (gm.port, gm.port_ps)))
            return super().open(wanted)

    second = Server(settings(), Script(), Looking(), FakeMonitor(), handover=left)
    await second.start()
    assert in_use_then == [False, False]
    with pytest.raises(ConnectionResetError):
        await reader.read()
    assert "continued" not in [line["event"] for line in written()]
    await second.close()
    writer.close()
    first.peer.close()


@looped
async def test_a_port_that_is_on_another_side_now_is_bound_anew():
    first = Bench(settings())
    await first.server.start()
    left = await first.server.hand_over()
    await first.server.close()
    gm = first.settings.gm
    first.receive(REGISTER)  # in clear, to what is a protected port now
    swapped = gm.model_copy(update={"port": gm.port_ps, "port_ps": gm.port})
    given = first.settings.model_copy(update={"gm": swapped})
    second = Server(given, edge := Script(), MemoryKernel(), FakeMonitor(), handover=left)
    await second.start()
    await silence()
    assert edge.events == []
    assert in_use(gm.port)
    await second.close()
    first.peer.close()


@looped
async def test_who_cannot_begin_closes_what_was_left():
    first = Bench(settings())
    await first.server.start()
    _, writer = await asyncio.open_connection(*first.clear.local)
    await silence()
    left = await first.server.hand_over()
    await first.server.close()

    class Refusing(MemoryKernel):
        def open(self, wanted: Collection[SaSet] = ()) -> int:
            raise KernelRefusal("policy in", 17, "EEXIST", "another instance?")

    second = Server(first.settings, Script(), Refusing(), FakeMonitor(), handover=left)
    with pytest.raises(StartError):
        await second.start()
    await second.close()
    assert not in_use(first.settings.gm.port_ps)
    assert left == Handover()
    writer.close()
    first.peer.close()
