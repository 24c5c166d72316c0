"""The block list: expiry, doubling, its bounds, and what the operator reads."""

from dataclasses import replace

import pytest

from pcscf.core.blocks import Block, Blocks
from pcscf.core.context import Context
from pcscf.core.effects import Report
from pcscf.core.guard_policy import GuardPolicy
from pcscf.core.ids import Ids
from tests.core.stage import POLICY

START = 1000.0


class List:
    """A block list with a clock."""

    def __init__(self, **guard: float) -> None:
        policy = GuardPolicy(**{"block_time": 60, "block_time_max": 200} | guard)  # type: ignore[arg-type]
        self.context = Context(replace(POLICY, guard=policy), Ids(bytes))
        self.context.now = START
        self.blocks = Blocks(self.context)

    def wait(self, seconds: float) -> None:
        end = self.context.now + seconds
        deadlines = self.context.deadlines
        while (at := deadlines.next()) is not None and at <= end:
            self.context.now = max(self.context.now, at)
            while (owner := deadlines.pop_due(self.context.now)) is not None:
                assert isinstance(owner, Block)
                self.blocks.on_deadline(owner)
        self.context.now = end

    def lasts(self, source: str) -> float:
        """How long a source that is blocked now stays so."""
        return self.blocks.in_force[source].until - self.context.now

    @property
    def told(self) -> list[str]:
        return [e.event for e in self.context.effects if isinstance(e, Report)]


@pytest.fixture
def listed() -> List:
    return List()


def test_a_block_ends_by_itself_and_leaves_nothing(listed: List) -> None:
    listed.blocks.add("a", "why")
    listed.wait(59)
    assert "a" in listed.blocks.in_force
    listed.wait(1)
    assert "a" not in listed.blocks.in_force
    listed.wait(200)
    assert len(listed.blocks) == 0
    assert listed.context.deadlines.next() is None


def test_each_block_that_follows_takes_twice_as_long_up_to_the_longest(listed: List) -> None:
    times = []
    for _ in range(4):
        listed.blocks.add("a", "why")
        times.append(listed.lasts("a"))
        listed.wait(times[-1] + 10)
    assert times == [60, 120, 200, 200]


def test_a_block_long_past_does_not_count(listed: List) -> None:
    listed.blocks.add("a", "why")
    listed.wait(60 + 200)
    listed.blocks.add("a", "why")
    assert listed.lasts("a") == 60


def test_who_is_blocked_anew_is_blocked_for_the_new_time(listed: List) -> None:
    listed.blocks.add("a", "why")
    listed.blocks.add("a", "by hand", seconds=500)
    listed.wait(499)
    assert "a" in listed.blocks.in_force
    listed.wait(1)
    assert "a" not in listed.blocks.in_force


def test_a_second_block_while_the_first_is_in_force_follows_it(listed: List) -> None:
    listed.blocks.add("a", "why")
    listed.blocks.add("a", "why")
    assert listed.lasts("a") == 120
    assert len(listed.blocks) == 1


def test_who_is_let_free_by_hand_begins_anew(listed: List) -> None:
    listed.blocks.add("a", "why")
    assert listed.blocks.remove("a")
    assert not listed.blocks.remove("a")
    assert len(listed.blocks) == 0
    listed.blocks.add("a", "why")
    assert listed.lasts("a") == 60


def test_a_full_list_lets_the_oldest_free_and_is_counted() -> None:
    listed = List(max_blocked=2)
    for source in "abcde":
        listed.blocks.add(source, "why")
    assert list(listed.blocks.in_force) == ["d", "e"]
    assert len(listed.blocks) == 4
    assert listed.context.counters["guard_block_list_full"] == 3
    listed.wait(60 + 200)
    assert len(listed.blocks) == 0


def test_a_line_at_each_end_and_both_are_counted(listed: List) -> None:
    listed.blocks.add("a", "why")
    listed.wait(60)
    assert listed.context.effects == [
        Report("warning", "source_blocked", {"source": "a", "reason": "why", "seconds": 60}),
        Report("info", "source_free", {"source": "a", "reason": "why"}),
    ]
    assert listed.context.counters == {"guard_blocked": 1, "guard_freed": 1}


def test_forged_sources_do_not_fill_the_log(listed: List) -> None:
    for number in range(500):
        listed.blocks.add(str(number), "why")
    assert len(listed.told) == 20
    assert listed.context.counters["guard_lines_left_out"] == 480
    assert listed.context.counters["guard_blocked"] == 500


def test_a_smaller_list_is_kept_to_from_the_next_block_on(listed: List) -> None:
    for source in "abcd":
        listed.blocks.add(source, "why")
    guard = GuardPolicy(block_time=60, block_time_max=200, max_blocked=2)
    listed.context.adopt(replace(POLICY, guard=guard))
    listed.blocks.add("e", "why")
    assert list(listed.blocks.in_force) == ["d", "e"]
    assert len(listed.blocks) == 4
