"""Repetitions, with a pump whose time stands in a list."""

from collections.abc import Callable

import pytest

from tests.peers.repeating import Repetition
from tests.peers.wire import Timer


class Played:
    """A pump that fires as soon as it is told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.timer = Timer(lambda: None)

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        self.pauses.append(seconds)
        self.timer = Timer(call)
        return self.timer

    def fire(self) -> bool:
        self.now += self.pauses[-1]
        call, self.timer.call = self.timer.call, None
        if call is not None:
            call()
        return call is not None


@pytest.fixture
def pump(monkeypatch):
    made = Played()
    monkeypatch.setattr("time.monotonic", lambda: made.now)
    return made


def test_pauses_double_up_to_the_longest(pump):
    sent: list[float] = []
    Repetition(pump, lambda: sent.append(pump.now), 2, 16)
    while pump.fire():
        pass
    assert sent[:6] == [2, 6, 14, 30, 46, 62]
    assert 128 - 16 <= sent[-1] < 128


def test_without_a_longest_they_double_for_ever(pump):
    sent: list[float] = []
    Repetition(pump, lambda: sent.append(pump.now), 2)
    while pump.fire():
        pass
    assert sent == [2, 6, 14, 30, 62, 126]


def test_stopped(pump):
    sent: list[float] = []
    repetition = Repetition(pump, lambda: sent.append(pump.now), 2)
    pump.fire()
    repetition.stop()
    pump.fire()
    assert sent == [2]


def test_a_closed_socket_stops_nothing(pump):
    def fails() -> None:
        raise OSError

    Repetition(pump, fails, 2)
    assert pump.fire()
    assert pump.fire()
