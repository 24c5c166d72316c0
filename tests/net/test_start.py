"""What the machine must have, said in one line; and stopping on a signal."""

import asyncio
import gc
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from pcscf.core.flow import Flow, Side, Transport
from pcscf.errors import LeaseLostError, StartError
from pcscf.hooks.service import HookService
from pcscf.mirror.homer import Homer
from pcscf.net import start
from pcscf.net.checks import machine
from pcscf.net.handover import Handover
from pcscf.net.reload import Reloader
from pcscf.net.server import Server
from tests.net.server_bench import KEYS, SAS, FakeMonitor, Script, in_use
from tests.net.support import looped, settings, udp_peer, until
from xfrm.algorithms import SUITES
from xfrm.errors import KernelRefusal
from xfrm.memory import MemoryKernel

pytestmark = pytest.mark.usefixtures("written")


def unused(server: Server) -> Reloader:
    """A reloader that nobody asks."""
    hooks = HookService(settings().sip_limits())
    return Reloader(Path("none.toml"), settings(), server, tuple, hooks)


@pytest.fixture
def _memory_as_it_was():
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_a_kernel_without_esp_is_named():
    kernel = MemoryKernel()
    kernel.unusable = dict.fromkeys(SUITES, "EPROTONOSUPPORT (modprobe esp4)")
    with pytest.raises(StartError, match=r"^no ESP in this kernel: .*\(modprobe esp4\)$"):
        start.usable_suites(kernel, SUITES)


def test_what_the_kernel_lacks_leaves_the_offer_with_a_warning(written):
    kernel = MemoryKernel()
    kernel.unusable = {SUITES[0]: "ENOENT (modprobe cbc)"}
    assert start.usable_suites(kernel, SUITES[:3]) == SUITES[1:3]
    (line,) = written()
    assert (line["level"], line["algorithm"]) == ("warning", SUITES[0].name)
    assert "modprobe cbc" in line["reason"]


def test_a_kernel_that_has_all_is_not_talked_about(written):
    assert start.usable_suites(MemoryKernel(), SUITES) == SUITES
    assert written() == []


@pytest.mark.parametrize("error", [KernelRefusal("try", 1, "EPERM"), OSError(1, "EPERM")])
def test_a_kernel_that_cannot_be_asked_is_named(error):
    class Deaf(MemoryKernel):
        def probe(self, suites):
            raise error

    with pytest.raises(StartError, match=r"cannot be asked for ESP: .*EPERM"):
        start.usable_suites(Deaf(), SUITES)


