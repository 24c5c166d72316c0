"""The server with a scripted Edge and a kernel in a dict: order, refusals, time, life."""

import asyncio
import io
import json
import select
import socket
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from pcscf import log
from pcscf.config import Settings
from pcscf.core.effects import (
    CloseFlow,
    Effect,
    ExtendSas,
    InstallSas,
    RemoveSas,
    Report,
    SendSip,
)
from pcscf.core.events import (
    DeadlineReached,
    Event,
    FlowClosed,
    InstallFailed,
    PolicyChanged,
    SaExpired,
    SasPresent,
    SasUsed,
    SendFailed,
    SipReceived,
)
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.errors import StartError
from pcscf.net import load
from pcscf.net.key_log import KeyLog
from pcscf.net.server import Server
from tests.net.support import HOST, looped, settings, silence, udp_peer, until
from xfrm.algorithms import Suite
from xfrm.errors import KernelRefusal, MonitorOverrunError
from xfrm.keylog import read_line
from xfrm.memory import MemoryKernel
from xfrm.model import AkaKeys, SaId, SaSet

CK, IK = bytes(range(16)), bytes(range(16, 32))
KEYS = AkaKeys(CK, IK)
SAS = SaSet(
    "192.0.2.9", HOST, Suite("hmac-sha-1-96", "aes-cbc"), 1001, 1002, 1003, 1004, 9001, 9002, 5, 6
)
REGISTER = b"REGISTER sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"


class Script:
    """An Edge that answers each event with what the test says, and keeps a diary."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.times: list[float] = []
        self.answers: dict[type, list[Effect] | Callable[[Any], list[Effect]]] = {}
        self.deadline: float | None = None

    def handle(self, event: Event, now: float) -> list[Effect]:
        self.events.append(event)
        self.times.append(now)
        answer = self.answers.get(type(event), [])
        return answer(event) if callable(answer) else answer

    def next_deadline(self) -> float | None:
        return self.deadline

    def held(self) -> dict[str, int]:
        return {"registrations": 3}

    def counted(self) -> dict[str, int]:
        return {"guard_blocked": 2}

    @property
    def unanswered(self) -> int:
        return 0

    def rest(self, event: Event) -> list[Effect]:
        """An answer: nothing to do, and nothing more to wait for."""
        self.deadline = None
        return []

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


class FakeMonitor:
    """Expirations come through a socket pair; an exception in the queue is raised."""

    def __init__(self) -> None:
        self._ours, self._kernels = socket.socketpair()
        self._queue: list[list[SaId] | Exception] = []
        self.is_closed = False

    def tell(self, what: list[SaId] | Exception) -> None:
        self._queue.append(what)
        self._kernels.send(b".")

    def fileno(self) -> int:
        return self._ours.fileno()

    def read(self) -> list[SaId]:
        self._ours.recv(1)
        what = self._queue.pop(0)
        if isinstance(what, Exception):
            raise what
        return what

    def close(self) -> None:
        self._ours.close()
        self._kernels.close()
        self.is_closed = True


class Lease:
    """An ownership that a test gives and takes."""

    def __init__(self) -> None:
        self.may_act = True
        self.lost = asyncio.Event()
        self.go_on: Callable[[], None]

    def when_sure(self, call: Callable[[], None]) -> None:
        self.go_on = call


class Bench:
    """A server that is up, with everything around it."""

    def __init__(self, given: Settings) -> None:
        lease: Any = Lease()  # it plays an ownership
        self.lease = lease
        self.settings = given
        self.edge = Script()
        self.kernel = MemoryKernel()
        self.monitor = FakeMonitor()
        key_log = KeyLog(given.log.key_file) if given.log.key_file else None
        self.journal = Onlooker()
        self.server = Server(
            given,
            self.edge,
            self.kernel,
            self.monitor,
            key_log=key_log,
            journal=self.journal,
            ownership=lease,
        )
        self.peer, self.remote = udp_peer()

    def local(self, port: int) -> Endpoint:
        return Endpoint(HOST, port)

    @property
    def clear(self) -> Flow:
        """The peer's flow to the unprotected port."""
        local = self.local(self.settings.gm.port)
        return Flow(Transport.UDP, Side.CLEAR, local, self.remote)

    def send(self, text: bytes, ref: str = "") -> SendSip:
        return SendSip(self.clear, text, ref)

    def receive(self, data: bytes) -> None:
        self.peer.sendto(data, self.clear.local)


