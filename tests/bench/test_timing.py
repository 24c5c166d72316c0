import pytest

from tests.bench import timing
from tests.bench.timing import best, seconds


@pytest.fixture
def readings(monkeypatch):
    """What the clock says, time after time."""

    def say(*values: float) -> None:
        monkeypatch.setattr(timing, "clock", iter(values).__next__)

    return say


def test_a_figure_is_the_time_between_two_readings(readings) -> None:
    readings(10.0, 12.5)
    assert seconds(lambda: None) == 2.5


def test_the_best_round_counts_and_is_shared_out_in_microseconds(readings) -> None:
    readings(0.0, 3.0, 10.0, 11.0, 20.0, 22.0)
    acts: list[int] = []
    assert best(3, lambda: acts.append(1), count=4) == 250_000
    assert len(acts) == 3
