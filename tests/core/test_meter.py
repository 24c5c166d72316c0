"""Meters: what is under the rate has no level, what is over it fills, and nothing stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcscf.core.meter import Meters


def test_what_is_counted_at_once_adds_up_and_leaks_with_time() -> None:
    meters = Meters(rate=2, room=9)
    assert [meters.add("a", 100) for _ in range(3)] == [1, 2, 3]
    assert meters.level("a", 101) == 1
    assert meters.add("a", 101, 0.5) == 1.5
    assert meters.level("a", 110) == 0
    assert meters.add("a", 110) == 1


def test_each_name_has_a_level_of_its_own_and_can_begin_anew() -> None:
    meters = Meters(rate=1, room=9)
    meters.add("a", 0, 5)
    assert meters.add("b", 0) == 1
    meters.forget("a")
    meters.forget("a")
    assert meters.level("a", 0) == 0
    assert meters.add("a", 0) == 1


def test_without_a_rate_nothing_is_counted() -> None:
    meters = Meters(rate=0, room=9)
    assert [meters.add("a", 0) for _ in range(3)] == [0, 0, 0]
    assert meters.level("a", 0) == len(meters) == 0


@given(
    st.floats(0.1, 1000),
    st.integers(1, 100),
    st.lists(st.floats(0, 1), max_size=200),
)
def test_who_keeps_to_the_rate_stays_below_the_burst(
    rate: float, burst: int, pauses: list[float]
) -> None:
    """Whoever sends ``burst`` at once, and then one for each that has leaked."""
    meters, now = Meters(rate, room=9), 1e6
    for _ in range(burst):
        meters.add("a", now)
    for pause in pauses:
        now += (1 + pause) / rate
        assert meters.add("a", now) <= burst + 0.01


@given(st.floats(0.1, 1000), st.floats(1.1, 10), st.integers(1, 100))
def test_who_is_above_the_rate_gets_above_any_burst(rate: float, times: float, burst: int) -> None:
    meters, now, level = Meters(rate, room=9), 1e6, 0.0
    for _ in range(int(burst / (times - 1) * times) + 20):
        now += 1 / (rate * times)
        level = meters.add("a", now)
    assert level > burst


@given(st.lists(st.tuples(st.integers(0, 40), st.floats(0, 2), st.booleans()), max_size=300))
def test_there_are_never_more_than_the_room(adds: list[tuple[int, float, bool]]) -> None:
    meters, now = Meters(rate=1, room=5), 0.0
    for name, pause, forget in adds:
        now += pause
        meters.add(str(name), now)
        if forget:
            meters.forget(str(name))
        assert len(meters) <= len(meters._order) <= 5


@pytest.mark.parametrize("room", [1, 2, 3])
def test_the_oldest_makes_room(room: int) -> None:
    meters = Meters(rate=1, room=room)
    for name in "abcdefgh":
        meters.add(name, 0, 100)
    assert len(meters) == room
    assert meters.level("h", 0) == 100
    assert meters.level("a", 0) == 0


def test_the_empty_go_as_others_come() -> None:
    """A source that was seen once takes memory no longer than others take to come."""
    meters = Meters(rate=1, room=10_000)
    meters.add("full", 0, 1000)
    for number in range(2000):
        meters.add(str(number), number / 100)
    assert len(meters) < 250
    assert meters.level("full", 20) == 980


def test_with_another_rate_everyone_stays_as_far_ahead() -> None:
    meters = Meters(rate=2, room=9)
    meters.add("a", 100, 6)
    meters.change(rate=1, room=9, now=101)
    assert [meters.level("a", now) for now in (101, 103)] == [4, 2]
    meters.change(rate=0, room=9, now=103)
    assert len(meters) == meters.add("a", 103) == 0
    meters.change(rate=1, room=9, now=104)
    assert meters.add("a", 104) == 1


def test_a_smaller_room_is_kept_to_as_new_names_come() -> None:
    meters = Meters(rate=1, room=100)
    for number in range(100):
        meters.add(str(number), 0, 1000)
    meters.change(rate=1, room=10, now=1)
    for number in range(100, 200):
        meters.add(str(number), 1, 1000)
    assert len(meters) <= 10
