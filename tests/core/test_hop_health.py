"""States of next hops: thresholds, rest, trial, order. Times are on the test's own clock."""

from dataclasses import replace
from random import Random

import pytest

from pcscf.core import hop_health
from pcscf.core.context import Context
from pcscf.core.effects import Report
from pcscf.core.hop_health import HopHealth, HopRecord, HopState
from pcscf.core.ids import Ids
from pcscf.core.policy import HealthPolicy, NextHop
from tests.core.stage import POLICY
from tests.core.zone import tcp, udp

ONE, TWO, THREE = udp("198.51.100.1"), udp("198.51.100.2"), tcp("198.51.100.3")
SILENT = "no answer"


class World:
    """The health of hops, of which ``watched`` get OPTIONS."""

    def __init__(self, *watched: NextHop) -> None:
        limits = HealthPolicy(failures=3, successes=2, hold=60, max_retry_after=300)
        self.context = Context(replace(POLICY, health=limits), Ids(Random(1).randbytes))
        self.health = HopHealth(self.context)
        self.health.watch(watched)

    def fail(self, hop: NextHop, times: int = 1, rest: float | None = None) -> None:
        for _ in range(times):
            self.health.on_failed(hop, SILENT, rest)

    def wait(self, seconds: float) -> None:
        self.context.now += seconds
        while (owner := self.context.deadlines.pop_due(self.context.now)) is not None:
            assert isinstance(owner, HopRecord)
            self.health.on_deadline(owner)

    def state(self, hop: NextHop) -> str:
        return {status.hop: status.state for status in self.health.status([hop])}[hop]

    def flags(self, hop: NextHop) -> str:
        return {status.hop: status.flags for status in self.health.status([hop])}[hop]

    def reports(self) -> list[tuple[str, str]]:
        reports = [e for e in self.context.effects if isinstance(e, Report)]
        assert {report.event for report in reports} <= {"next_hop_state"}
        return [(report.level, str(report.fields["state"])) for report in reports]


def test_a_hop_of_which_nothing_is_known_is_active() -> None:
    world = World()
    assert world.health.usable([ONE, TWO]) == [ONE, TWO]
    assert world.flags(ONE) == "AX"
    world.health.on_alive(ONE)
    assert world.health.status([]) == []


def test_failures_in_a_row_make_a_hop_inactive() -> None:
    world = World(ONE)
    world.fail(ONE, 2)
    assert world.flags(ONE) == "AP"
    world.fail(ONE)
    assert world.flags(ONE) == "IP"
    assert world.health.usable([ONE, TWO]) == [TWO]
    assert world.reports() == [("warning", "inactive")]
    assert world.context.counters["next_hop_inactive"] == 1


def test_an_answer_between_failures_begins_the_row_anew() -> None:
    world = World(ONE)
    world.fail(ONE, 2)
    world.health.on_alive(ONE)
    world.fail(ONE, 2)
    assert world.state(ONE) == "active"
    assert world.reports() == []


def test_answers_in_a_row_make_it_active_again() -> None:
    world = World(ONE)
    world.fail(ONE, 3)
    world.health.on_alive(ONE)
    assert (world.state(ONE), world.flags(ONE)) == ("probing", "IP")
    world.health.on_alive(ONE)
    assert world.flags(ONE) == "AP"
    assert world.reports() == [("warning", "inactive"), ("info", "probing"), ("info", "active")]
    world.fail(ONE, 2)
    assert world.state(ONE) == "active"


def test_one_failure_ends_the_way_back() -> None:
    world = World(ONE)
    world.fail(ONE, 3)
    world.health.on_alive(ONE)
    world.fail(ONE)
    assert world.state(ONE) == "inactive"
    world.health.on_alive(ONE)
    assert world.state(ONE) == "probing"


def test_active_hops_come_before_those_that_come_back() -> None:
    world = World(ONE, TWO, THREE)
    world.fail(ONE, 3)
    world.health.on_alive(ONE)
    world.fail(TWO, 3)
    assert world.health.usable([ONE, TWO, THREE]) == [THREE, ONE]
    assert world.health.usable([TWO, ONE]) == [ONE]


def test_inactive_hops_are_tried_where_there_is_no_other_but_disabled_ones_never() -> None:
    world = World(ONE, TWO, THREE)
    world.fail(ONE, rest=100)
    world.fail(TWO, 3)
    world.health.disable(THREE)
    assert world.health.usable([ONE, TWO, THREE]) == [TWO, ONE]
    assert world.health.usable([THREE]) == []


def test_a_hop_without_options_comes_back_by_time_on_trial() -> None:
    world = World()
    world.fail(ONE, 3)
    assert world.flags(ONE) == "IX"
    world.wait(59)
    assert world.state(ONE) == "inactive"
    world.wait(1)
    assert world.state(ONE) == "active"
    world.fail(ONE)
    assert world.state(ONE) == "inactive"