@asynccontextmanager
async def bench(**sections: dict[str, object]) -> AsyncIterator[Bench]:
    subject = Bench(settings(**sections))
    try:
        await subject.server.start()
        yield subject
    finally:
        await subject.server.close()
        subject.peer.close()


@pytest.fixture(autouse=True)
def written() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The log so far, as objects."""
    stream = io.StringIO()
    log.configure("debug", "json", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()


# -- messages


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
async def test_an_answer_leaves_on_its_flow():
    async with bench() as b:
        b.edge.answers[SipReceived] = lambda event: [SendSip(event.flow, b"200", "ref")]
        b.receive(REGISTER)
        await until(lambda: b.edge.events)
        assert b.peer.recvfrom(100) == (b"200", b.clear.local)
        reader, writer = await asyncio.open_connection(*b.clear.local)
        writer.write(REGISTER)
        assert await reader.readexactly(3) == b"200"
        writer.close()
        await until(lambda: "FlowClosed" in b.edge.kinds())


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


# -- effects


@looped
async def test_effects_are_carried_out_in_order():
    async with bench() as b:
        b.edge.answers[SipReceived] = [
            InstallSas(SAS, KEYS, 240),
            b.send(b"401"),
            ExtendSas(SAS, 600),
            b.send(b"200"),
        ]
        b.server.dispatch(SipReceived(b.clear, b""))
        assert [b.peer.recv(10), b.peer.recv(10)] == [b"401", b"200"]
        assert {sa.lifetime for sa in b.kernel.dump()} == {600}
        b.edge.answers[SipReceived] = [RemoveSas(SAS)]
        b.server.dispatch(SipReceived(b.clear, b""))
        assert b.kernel.sas == {}


@looped
@pytest.mark.parametrize(
    "refusal", [KernelRefusal("install", 93, "EPROTONOSUPPORT"), OSError(105, "no buffer")]
)
async def test_nothing_behind_a_refused_install_happens(refusal, written):
    async with bench() as b:
        b.kernel.refusal = refusal
        b.edge.answers[SipReceived] = [
            b.send(b"before"),
            InstallSas(SAS, KEYS, 240),
            b.send(b"401"),
            RemoveSas(SAS),
        ]
        b.edge.answers[InstallFailed] = [b.send(b"500")]
        b.server.dispatch(SipReceived(b.clear, b""))
        assert b.edge.events[1:] == [InstallFailed(SAS, str(refusal))]
        assert [b.peer.recv(10), b.peer.recv(10)] == [b"before", b"500"]


@looped
async def test_keys_are_logged_if_asked_for_and_only_of_sas_that_there_are(tmp_path):
    path = tmp_path / "keys"
    async with bench(log={"key_file": str(path)}) as b:
        b.edge.answers[SipReceived] = [InstallSas(SAS, KEYS, 240)]
        b.server.dispatch(SipReceived(b.clear, b""))
        logged = path.read_text()
        assert [sa.spi for sa in read_line(logged)] == [1004, 1001, 1002, 1003]
        b.kernel.refusal = KernelRefusal("install", 17, "EEXIST")
        b.server.dispatch(SipReceived(b.clear, b""))
        assert path.read_text() == logged


@looped
async def test_a_refused_install_is_the_next_event_before_what_waits():
    async with bench() as b:
        b.kernel.refusal = KernelRefusal("install", 17, "EEXIST")
        too_long = SendSip(b.clear, b"x" * 70_000, "ref")
        b.edge.answers[SipReceived] = [too_long, InstallSas(SAS, KEYS, 240)]
        b.server.dispatch(SipReceived(b.clear, b""))
        assert b.edge.kinds() == ["SipReceived", "InstallFailed", "SendFailed"]


@looped
async def test_an_event_of_an_effect_waits_until_the_list_is_done():
    async with bench() as b:
        too_long = SendSip(b.clear, b"x" * 70_000, "ref")
        b.edge.answers[SipReceived] = [too_long, b.send(b"behind")]
        b.edge.answers[SendFailed] = [b.send(b"instead")]
        b.server.dispatch(SipReceived(b.clear, b""))
        assert [b.peer.recv(10), b.peer.recv(10)] == [b"behind", b"instead"]
        assert b.edge.kinds() == ["SipReceived", "SendFailed"]


@looped
async def test_a_refused_extend_or_remove_is_logged_and_stops_nothing(written):
    async with bench() as b:
        b.edge.answers[SipReceived] = [ExtendSas(SAS, 600), b.send(b"200")]
        b.server.dispatch(SipReceived(b.clear, b""))
        assert b.peer.recv(10) == b"200"
        (line,) = [line for line in written() if line["event"] == "extend_failed"]
        assert line["level"] == "warning"
        assert b.edge.kinds() == ["SipReceived"]


class Onlooker:
    """A tap and a journal that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def seen(self, flow: Flow, data: bytes, *, sent: bool) -> None:
        self.told.append(("sent" if sent else "received", flow, data))

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *told: self.told.append((name, *told))


