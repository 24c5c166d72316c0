"""A core on its stage, with a kernel that counts and a diagnosis of both."""

import asyncio
import errno
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pcscf.core.effects import Effect, ExtendSas, InstallSas, RemoveSas, Report
from pcscf.core.events import InstallFailed
from pcscf.core.flow import Flow, Side
from pcscf.diagnosis.diagnosis import Diagnosis
from tests.core.stage import GM, GM6, Stage
from xfrm.errors import KernelRefusal
from xfrm.memory import MemoryKernel
from xfrm.model import InstalledSa, SaId

EPOCH = 1_795_651_200.0 - 1000  # the stage begins at 1000: midnight UTC, 2026-11-26 00:00:00
STAT = ("XfrmInNoStates", "XfrmInStateProtoError", "XfrmInTmplMismatch", "XfrmInStateMismatch")


class Turn:
    """One call that the loop is to make."""

    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at, self.call, self.is_cancelled = at, call, False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """What is to be called, on a clock that a test moves."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.time = clock
        self.turns: list[Turn] = []

    def call_later(self, delay: float, call: Callable[[], None]) -> Turn:
        self.turns.append(Turn(self.time() + delay, call))
        return self.turns[-1]

    def run(self) -> None:
        """Make the calls that are due, in their order."""
        while due := sorted((t for t in self.turns if t.at <= self.time()), key=lambda t: t.at):
            self.turns.remove(due[0])
            if not due[0].is_cancelled:
                due[0].call()


class Counting(MemoryKernel):
    """A kernel whose counters a test sets; ``lost`` are SAs that somebody deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: dict[SaId, dict[str, int]] = {}
        self.lost: set[SaId] = set()

    def read(self, sa: SaId) -> InstalledSa | None:
        found = super().read(sa)
        if found is None or sa in self.lost:
            return None
        return found._replace(**self.counted.get(sa, {}))  # type: ignore[arg-type]


class Ears:
    """Raw sockets that hear what a test says."""

    def __init__(self) -> None:
        self.is_open = False
        self.opened = 0
        self.failure: OSError | None = None
        self.packets: list[tuple[str, SaId]] = []

    def listen(self, _addresses: Sequence[str]) -> "Ears":
        if self.failure is not None:
            raise self.failure
        self.is_open = True
        self.opened += 1
        return self

    def read(self, most: int) -> list[tuple[str, SaId]]:
        assert self.is_open
        heard, self.packets = self.packets[:most], self.packets[most:]
        return heard

    def close(self) -> None:
        self.is_open = False


class Scene(Stage):
    """The stage, whose effects the journal is told of as the server does it."""

    def __init__(
        self, directory: Path, *, options: dict[str, Any] | None = None, **policy: Any
    ) -> None:
        super().__init__(**policy)
        self.counters = Counting()
        self.loop = Loop(lambda: self.now)
        self.ears = Ears()
        self.stat = directory / "xfrm_stat"
        self.drop()
        settings = {"interval": 2.0, "listen": 30.0, "max_phones": 100, "max_age": 86400.0}
        self.diagnosis = Diagnosis(
            self.loop,  # type: ignore[arg-type]
            self.counters,
            self.edge.views,
            gm=[GM, GM6],
            stat=self.stat,
            ears=self.ears.listen,
            clock=self.clock,
            **(settings | (options or {})),
        )
        self.journal = self.diagnosis.journal
        self.diagnosis.start()

    def clock(self) -> float:
        return EPOCH + self.now

    def receive(self, flow: Flow, data: bytes) -> list[Effect]:
        """Take a message; one under SAs was counted by the kernel."""
        if flow.side is Side.PROTECTED:
            self.counters.packets.update(sa for sa in self._inbound(flow))
        return super().receive(flow, data)

    def _inbound(self, flow: Flow) -> Iterator[SaId]:
        for one in self.kernel:
            if one.ue == flow.remote.host and one.port_uc == flow.remote.port:
                yield one.ids[0]

    def _carry_out(self, effect: Effect) -> InstallFailed | None:
        failed = super()._carry_out(effect)
        match effect:
            case InstallSas(sa_set, keys, lifetime):
                if failed is not None:
                    self.journal.refused(sa_set, failed.reason)
                else:
                    self.counters.install(sa_set, keys, lifetime)
                    self.journal.installed(sa_set, lifetime)
            case ExtendSas(sa_set, lifetime):
                self.counters.extend(sa_set, lifetime)
                self.journal.extended(sa_set, lifetime)
            case RemoveSas(sa_set):
                self.counters.remove(sa_set)
                self.journal.removed(sa_set)
            case Report(level, event, fields):
                self.journal.reported(level, event, fields)
        return failed

    def wait(self, seconds: float) -> None:
        """Let time pass for the core, and for the looks at what was dropped."""
        end = self.now + seconds
        while self.now < end:
            super().wait(min(1.0, end - self.now))
            self.loop.run()

    def drop(self, **counts: int) -> None:
        """Let the kernel have dropped so much since it was booted."""
        lines = (f"{name:24}\t{counts.get(name, 0)}" for name in (*STAT, *(counts.keys() - STAT)))
        self.stat.write_text("\n".join(lines) + "\n")

    def hear(self, source: str, sa: SaId, count: int = 1) -> None:
        """Have ESP come for which there is no SA, the first packet before anybody listens."""
        before = int(self.stat.read_text().split()[1])
        self.drop(XfrmInNoStates=before + 1)
        self.wait(3)
        self.drop(XfrmInNoStates=before + 1 + count)
        self.ears.packets += [(source, sa)] * count
        self.wait(4)

    def refuse_counters(self) -> None:
        """Have the kernel answer no question."""
        self.counters.refusal = KernelRefusal("find", errno.ENOMEM, "ENOMEM")

    def why(self, who: str) -> list[str]:
        """The sentences, each with its level in front."""
        told = asyncio.run(self.diagnosis.why(who))
        return [f"{one['level']}: {one['text']}" for one in told]