def test_as_many_descriptors_as_allowed_and_a_word_if_they_are_few(written):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        start.raise_file_limit(1)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
        assert written() == []
        start.raise_file_limit(hard + 1)
        assert (written()[0]["event"], written()[0]["limit"]) == ("few_descriptors", hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("_memory_as_it_was")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@looped
async def test_a_signal_stops_it_and_leaves_nothing_behind(number, written):
    kernel = MemoryKernel()
    server = Server(settings(), Script(), kernel, FakeMonitor())
    serving = asyncio.create_task(start.serve(server, unused(server)))
    await until(lambda: "ready" in [line["event"] for line in written()])
    kernel.install(SAS, KEYS, 0)
    assert gc.get_freeze_count() > 0
    os.kill(os.getpid(), number)
    await serving
    assert (kernel.sas, kernel.is_open) == ({}, False)
    assert written()[-1]["event"] == "stopping"


@looped
async def test_sigusr1_has_it_say_what_it_holds(written):
    server = Server(settings(), Script(), MemoryKernel(), FakeMonitor())
    serving = asyncio.create_task(start.serve(server, unused(server)))
    await until(lambda: "ready" in [line["event"] for line in written()])
    os.kill(os.getpid(), signal.SIGUSR1)
    await until(lambda: written()[-1]["event"] == "counted")
    held, counted = written()[-2:]
    assert (held["event"], held["registrations"], counted["guard_blocked"]) == ("held", 3, 2)
    os.kill(os.getpid(), signal.SIGTERM)
    await serving


class Beside:
    """An admin side that keeps a diary with the server's log."""

    def __init__(self, error: StartError | None = None) -> None:
        self._error = error

    async def start(self) -> None:
        structlog.get_logger().info("opened")
        if self._error:
            raise self._error

    async def close(self) -> None:
        structlog.get_logger().info("closed")


@looped
async def test_the_admin_side_opens_before_phones_are_served_and_closes_before_the_server(written):
    class Watched(MemoryKernel):
        def close(self, *, keep: bool = False) -> None:
            structlog.get_logger().info("server_closed")
            super().close()

    kernel = Watched()
    server = Server(settings(), Script(), kernel, FakeMonitor())
    serving = asyncio.create_task(start.serve(server, unused(server), Beside()))
    await until(lambda: "ready" in [line["event"] for line in written()])
    os.kill(os.getpid(), signal.SIGTERM)
    await serving
    events = [line["event"] for line in written()]
    assert events == ["opened", "ready", "stopping", "closed", "server_closed"]
    assert not kernel.is_open


@looped
async def test_an_admin_side_that_cannot_open_ends_the_start_and_leaves_nothing_behind(written):
    given, kernel = settings(), MemoryKernel()
    server = Server(given, Script(), kernel, FakeMonitor())
    with pytest.raises(StartError, match="no directory"):
        await start.serve(server, unused(server), Beside(StartError("admin.socket: no directory")))
    assert [line["event"] for line in written()] == ["opened", "closed"]
    assert not kernel.is_open
    assert not in_use(given.gm.port)


class Standing:
    """A survival whose lease a test gives and takes."""

    def __init__(self) -> None:
        self.granted, self.lost = asyncio.Event(), asyncio.Event()
        self.done: list[str] = []
        self.may_act = True
        self.ownership = self

    def when_sure(self, call: Any) -> None:
        self.call = call

    async def begin(self) -> dict[str, bytes]:
        self.done.append("begin")
        await self.granted.wait()
        return {}

    async def arrive(self) -> None:
        self.done.append("arrive")

    def leave(self) -> None:
        self.done.append("leave")
        if self.lost.is_set():
            raise LeaseLostError("another's")


def standing() -> tuple[Any, MemoryKernel, Server]:
    survival: Any = Standing()
    kernel = MemoryKernel()
    server = Server(settings(), Script(), kernel, FakeMonitor(), ownership=survival)
    return survival, kernel, server


@looped
async def test_who_stands_by_can_be_asked_and_can_be_ended(written):
    survival, kernel, server = standing()
    serving = asyncio.create_task(start.serve(server, unused(server), Beside(), survival))
    await until(lambda: survival.done)
    assert [line["event"] for line in written()] == ["opened"]
    assert not server.is_up
    assert not kernel.is_open
    os.kill(os.getpid(), signal.SIGTERM)
    await serving
    assert [line["event"] for line in written()] == ["opened", "stopping", "closed"]
    assert survival.done == ["begin", "leave"]


@pytest.mark.usefixtures("_memory_as_it_was")
@looped
async def test_who_loses_the_lease_stops_at_once(written):
    survival, kernel, server = standing()
    serving = asyncio.create_task(start.serve(server, unused(server), Beside(), survival))
    survival.granted.set()
    await until(lambda: server.is_up)
    kernel.install(SAS, KEYS, 0)
    await until(lambda: "ready" in [line["event"] for line in written()])
    survival.may_act = False
    survival.lost.set()
    with pytest.raises(LeaseLostError, match=r"^another's$"):
        await serving
    assert [line["event"] for line in written()] == ["opened", "ready", "closed"]
    assert survival.done == ["begin", "arrive", "leave"]
    assert (kernel.sas, kernel.is_open, server.is_up) == ({}, False, False)


@looped
async def test_a_second_one_by_mistake_ends_before_it_asks_for_the_lease():
    given = settings()
    first = Server(given, Script(), MemoryKernel(), FakeMonitor())
    await first.start()
    survival: Any = Standing()
    second = Server(given, Script(), MemoryKernel(), FakeMonitor(), ownership=survival)
    with pytest.raises(StartError, match="is in use"):
        await start.serve(second, unused(second), Beside(), survival)
    assert survival.done == []
    await first.close()


@looped
async def test_who_loses_it_before_it_serves_does_not_begin():
    survival, _, server = standing()
    serving = asyncio.create_task(start.serve(server, unused(server), Beside(), survival))
    await until(lambda: survival.done)
    survival.lost.set()
    with pytest.raises(LeaseLostError):
        await serving
    assert survival.done == ["begin", "leave"]


@looped
async def test_sighup_has_it_read_its_settings_anew(written):
    edge = Script()
    server = Server(settings(), edge, MemoryKernel(), FakeMonitor())
    serving = asyncio.create_task(start.serve(server, unused(server)))
    await until(lambda: "ready" in [line["event"] for line in written()])
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: written()[-1]["event"] == "reload_refused")
    assert written()[-1]["reason"] == "none.toml: cannot be read: No such file or directory"
    assert not serving.done()
    os.kill(os.getpid(), signal.SIGTERM)
    await serving