@looped
async def test_a_tap_sees_what_comes_and_what_goes_while_it_is_there():
    async with bench() as b:
        tap = Onlooker()
        b.edge.answers[SipReceived] = lambda event: [SendSip(event.flow, b"200")]
        b.server.taps.append(tap)
        b.receive(REGISTER)
        assert await asyncio.to_thread(b.peer.recv, 10) == b"200"
        assert tap.told == [("received", b.clear, REGISTER), ("sent", b.clear, b"200")]
        b.server.taps.remove(tap)
        b.receive(REGISTER)
        assert await asyncio.to_thread(b.peer.recv, 10) == b"200"
        assert len(tap.told) == 2


@looped
async def test_a_tap_that_fails_is_taken_out_and_stops_nothing(written):
    class Broken(Onlooker):
        def seen(self, flow, data, *, sent):
            raise ValueError("secret " + data.decode())

    async with bench() as b:
        tap = Onlooker()
        b.server.taps += [Broken(), tap]
        b.edge.answers[SipReceived] = [b.send(b"200")]
        b.server.dispatch(SipReceived(b.clear, REGISTER))
        assert b.peer.recv(10) == b"200"
        assert (b.server.taps, len(tap.told)) == ([tap], 2)
        (line,) = [line for line in written() if line["event"] == "tap_failed"]
        assert "REGISTER" not in str(line)


@looped
async def test_a_journal_is_told_what_became_of_sas_and_what_was_reported():
    async with bench() as b:
        b.edge.answers[SipReceived] = [
            InstallSas(SAS, KEYS, 240),
            ExtendSas(SAS, 600),
            Report("info", "registered", {"ue": "192.0.2.9"}),
            RemoveSas(SAS),
        ]
        b.server.dispatch(SipReceived(b.clear, b""))
        b.monitor.tell([SaId("192.0.2.9", 7)])
        await until(lambda: "SaExpired" in b.edge.kinds())
        b.kernel.refusal = KernelRefusal("install", 17, "EEXIST")
        b.server.dispatch(SipReceived(b.clear, b""))
        assert b.journal.told == [
            ("installed", SAS, 240),
            ("extended", SAS, 600),
            ("reported", "info", "registered", {"ue": "192.0.2.9"}),
            ("removed", SAS),
            ("expired", SaId("192.0.2.9", 7)),
            ("refused", SAS, str(b.kernel.refusal)),
        ]


