"""The server with a scripted Edge and a kernel in a dict: order, refusals, time."""

import asyncio
import json
import select

import pytest

from pcscf import log
from pcscf.core.effects import Effect, ExtendSas, InstallSas, RemoveSas, Report, SendSip
from pcscf.core.events import (
    DeadlineReached,
    Event,
    InstallFailed,
    PolicyChanged,
    SendFailed,
    SipReceived,
)
from pcscf.net import load
from tests.net.server_bench import CK, KEYS, REGISTER, SAS, Onlooker, bench
from tests.net.support import HOST, looped, silence, until
from xfrm.errors import KernelRefusal
from xfrm.model import SaId

pytestmark = pytest.mark.usefixtures("written")


# -- messages


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
