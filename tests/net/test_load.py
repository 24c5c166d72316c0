"""The load meter on a loop whose time is scripted."""

import pytest

from pcscf.core.events import Event, LoadMeasured
from pcscf.net.load import LoadMeter


class Timer:
    def __init__(self, at: float, call) -> None:
        self.at, self.call, self.is_cancelled = at, call, False

    def when(self) -> float:
        return self.at

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """One timer, and a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timer: Timer | None = None

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, call) -> Timer:
        self.timer = Timer(at, call)
        return self.timer

    def turn(self, *, late: float) -> None:
        """Let the timer go off, so much too late."""
        assert self.timer is not None
        timer, self.timer = self.timer, None
        self.now = timer.at + late
        timer.call()


class Scene:
    def __init__(self) -> None:
        self.loop = Loop()
        self.told: list[float] = []
        self.meter = LoadMeter(self.loop, self._on_event)  # type: ignore[arg-type]
        self.meter.start()

    def _on_event(self, event: Event) -> None:
        assert isinstance(event, LoadMeasured)
        self.told.append(event.lag)

    def run(self, seconds: float, *, late: float) -> list[float]:
        """What is told meanwhile."""
        before = len(self.told)
        end = self.loop.now + seconds
        while self.loop.now < end:
            self.loop.turn(late=late)
        return self.told[before:]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_loop_that_keeps_time_says_nothing(scene: Scene) -> None:
    assert scene.run(100, late=0.005) == []


def test_a_loop_that_is_late_tells_how_late_at_most_once_a_second(scene: Scene) -> None:
    scene.run(10, late=0.0)
    told = scene.run(20, late=0.02)
    assert 15 <= len(told) <= 20
    assert told[-1] == pytest.approx(0.02, abs=0.001)


def test_the_lag_rises_and_falls_within_seconds(scene: Scene) -> None:
    scene.run(10, late=0.0)
    assert scene.run(3, late=0.4)[-1] > 0.2
    scene.run(20, late=0.4)
    assert scene.run(3, late=0.0)[-1] < 0.1


def test_one_late_turn_is_no_load(scene: Scene) -> None:
    scene.run(10, late=0.0)
    scene.loop.turn(late=0.3)
    assert max(scene.told) < 0.1


def test_that_it_is_over_is_told_and_then_no_more(scene: Scene) -> None:
    scene.run(10, late=0.4)
    assert scene.run(20, late=0.0)[-1] < 0.01
    assert scene.run(20, late=0.0) == []


def test_a_timer_that_comes_early_is_not_late(scene: Scene) -> None:
    assert scene.run(100, late=-0.05) == []


def test_a_meter_that_is_closed_measures_no_more(scene: Scene) -> None:
    scene.meter.close()
    assert scene.loop.timer is not None
    assert scene.loop.timer.is_cancelled


def test_how_late_it_is_can_be_asked_at_any_time(scene: Scene) -> None:
    assert scene.meter.lag == 0
    scene.run(10, late=0.5)
    assert scene.meter.lag == pytest.approx(0.5, rel=0.05)
    scene.run(30, late=0)
    assert scene.meter.lag < 0.001
