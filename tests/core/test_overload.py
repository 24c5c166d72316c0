"""The load's states: entered at a mark, left at half of it, told once."""

from dataclasses import replace

import pytest

from pcscf.core.context import Context
from pcscf.core.effects import Report
from pcscf.core.guard_policy import GuardPolicy
from pcscf.core.ids import Ids
from pcscf.core.overload import Load, Overload
from tests.core.stage import POLICY


@pytest.fixture
def context() -> Context:
    guard = GuardPolicy(overload_lag=0.2, overload_lag_severe=1.0)
    return Context(replace(POLICY, guard=guard), Ids(bytes))


@pytest.mark.parametrize(
    ("lags", "states"),
    [
        ([0, 0.19, 0.2], [0, 0, 1]),
        ([0.2, 0.1, 0.099, 0.19], [1, 1, 0, 0]),
        ([0.2, 1.0, 0.5, 0.49, 0.1, 0.0], [1, 2, 2, 1, 1, 0]),
        ([5, 0], [2, 0]),
    ],
)
def test_a_state_is_entered_at_its_mark_and_left_at_half_of_it(
    context: Context, lags: list[float], states: list[int]
) -> None:
    overload = Overload(context)
    seen = []
    for lag in lags:
        overload.on_measured(lag)
        seen.append(overload.state)
    assert seen == [Load(state) for state in states]


def test_a_change_is_told_and_counted_once(context: Context) -> None:
    overload = Overload(context)
    for lag in (0.0, 0.3, 0.3, 0.15, 0.0, 0.0):
        overload.on_measured(lag)
    assert context.effects == [
        Report("warning", "load", {"state": "high", "lag": 0.3}),
        Report("info", "load", {"state": "normal", "lag": 0.0}),
    ]
    assert context.counters == {"guard_load_high": 1, "guard_load_normal": 1}