@looped
async def test_a_report_is_a_line_of_the_log(written):
    async with bench() as b:
        b.edge.answers[SipReceived] = [Report("warning", "refused", {"peer": "192.0.2.9", "n": 1})]
        b.server.dispatch(SipReceived(b.clear, b""))
        line = written()[-1]
        assert (line["level"], line["event"], line["peer"], line["n"]) == (
            "warning",
            "refused",
            "192.0.2.9",
            1,
        )


@looped
async def test_a_report_below_the_level_is_no_line_but_the_journal_has_it(written):
    async with bench() as b:
        b.edge.answers[SipReceived] = [Report("debug", "stray_response", {"peer": "192.0.2.9"})]
        log.set_level("info")
        b.server.dispatch(SipReceived(b.clear, b""))
        assert "stray_response" not in {line["event"] for line in written()}
        assert b.journal.told == [("reported", "debug", "stray_response", {"peer": "192.0.2.9"})]


@looped
async def test_datagrams_leave_together_though_something_is_reported_in_between():
    async with bench() as b:
        b.peer.setblocking(False)
        there: list[bool] = []

        def look(*_told: object) -> None:
            there.append(bool(select.select([b.peer], [], [], 0)[0]))

        vars(b.journal)["reported"] = look
        report = Report("info", "registered", {})
        b.edge.answers[SipReceived] = [b.send(b"1"), report, b.send(b"2"), report]
        b.server.dispatch(SipReceived(b.clear, b""))
        look()
        assert there == [False, False, True]


@looped
async def test_a_defect_costs_one_event_and_tells_no_secret(written):
    async with bench() as b:

        def defect(event: Event) -> list[Effect]:
            raise ValueError(f"cannot read ck={CK.hex()}")

        b.edge.answers[SipReceived] = defect
        b.server.dispatch(SipReceived(b.clear, REGISTER))
        b.edge.answers[SipReceived] = [b.send(b"200")]
        b.server.dispatch(SipReceived(b.clear, REGISTER))
        assert b.peer.recv(10) == b"200"
        assert b.server.failed_events == 1
        (line,) = [line for line in written() if line["event"] == "event_failed"]
        assert (line["level"], line["about"]) == ("error", "SipReceived")
        assert line["error"].startswith("ValueError at test_server.py:")
        assert CK.hex() not in json.dumps(line)


@looped
async def test_no_key_is_in_the_log_of_an_installation(written):
    async with bench() as b:
        b.edge.answers[SipReceived] = [InstallSas(SAS, KEYS, 240), InstallSas(SAS, KEYS, 240)]
        b.server.dispatch(SipReceived(b.clear, b""))
        assert b.edge.kinds() == ["SipReceived", "InstallFailed"]
        text = json.dumps(written()) + repr(b.edge.events)
        assert not [key for key in (CK, IK) if key.hex() in text or repr(key) in text]


# -- time


@looped
async def test_a_deadline_is_an_event_at_its_time_and_not_before():
    async with bench() as b:
        due = asyncio.get_running_loop().time() + 0.05
        b.edge.deadline = due
        b.edge.answers[DeadlineReached] = b.edge.rest
        b.server.dispatch(SipReceived(b.clear, b""))
        await until(lambda: len(b.edge.events) == 2)
        assert b.edge.kinds() == ["SipReceived", "DeadlineReached"]
        assert b.edge.times[1] >= due


@looped
async def test_a_nearer_deadline_replaces_the_timer_and_a_later_one_waits():
    async with bench() as b:
        loop = asyncio.get_running_loop()
        b.edge.deadline = loop.time() + 1000
        b.server.dispatch(SipReceived(b.clear, b""))
        b.edge.deadline = loop.time() + 0.02
        b.server.dispatch(SipReceived(b.clear, b""))
        b.edge.deadline = later = loop.time() + 0.1
        b.server.dispatch(SipReceived(b.clear, b""))
        b.edge.answers[DeadlineReached] = b.edge.rest
        await until(lambda: "DeadlineReached" in b.edge.kinds())
        assert b.edge.times[-1] >= later