def test_a_hop_without_options_that_answered_as_the_last_resort_is_forgotten() -> None:
    world = World()
    world.fail(ONE, 3)
    world.health.on_alive(ONE)
    world.health.on_alive(ONE)
    assert world.health.status([]) == []
    assert world.context.deadlines._live == 0


def test_a_failure_as_the_last_resort_makes_the_time_longer() -> None:
    world = World()
    world.fail(ONE, 3)
    world.wait(50)
    world.fail(ONE)
    world.wait(59)
    assert world.state(ONE) == "inactive"
    world.wait(1)
    assert world.state(ONE) == "active"


def test_a_hop_with_options_waits_for_answers_however_long() -> None:
    world = World(ONE)
    world.fail(ONE, 3)
    world.wait(100_000)
    assert world.state(ONE) == "inactive"


@pytest.mark.parametrize(("rest", "kept"), [(120, 120), (100_000, 300)])
def test_a_hop_that_asks_for_rest_has_it_at_once_and_within_bounds(
    rest: float, kept: float
) -> None:
    """RFC 3261 21.5.4: no request goes there, OPTIONS included."""
    world = World(ONE, TWO)
    world.fail(ONE, rest=rest)
    assert world.health.usable([ONE, TWO]) == [TWO]
    assert world.health.to_probe() == [TWO]
    assert world.flags(ONE) == "IX"
    for _ in range(5):
        world.health.on_alive(ONE)  # answers to what was sent before
    world.wait(kept - 1)
    assert world.state(ONE) == "inactive"
    world.wait(1)
    assert world.flags(ONE) == "AP"
    world.fail(ONE)
    assert world.state(ONE) == "inactive"


def test_a_shorter_rest_does_not_end_a_longer_one() -> None:
    world = World(ONE)
    world.fail(ONE, rest=100)
    world.fail(ONE, rest=10)
    world.wait(99)
    assert world.state(ONE) == "inactive"
    world.wait(1)
    assert world.state(ONE) == "active"


def test_a_rest_of_no_time_is_a_failure_like_others() -> None:
    world = World(ONE)
    world.fail(ONE, rest=0)
    assert world.state(ONE) == "active"


def test_a_disabled_hop_stays_so_whatever_it_answers() -> None:
    world = World(ONE)
    world.fail(ONE, rest=100)
    world.health.disable(ONE)
    assert world.flags(ONE) == "DX"
    world.wait(200)
    world.health.on_alive(ONE)
    world.fail(ONE, 9, rest=5)
    world.wait(200)
    assert world.flags(ONE) == "DX"
    assert world.health.to_probe() == []
    world.health.enable(ONE)
    assert world.flags(ONE) == "AP"
    world.fail(ONE, 2)
    assert world.state(ONE) == "active"


def test_only_what_is_disabled_can_be_enabled() -> None:
    world = World(ONE)
    world.fail(ONE, 3)
    world.health.enable(ONE)
    assert world.state(ONE) == "inactive"


def test_a_registration_stays_at_its_hop_while_that_is_active() -> None:
    world = World(ONE, TWO, THREE)
    prefer = world.health.prefer
    assert prefer([ONE, TWO, THREE], TWO) == [TWO, ONE, THREE]
    assert prefer([ONE, TWO], None) == [ONE, TWO]
    assert prefer([ONE, TWO], THREE) == [ONE, TWO]
    world.fail(TWO, 3)
    assert prefer([ONE, TWO], TWO) == [ONE, TWO]
    world.health.on_alive(TWO)  # coming back
    assert prefer([ONE, TWO], TWO) == [ONE, TWO]


def test_hops_that_are_no_longer_found_are_let_go_of() -> None:
    world = World(ONE, TWO, THREE)
    world.fail(TWO, 3)
    world.health.watch([THREE])
    assert {status.hop for status in world.health.status([])} == {TWO, THREE}
    assert world.health.to_probe() == [THREE]
    world.wait(60)
    assert world.state(TWO) == "active"
    world.health.on_alive(TWO)
    assert [status.hop for status in world.health.status([])] == [THREE]


def test_the_operator_sees_what_was_wrong() -> None:
    world = World(ONE)
    world.fail(ONE, 4)
    (status,) = world.health.status([ONE])
    assert status == (ONE, HopState.INACTIVE, "IP", 4, SILENT)


def test_hops_that_nobody_configured_are_a_bounded_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hop_health, "_MAX_OTHERS", 3)
    world = World(ONE)
    world.health.disable(TWO)
    for number in range(10):
        world.fail(udp("198.51.100.9", 6000 + number), 3)
    ports = [status.hop.endpoint.port for status in world.health.status([])]
    assert ports == [5060, 5060, 6007, 6008, 6009]
    assert world.context.deadlines._live == 3