@looped
async def test_a_failed_start_leaves_nothing_behind():
    given = settings()
    first = Server(given, Script(), MemoryKernel(), FakeMonitor())
    await first.start()
    monitor = FakeMonitor()
    second = Server(given, Script(), MemoryKernel(), monitor)
    with pytest.raises(StartError, match="is in use"):
        await start.serve(second, unused(second))
    assert monitor.is_closed
    await first.close()


@looped
async def test_a_collector_gets_copies_while_the_server_runs():
    peer, to = udp_peer()
    server = Server(
        given := settings(mirror={"hep": f"udp:{to}", "hep_capture_id": 77}),
        Script(), MemoryKernel(), FakeMonitor(),
    )  # fmt: skip
    flow = Flow(Transport.UDP, Side.CORE, to, to)
    async with start.mirrored(given, server) as tap:
        assert server.taps == [tap]
        assert isinstance(tap, Homer)

        def leaves() -> int:
            tap.seen(flow, b"OPTIONS sip:x SIP/2.0", sent=True)
            return tap.sent

        await until(leaves)
    copy = peer.recv(999)
    assert copy.startswith(b"HEP3")
    assert copy.endswith(b"OPTIONS sip:x SIP/2.0")
    assert (77).to_bytes(4, "big") in copy
    await server.close()
    peer.close()


@looped
async def test_without_a_collector_nobody_looks_on():
    server = Server(given := settings(), Script(), MemoryKernel(), FakeMonitor())
    async with start.mirrored(given, server) as homer:
        assert (homer, server.taps) == (None, [])
    await server.close()


