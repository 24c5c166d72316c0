"""Random histories with functions of an operator that change, refuse, redirect and wait."""

from random import Random

import pytest

from pcscf.core.effects import SendSip
from pcscf.core.events import HooksAnswered
from pcscf.core.flow import Side
from pcscf.core.hooks import Case, Point, Refusal, Verdict
from pcscf.core.policy import Target
from tests.core.stage import UE
from tests.core.test_random_histories import KEY_MARK, History
from tests.garbage import no_garbage

ELSEWHERE = (Target("203.0.113.77"), Target(UE), Target("203.0.113.78"))


class Whims:
    """Functions without any reason. ``waiting`` are cases that are not answered yet."""

    def __init__(self, rng: Random) -> None:
        self.waiting: list[Case] = []
        self._rng = rng

    def ask(self, case: Case) -> Verdict | None:
        assert KEY_MARK.encode() not in case.message.to_bytes()
        if self._rng.random() < 0.3:
            self.waiting.append(case)
            return None
        return self.verdict(case)

    def verdict(self, case: Case) -> Verdict:
        message = case.message.copy()
        message.set("x-whim", "1")
        whim = self._rng.random()
        if case.point is not Point.RESPONSE and whim < 0.05:
            return Verdict(message, Refusal(403, None))
        if case.point in (Point.REGISTRATION, Point.CORE) and whim < 0.15:
            return Verdict(message, None, ELSEWHERE)
        return Verdict(message)


class HookedHistory(History):
    """Answers cases late, in any order, some of them much later."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.whims = Whims(Random(seed))
        self.stage.edge.use_hooks(self.whims)
        self._check_as_usual = self.stage._check_send
        self._seen: set[bytes] = set()
        self.stage._check_send = self._check_send  # type: ignore[method-assign]

    def _check_send(self, effect: SendSip) -> None:
        """Nothing leaves on the core's side for a phone that has SAs."""
        self._check_as_usual(effect)
        flow = effect.flow
        if flow.side is Side.CORE and flow.remote.host == UE and effect.data not in self._seen:
            assert not any(row.sa_set.ue == UE for row in self.stage.rows)
            self._seen.add(effect.data)  # copies of it may leave later

    def listen(self) -> None:
        if self.whims.waiting and self.rng.random() < 0.6:
            self.answer(self.rng.choice(self.whims.waiting))
        super().listen()

    def answer(self, case: Case) -> None:
        self.whims.waiting.remove(case)
        self.stage.play(HooksAnswered(case.ticket, self.whims.verdict(case)))

    def end(self) -> None:
        while self.whims.waiting:
            self.answer(self.whims.waiting[0])
        self.stage.edge.use_hooks(None)
        self.stage.wait(1_300_000)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_functions_do(seed: int) -> None:
    history = HookedHistory(seed)
    with no_garbage():
        history.run()
        history.end()
    assert history.stage.left_over() == {}
    assert history.stage.edge.next_deadline() is None


def test_these_histories_reach_what_they_are_for() -> None:
    words: set[str] = set()
    for seed in range(10):
        history = HookedHistory(seed)
        history.run()
        words |= {report.event for report in history.stage.reports}
    assert words >= {"refused_by_hook", "hook_route_refused", "registered", "deregistered"}
