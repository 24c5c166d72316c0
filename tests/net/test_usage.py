"""Looks at the kernel's counters, on a loop whose time is scripted."""

import errno
from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from pcscf.core.events import Event, SasUsed
from pcscf.net import usage
from pcscf.net.usage import UsageReader
from xfrm.errors import KernelRefusal
from xfrm.memory import MemoryKernel
from xfrm.model import SaId, SaUsage

OWN, UE = "198.51.100.5", "192.0.2.9"


class Turn:
    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at, self.call, self.is_cancelled = at, call, False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """What is to be called next, and a clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.turns: list[Turn] = []

    def call_later(self, delay: float, call: Callable[[], None]) -> Turn:
        self.turns.append(Turn(self.now + delay, call))
        return self.turns[-1]

    def call_soon(self, call: Callable[[], None]) -> Turn:
        return self.call_later(0, call)

    def turn(self) -> None:
        (turn,) = [one for one in self.turns if not one.is_cancelled]
        self.turns.clear()
        self.now = turn.at
        turn.call()


class Scene:
    def __init__(self, interval: float = 30) -> None:
        self.loop, self.kernel = Loop(), Counts()
        self.events: list[dict[SaId, int]] = []
        self.reader = UsageReader(
            self.loop,  # type: ignore[arg-type]
            self.kernel,
            self._on_event,
            interval=interval,
            own=[OWN],
        )
        self.reader.start()

    def _on_event(self, event: Event) -> None:
        assert isinstance(event, SasUsed)
        self.events.append(event.packets)

    def look(self) -> None:
        """Run to the end of the look that is due next."""
        start = self.loop.turns[0].at
        while self.loop.turns[0].at <= start:
            self.loop.turn()


class Counts(MemoryKernel):
    """A kernel with so many SAs to us, each of one packet."""

    def __init__(self) -> None:
        super().__init__()
        self.inbound = 1
        self.given_up = 0
        self.failure: Exception | None = None

    def usage(self) -> Iterator[SaUsage]:
        try:
            if self.failure is not None:
                raise self.failure
            for spi in range(self.inbound):
                yield SaUsage(SaId(OWN, spi), 1, 100, 1000)
            yield SaUsage(SaId(UE, 1), 7, 100, 1000)
        except GeneratorExit:
            self.given_up += 1
            raise


def test_a_look_tells_of_inbound_sas_alone() -> None:
    scene = Scene()
    scene.look()
    assert scene.events == [{SaId(OWN, 0): 1}]


def test_looks_are_an_interval_apart() -> None:
    scene = Scene(interval=30)
    for number in range(1, 4):
        scene.look()
        assert (scene.loop.now, len(scene.events)) == (100 + 30 * number, number)


def test_an_interval_of_0_is_no_look_at_all() -> None:
    assert Scene(interval=0).loop.turns == []


def test_many_sas_come_in_parts_and_the_loop_turns_in_between() -> None:
    scene = Scene()
    scene.kernel.inbound = 5 * usage._PART // 2
    for parts in range(1, 4):
        scene.loop.turn()
        assert len(scene.events) == parts
    assert max(map(len, scene.events)) == usage._PART
    assert sum(map(len, scene.events)) == scene.kernel.inbound
    assert scene.loop.now == 130


@pytest.mark.parametrize(
    "refusal",
    [KernelRefusal("dump", errno.ENOBUFS, "ENOBUFS: no room"), OSError(errno.EMFILE, "no room")],
)
def test_a_refusal_is_one_line_and_the_next_look_comes(refusal: Exception) -> None:
    scene = Scene()
    scene.kernel.failure = refusal
    with capture_logs() as lines:
        scene.look()
    assert [(line["event"], line["log_level"]) for line in lines] == [("usage_unread", "warning")]
    assert "no room" in lines[0]["reason"]
    scene.kernel.failure = None
    scene.look()
    assert len(scene.events) == 1


@pytest.mark.parametrize("turns", [0, 1])
def test_a_reader_that_is_closed_looks_no_more(turns: int) -> None:
    scene = Scene()
    scene.kernel.inbound = 5 * usage._PART
    for _ in range(turns):
        scene.loop.turn()
    scene.reader.close()
    assert scene.loop.turns[0].is_cancelled
    assert scene.kernel.given_up == turns


def test_another_interval_counts_from_now_on() -> None:
    scene = Scene(interval=30)
    scene.reader.change(300)
    scene.loop.turn()
    assert scene.loop.now == 400
    scene.reader.change(0)
    assert [one for one in scene.loop.turns if not one.is_cancelled] == []
    scene.reader.change(10)
    scene.loop.turn()
    assert scene.loop.now == 410


def test_the_same_interval_disturbs_no_look() -> None:
    scene = Scene(interval=30)
    scene.loop.now = 120
    scene.reader.change(30)
    scene.loop.turn()
    assert scene.loop.now == 130