@looped
async def test_without_a_deadline_nothing_happens():
    async with bench() as b:
        b.server.dispatch(SipReceived(b.clear, b""))
        await silence()
        assert b.edge.kinds() == ["SipReceived"]


# -- expirations


@looped
async def test_how_late_the_loop_is_is_an_event(monkeypatch):
    monkeypatch.setattr(load, "_INTERVAL", 0.001)
    monkeypatch.setattr(load, "_NOTABLE", 0.0)
    async with bench() as b:
        await until(lambda: b.edge.events)
        assert set(b.edge.kinds()) == {"LoadMeasured"}
    timer = b.server._load._timer
    assert timer is not None
    assert timer.cancelled()


@looped
async def test_expired_sas_are_events():
    async with bench() as b:
        b.monitor.tell([SAS.ids[0], SAS.ids[1]])
        await until(lambda: len(b.edge.events) == 2)
        assert b.edge.events == [SaExpired(SAS.ids[0]), SaExpired(SAS.ids[1])]


@looped
async def test_lost_expirations_bring_all_sas_that_are_there(written):
    async with bench() as b:
        b.kernel.install(SAS, KEYS, 0)
        b.monitor.tell(MonitorOverrunError())
        await until(lambda: b.edge.events)
        assert b.edge.events == [SasPresent(frozenset(SAS.ids))]
        assert "expirations_lost" in [line["event"] for line in written()]


@looped
async def test_the_kernels_counts_are_handed_in_every_interval_and_never_by_default():
    async with bench(liveness={"interval": 0.02}) as b, bench() as by_default:
        for one in (b, by_default):
            one.kernel.install(SAS, KEYS, 0)
        b.kernel.packets[SAS.ids[3]] = 5
        await until(lambda: len(b.edge.events) >= 2)
        assert b.edge.events[:2] == [SasUsed({SAS.ids[0]: 0, SAS.ids[3]: 5})] * 2
        assert by_default.edge.events == []


@looped
async def test_a_server_that_is_closed_asks_the_kernel_no_more(written):
    async with bench(liveness={"interval": 0.01}) as b:
        await silence(0.02)
    b.kernel.refusal = KernelRefusal("dump", 9, "EBADF")
    await silence()
    assert "usage_unread" not in [line["event"] for line in written()]


@looped
async def test_a_monitor_that_broke_is_left_alone(written):
    async with bench() as b:
        b.monitor.tell(OSError(9, "bad"))
        b.monitor.tell([SAS.ids[0]])
        await silence()
        assert b.edge.events == []
        assert [line["event"] for line in written()].count("monitor_failed") == 1


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


def in_use(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
        return False


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


# -- other settings


@looped
async def test_other_settings_reach_sockets_connections_and_the_core():
    async with bench() as b:
        given, policy = b.settings, b.settings.policy(())
        limits = given.limits.model_copy(update={"max_message": 1300, "max_head": 20})
        _, old = await asyncio.open_connection(HOST, given.gm.port)
        old.write(REGISTER)
        await until(lambda: b.edge.events)
        b.server.adopt(given.model_copy(update={"limits": limits}), policy)
        assert b.edge.events[-1] == PolicyChanged(policy)
        b.receive(b"A" * 1301)
        await until(lambda: b.edge.kinds()[-1] == "SipUnreadable")
        _, new = await asyncio.open_connection(HOST, given.gm.port)
        new.write(REGISTER)
        await until(lambda: b.edge.kinds().count("SipUnreadable") == 2)
        old.write(REGISTER)
        await until(lambda: b.edge.kinds().count("SipReceived") == 2)
        for writer in (old, new):
            writer.close()
        await silence(0.01)
