"""The server from its start to its end: ports and policies, and whose phones it may serve."""

import asyncio
import json
import select
from collections.abc import Collection

import pytest

from pcscf.config import Settings
from pcscf.core.effects import (
    Effect,
)
from pcscf.core.events import (
    DeadlineReached,
    Event,
    SipReceived,
)
from pcscf.errors import StartError
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
    before = b.server._tcp.close

    async def close() -> None:
        left.append(len(b.kernel.sas))
        await before()

    b.server._tcp.close = close  # type: ignore[method-assign]
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
