"""Hooks that say what a test wants: at once, or when the test says so."""

from collections.abc import Callable

from pcscf.core.events import HooksAnswered
from pcscf.core.hooks import Case, Point, Refusal, Verdict
from pcscf.core.policy import Target
from tests.core.stage import Stage

Answer = Callable[[Case], Verdict | None]


def later(_case: Case) -> None:
    """Have a message wait for ``Scripted.goes_on``."""


def as_it_is(case: Case) -> Verdict | None:
    return Verdict(case.message)


def rejects(status: int, *headers: tuple[str, str]) -> Answer:
    return lambda case: Verdict(case.message, Refusal(status, None, headers), function="f")


def marks(value: str) -> Answer:
    """Have a copy of the message go on with a header of ours."""

    def answer(case: Case) -> Verdict:
        message = case.message.copy()
        message.set("x-mark", value)
        return Verdict(message)

    return answer


def sends_to(*targets: Target) -> Answer:
    return lambda case: Verdict(case.message, None, targets)


_LATE = marks("late")


class Scripted:
    """Whoever answers for the operator; ``cases`` are what was asked, in order."""

    def __init__(self, stage: Stage, **answers: Answer) -> None:
        """``answers`` are by point; at the others all goes on as it is."""
        self.cases: list[Case] = []
        self._stage = stage
        self._answers = {Point(name): answer for name, answer in answers.items()}
        stage.edge.use_hooks(self)

    def ask(self, case: Case) -> Verdict | None:
        self.cases.append(case)
        return self._answers.get(case.point, as_it_is)(case)

    def points(self) -> list[Point]:
        return [case.point for case in self.cases]

    def of(self, point: Point) -> list[Case]:
        return [case for case in self.cases if case.point is point]

    def goes_on(self, case: Case | None = None, answer: Answer = _LATE) -> None:
        """Answer a case that waits: the last one, unless it is given."""
        case = case or self.cases[-1]
        verdict = answer(case)
        assert verdict is not None
        self._stage.play(HooksAnswered(case.ticket, verdict))
