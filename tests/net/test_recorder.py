"""What is written down of an Edge, and what another process makes of it with its kernel."""

import contextlib
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from pcscf.core.effects import InstallSas
from pcscf.core.views import finished
from pcscf.net.recorder import Recorder
from pcscf.store.sealing import Key, Sealer
from tests.core.phone import Phone
from tests.core.stage import CK, IK, UE, Stage
from xfrm.errors import KernelRefusal
from xfrm.memory import MemoryKernel
from xfrm.model import AkaKeys, SaId, SaSet, SaUsage

KEYS = AkaKeys(bytes.fromhex(CK), bytes.fromhex(IK))
SINCE = 1_800_000_000.0


class Notes(dict[str, bytes]):
    """Records that are written at once; ``ends`` says when each is needed no more."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[str, float] = {}

    def put(self, key: str, value: bytes, expires: float) -> None:
        self[key] = value
        self.ends[key] = expires

    def forget(self, key: str) -> None:
        self.pop(key, None)


OLD, NEW = Key("old", bytes(32)), Key("new", bytes([1]) * 32)


class Turn:
    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.turns: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.stage.now

    def call_later(self, delay: float, call: Callable[[], None]) -> Turn:
        self.turns.append((delay, call))
        return Turn()


class Desk:
    """A stage whose kernel is the MemoryKernel, and a keeper that watches it."""

    def __init__(self, *, sealer: Sealer | None = None) -> None:
        self.stage, self.kernel, self.notes = Stage(), MemoryKernel(), Notes()
        self.sealer = sealer
        self.kernel_name = ""
        self.recorder = self.a_recorder(self.stage)

    def a_recorder(self, stage: Stage) -> Recorder:
        loop: Any = Loop(stage)
        return Recorder(stage.edge, self.notes, self.sealer, loop, SINCE, kernel=self.kernel_name)

    def registered(self, **given: Any) -> Phone:
        before = len(self.stage.log)
        phone = Phone(self.stage, **given)
        phone.registered()
        for effect in self.stage.log[before:]:
            if isinstance(effect, InstallSas):
                self.kernel.install(effect.sa_set, effect.keys, effect.lifetime)
                self.recorder.installed(effect.sa_set, effect.keys)
        self.recorder.write()
        return phone

    def next_process(self, kernel: MemoryKernel | None = None) -> Stage:
        """Another one, with this kernel or one that holds nothing."""
        stage = Stage()
        stage.now = self.stage.now
        self.recorder = self.a_recorder(stage)
        self.kernel = kernel or self.kernel
        recalled, _ = finished(self.recorder.recall(dict(self.notes), self.kernel))
        stage.kernel = dict.fromkeys(recalled.living, 10_000.0)
        stage.play(recalled)
        self.stage = stage
        return stage


def serves(stage: Stage, phone: Phone) -> bool:
    stage.receive(phone.protected_flow(), phone.message("MESSAGE", "sip:b@home.example"))
    return bool(stage.to_core) and stage.last_to_core().method == "MESSAGE"


def test_changes_are_written_together_and_soon() -> None:
    desk = Desk()
    loop = desk.recorder._loop
    desk.recorder.look()
    assert loop.turns == []  # type: ignore[attr-defined]
    phone = Phone(desk.stage)
    phone.registered()
    desk.recorder.look()
    desk.recorder.look()
    ((delay, write),) = loop.turns  # type: ignore[attr-defined]
    assert 0 < delay <= 0.1
    assert not desk.notes
    write()
    (key,) = desk.notes
    assert json.loads(desk.notes[key])["token"] == key.removeprefix("reg:")
    assert desk.notes.ends[key] == pytest.approx(SINCE + desk.stage.now + 600 + 30)
    phone.says(phone.register(expires=0))
    desk.stage.accept(expires=0)
    desk.recorder.write()
    assert not desk.notes


def test_sas_that_the_kernel_holds_serve_on_without_any_key() -> None:
    desk = Desk()
    phone = desk.registered()
    held = dict(desk.kernel.sas)
    stage = desk.next_process()
    assert serves(stage, phone)
    assert desk.kernel.sas == held
    assert not [key for key in desk.notes if key.startswith("sa:")]


def test_without_keys_a_kernel_that_holds_nothing_is_the_end() -> None:
    desk = Desk()
    phone = desk.registered()
    stage = desk.next_process(MemoryKernel())
    assert not serves(stage, phone)
    desk.recorder.write()
    assert not desk.notes


def test_in_another_kernel_sas_are_made_anew_each_time_further_ahead() -> None:
    desk = Desk(sealer=Sealer([OLD]))
    phone = desk.registered()
    before, own = dict(desk.kernel.sas), phone.set_in_kernel()
    desk.recorder.used([SaUsage(SaId(own.pcscf, own.spi_ps), 9, 900, 1, sequence=9)])
    for times in (1, 2):
        stage = desk.next_process(MemoryKernel())
        assert serves(stage, phone)
        assert {id_: sa.keys for id_, sa in desk.kernel.sas.items()} == {
            id_: sa.keys for id_, sa in before.items()
        }
        sequences = {sa.id.spi: sa.sequence for sa in desk.kernel.sas.values()}
        assert sequences[own.spi_ps] == 9
        assert sequences[own.spi_pc] == 0
        assert sequences[own.spi_uc] == sequences[own.spi_us] == times << 22
    lifetimes = {sa.lifetime for sa in desk.kernel.sas.values()}
    assert lifetimes == {600 + 30 + 60}


def test_no_key_is_written_in_the_open() -> None:
    desk = Desk(sealer=Sealer([OLD]))
    desk.registered()
    written = b"\n".join([*desk.notes.values(), *map(str.encode, desk.notes)])
    for secret in (KEYS.ck, KEYS.ik):
        assert secret not in written
        assert secret.hex().encode() not in written.lower()


def test_keys_sealed_for_another_set_make_nothing() -> None:
    desk = Desk(sealer=Sealer([OLD]))
    phone = desk.registered()
    (name,) = [key for key in desk.notes if key.startswith("sa:")]
    desk.notes[name] = Sealer([OLD]).seal("sa:another", bytes(36))
    with capture_logs() as lines:
        stage = desk.next_process(MemoryKernel())
    assert "keys_not_unsealed" in [line["event"] for line in lines]
    assert not serves(stage, phone)


def test_numbers_are_written_when_they_have_moved_on() -> None:
    desk = Desk()
    phone = desk.registered()
    own = phone.set_in_kernel()
    used = SaUsage(SaId(own.pcscf, own.spi_ps), 1, 100, 1, sequence=5)
    desk.recorder.used([used, used._replace(id=SaId(own.pcscf, own.spi_pc), sequence=0)])
    name = f"seq:{own.pcscf}:{own.spi_ps}"
    assert desk.notes[name] == b"5"
    del desk.notes[name]
    desk.recorder.used([used])
    assert name not in desk.notes
    desk.recorder.used([used._replace(sequence=6)])
    desk.recorder.removed(own)
    assert name not in desk.notes


def test_what_belongs_to_nobody_is_forgotten_and_its_sas_are_swept() -> None:
    desk = Desk(sealer=Sealer([OLD]))
    phone = desk.registered()
    own = phone.set_in_kernel()
    stray = SaSet(own.ue, own.pcscf, own.suite, 5, 6, 7, 8, 50, 60, own.port_pc, own.port_ps)
    desk.kernel.install(stray, KEYS, 100)
    desk.notes |= {"sa:198.51.100.5:8": b"x", "seq:198.51.100.5:8": b"3", "reg:bad": b"{", "x": b""}
    with capture_logs() as lines:
        desk.next_process()
    assert set(desk.kernel.sas) == set(own.ids)
    assert sorted(key.partition(":")[0] for key in desk.notes) == ["reg", "sa"]
    assert [line["record"] for line in lines if line["event"] == "record_unreadable"] == ["reg:bad"]


def test_a_refusal_to_make_a_set_anew_is_one_line() -> None:
    desk = Desk(sealer=Sealer([OLD]))
    phone = desk.registered()
    kernel = MemoryKernel()
    kernel.refusal = KernelRefusal("install", 93, "EPROTONOSUPPORT")
    with capture_logs() as lines:
        stage = desk.next_process(kernel)
    (line,) = [line for line in lines if line["event"] == "not_made_anew"]
    assert "EPROTONOSUPPORT" in line["reason"]
    assert not serves(stage, phone)


def test_a_registration_that_cannot_be_read_is_left_to_the_core_to_refuse() -> None:
    desk = Desk()
    desk.notes["reg:x"] = b'{"version": 7}'
    stage = desk.next_process()
    assert [one.event for one in stage.reports] == ["not_restored", "restored"]
    desk.recorder.write()
    assert not desk.notes


def test_a_store_that_has_lost_all_gets_all_again() -> None:
    desk = Desk(sealer=Sealer([OLD]))
    phone = desk.registered()
    own = phone.set_in_kernel()
    desk.recorder.used([SaUsage(SaId(own.pcscf, own.spi_ps), 1, 100, 1, sequence=5)])
    before = dict(desk.notes)
    desk.notes.clear()
    desk.recorder.write_all()
    assert desk.notes == before


def test_a_recall_leaves_others_their_turn() -> None:
    """A lease has to be renewed meanwhile."""
    desk = Desk(sealer=Sealer([OLD]))
    for number in range(200):
        desk.registered(host=f"192.0.2.{number + 10}", impi=f"{number}@home.example")
    look = desk.a_recorder(Stage()).recall(dict(desk.notes), kernel := MemoryKernel())
    steps = [0]
    with contextlib.suppress(StopIteration):
        while True:
            next(look)
            steps.append(len(kernel.sas))
    steps.append(len(kernel.sas))
    assert steps[-1] == 800
    assert max(after - before for before, after in pairwise(steps)) <= 200
    assert steps.count(0) >= 12  # while 400 records are read, and 200 of them understood


def test_a_new_key_of_the_operators_seals_what_the_old_one_has() -> None:
    desk = Desk(sealer=Sealer([OLD]))
    phone = desk.registered()
    desk.sealer = Sealer([NEW, OLD])
    assert serves(desk.next_process(), phone)
    (name,) = [key for key in desk.notes if key.startswith("sa:")]
    assert Sealer([NEW]).open(name, desk.notes[name])


def test_sas_that_are_left_from_before_another_kernel_had_them_are_made_anew() -> None:
    """The phone has seen higher numbers since, and would drop what leaves under the old ones."""
    desk = Desk(sealer=Sealer([OLD]))
    desk.kernel_name = "this"
    phone = desk.registered()
    this, before = desk.kernel, dict(desk.kernel.sas)
    desk.next_process(MemoryKernel())
    assert desk.notes["kernel"] == b"this"
    this_again = desk.next_process(this)
    assert serves(this_again, phone)
    assert this.sas == before  # nobody else had them, by that name
    desk.kernel_name = "other"
    desk.next_process(MemoryKernel())
    assert desk.notes["kernel"] == b"other"
    desk.kernel_name = "this"
    assert serves(desk.next_process(this), phone)
    assert this.sas.keys() == before.keys()
    assert all(sa.sequence > before[name].sequence for name, sa in this.sas.items() if is_out(name))
    desk.notes.clear()
    desk.recorder.write_all()
    assert desk.notes["kernel"] == b"this"


def is_out(name: SaId) -> bool:
    return name.destination == UE


def test_keys_that_were_changed_meanwhile_seal_what_comes_then() -> None:
    desk = Desk(sealer=Sealer([OLD]))
    phone = desk.registered()
    (first,) = [key for key in desk.notes if key.startswith("sa:")]
    desk.recorder.seal_with(Sealer([NEW, OLD]))
    phone.reregistered()
    desk.recorder.installed(phone.set_in_kernel(), KEYS)
    (second,) = [key for key in desk.notes if key.startswith("sa:") and key != first]
    assert Sealer([OLD]).open(first, desk.notes[first])
    assert Sealer([NEW]).open(second, desk.notes[second])
