"""The SAs of a server with a kernel in a dict: refusals, key log, expirations, counts."""

import json
from typing import Any

import pytest

from pcscf.core.effects import ExtendSas, InstallSas, RemoveSas
from pcscf.core.events import SaExpired, SasPresent, SasUsed, SipReceived
from pcscf.net.associations import Associations
from tests.net.server_bench import CK, IK, KEYS, SAS, FakeMonitor, Onlooker, bench
from tests.net.support import looped, settings, silence, until
from xfrm.errors import KernelRefusal, MonitorOverrunError
from xfrm.keylog import read_line
from xfrm.memory import MemoryKernel
from xfrm.model import SaSet

pytestmark = pytest.mark.usefixtures("written")


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
@pytest.mark.parametrize(
    ("effect", "event"),
    [(ExtendSas(SAS, 600), "extend_failed"), (RemoveSas(SAS), "remove_failed")],
)
async def test_a_refused_extend_or_remove_is_logged_and_stops_nothing(effect, event, written):
    async with bench() as b:
        vars(b.kernel)["remove"] = Spoiled().remove
        b.edge.answers[SipReceived] = [effect, b.send(b"200")]
        b.server.dispatch(SipReceived(b.clear, b""))
        assert b.peer.recv(10) == b"200"
        (line,) = [line for line in written() if line["event"] == event]
        assert line["level"] == "warning"
        assert b.edge.kinds() == ["SipReceived"]


@looped
async def test_no_key_is_in_the_log_of_an_installation(written):
    async with bench() as b:
        b.edge.answers[SipReceived] = [InstallSas(SAS, KEYS, 240), InstallSas(SAS, KEYS, 240)]
        b.server.dispatch(SipReceived(b.clear, b""))
        assert b.edge.kinds() == ["SipReceived", "InstallFailed"]
        text = json.dumps(written()) + repr(b.edge.events)
        assert not [key for key in (CK, IK) if key.hex() in text or repr(key) in text]


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


class Spoiled(MemoryKernel):
    """Refuses to extend and to remove."""

    def extend(self, sa_set: SaSet, lifetime: int) -> None:
        raise KernelRefusal("extend", 3, "ESRCH")

    def remove(self, sa_set: SaSet) -> None:
        raise KernelRefusal("remove", 3, "ESRCH")


class Watched:
    """Associations, and who is told what was done."""

    def __init__(self, kernel: MemoryKernel, **sections: dict[str, object]) -> None:
        key_log: Any = Onlooker()
        recorder: Any = Onlooker()
        self.key_log, self.recorder, self.journal = key_log, recorder, Onlooker()
        self.subject = Associations(
            settings(**sections),
            kernel,
            FakeMonitor(),
            Onlooker().emitted,
            key_log=key_log,
            journal=self.journal,
            recorder=recorder,
        )


@looped
async def test_recorder_key_log_and_journal_are_told_what_was_done():
    w = Watched(MemoryKernel())
    assert w.subject.install(InstallSas(SAS, KEYS, 240)) is None
    w.subject.remove(RemoveSas(SAS))
    w.subject.close(keep=False)
    assert w.key_log.told == [("write", SAS, KEYS), ("close",)]
    assert w.recorder.told == [("installed", SAS, KEYS), ("removed", SAS)]
    assert w.journal.told == [("installed", SAS, 240), ("removed", SAS)]


@looped
async def test_only_the_journal_is_told_of_what_was_refused():
    w = Watched(kernel := Spoiled())
    w.subject.extend(ExtendSas(SAS, 600))
    w.subject.remove(RemoveSas(SAS))
    assert w.journal.told == []
    kernel.refusal = KernelRefusal("install", 17, "EEXIST")
    reason = w.subject.install(InstallSas(SAS, KEYS, 240))
    assert w.journal.told == [("refused", SAS, reason)] == [("refused", SAS, str(kernel.refusal))]
    assert w.key_log.told == w.recorder.told == []
    w.subject.close(keep=False)


@looped
async def test_a_refusal_without_words_is_one():
    w = Watched(kernel := MemoryKernel())

    def refuse(*_: object) -> None:
        raise OSError

    vars(kernel)["install"] = refuse
    assert w.subject.install(InstallSas(SAS, KEYS, 240)) is not None
    w.subject.close(keep=False)


@looped
async def test_the_numbers_of_sas_that_end_here_are_kept_every_interval():
    kernel = MemoryKernel()
    kernel.install(SAS, KEYS, 0)
    w = Watched(kernel, store={"sequence_interval": 0.02})
    w.subject.count()
    await until(lambda: w.recorder.told)
    what, part = w.recorder.told[0]
    assert isinstance(part, list)
    assert (what, {one.id for one in part}) == ("used", {SAS.ids[0], SAS.ids[3]})
    w.subject.close(keep=False)


@looped
async def test_without_a_recorder_nobody_asks_for_numbers(written):
    async with bench(store={"sequence_interval": 0.01}) as b:
        b.kernel.refusal = KernelRefusal("dump", 9, "EBADF")
        await silence()
        assert "usage_unread" not in [line["event"] for line in written()]


@looped
async def test_another_interval_is_taken_while_it_runs():
    async with bench() as b:
        b.kernel.install(SAS, KEYS, 0)
        often = b.settings.liveness.model_copy(update={"interval": 0.01})
        b.server.adopt(b.settings.model_copy(update={"liveness": often}), b.settings.policy(()))
        await until(lambda: "SasUsed" in b.edge.kinds())
