"""The server with a scripted Edge and a kernel in a dict: order, refusals, time."""

import asyncio
import json
import select

import pytest

from pcscf import log
from pcscf.core.effects import CloseFlow, Effect, ExtendSas, InstallSas, RemoveSas, Report, SendSip
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
from pcscf.core.flow import Endpoint, Side, Transport
from pcscf.net import load
from tests.net.server_bench import CK, IK, KEYS, REGISTER, SAS, Onlooker, bench
from tests.net.support import HOST, looped, silence, until
from xfrm.errors import KernelRefusal, MonitorOverrunError
from xfrm.keylog import read_line
from xfrm.model import SaId

pytestmark = pytest.mark.usefixtures("written")


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