class Slow(Script):
    """An Edge with requests that take their time."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.left = looks

    @property
    def unanswered(self) -> int:
        self.left -= 1
        return max(self.left, 0)


@pytest.mark.usefixtures("_memory_as_it_was")
@pytest.mark.parametrize(("looks", "second"), [(3, False), (10_000, True)])
@looped
async def test_it_ends_once_all_is_answered_or_a_second_signal_comes(looks, second, written):
    edge = Slow(looks)
    server = Server(settings(), edge, MemoryKernel(), FakeMonitor())
    serving = asyncio.create_task(start.serve(server, unused(server)))
    await until(lambda: "ready" in [line["event"] for line in written()])
    os.kill(os.getpid(), signal.SIGTERM)
    await until(lambda: "Drain" in edge.kinds())
    if second:
        assert not serving.done()
        os.kill(os.getpid(), signal.SIGTERM)
    await serving
    assert edge.kinds()[-3:] == ["Drain", "Deafen", "GiveUp"]


@pytest.mark.usefixtures("_memory_as_it_was")
@looped
async def test_it_does_not_wait_for_ever(written):
    edge = Slow(10_000)
    server = Server(settings(stop={"timeout": 0.2}), edge, MemoryKernel(), FakeMonitor())
    serving = asyncio.create_task(start.serve(server, unused(server)))
    await until(lambda: "ready" in [line["event"] for line in written()])
    os.kill(os.getpid(), signal.SIGTERM)
    await serving
    assert edge.kinds()[-1] == "GiveUp"
    assert edge.left > 9_000


# -- an upgrade


class Trial:
    """An upgrade that is wanted as soon as it is asked for."""

    def __init__(self) -> None:
        self.wanted = asyncio.Event()
        self.is_closed = False

    def ask(self) -> None:
        self.wanted.set()

    async def close(self) -> None:
        self.is_closed = True


async def upgraded(server: Server, then: Callable[[], None]) -> Handover | None:
    """Serve, be asked to go on as the next program, and see what is left to it."""
    trial: Any = Trial()
    serving = asyncio.create_task(start.serve(server, unused(server), None, None, trial))
    await until(lambda: server.is_up)
    os.kill(os.getpid(), signal.SIGUSR2)
    await until(trial.wanted.is_set)
    then()
    left = await serving
    assert trial.is_closed
    return left


@pytest.mark.usefixtures("_memory_as_it_was")
@looped
async def test_for_an_upgrade_all_is_answered_and_nobody_is_turned_away():
    edge, kernel = Slow(3), MemoryKernel()
    server = Server(given := settings(), edge, kernel, FakeMonitor())
    left = await upgraded(server, lambda: kernel.install(SAS, KEYS, 0))
    assert left
    assert edge.kinds() == ["Deafen", "GiveUp"]
    assert len(kernel.sas) == 4
    assert in_use(given.gm.port_ps)
    assert not left.withdrawn()
    os.kill(os.getpid(), signal.SIGTERM)  # while the rest of it ends
    await until(left.withdrawn)
    left.close()
    assert not in_use(given.gm.port_ps)


@pytest.mark.usefixtures("_memory_as_it_was")
@looped
async def test_who_is_to_stop_after_all_leaves_nothing(written):
    edge, kernel = Slow(10_000), MemoryKernel()
    server = Server(given := settings(), edge, kernel, FakeMonitor())
    kernel.install(SAS, KEYS, 0)
    left = await upgraded(server, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert left is None
    assert written()[-1]["event"] == "stopping"
    assert (kernel.sas, in_use(given.gm.port_ps)) == ({}, False)


@pytest.mark.parametrize("withdrawn", [False, True])
def test_the_next_program_is_run_with_what_is_left(monkeypatch, tmp_path, withdrawn):
    left, gone_on = Handover(withdrawn=lambda: withdrawn), []

    async def serve(*given: object) -> Handover:
        assert given[2] == Handover()
        return left

    def go_on(one: Handover) -> None:
        gone_on.append(one)
        raise OSError(2, "No such file or directory")

    handlers = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGUSR2)}
    monkeypatch.setattr(start, "_serve", serve)
    monkeypatch.setattr(start, "raise_capabilities", lambda: None)
    monkeypatch.setattr(machine, "before_start", lambda *_: None)
    monkeypatch.setattr(Handover, "go_on", go_on)
    if withdrawn:
        start.run(settings(), tmp_path / "pcscf.toml")
        assert not gone_on
        return
    try:
        with pytest.raises(StartError, match=r" cannot go on: No such file or directory$"):
            start.run(settings(), tmp_path / "pcscf.toml")
        assert {signal.getsignal(number) for number in handlers} == {signal.SIG_IGN}
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert gone_on == [left]
