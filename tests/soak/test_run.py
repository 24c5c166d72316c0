"""A soak takes steps, looks, and tells the first thing that is wrong, with what went before."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.soak import run
from tests.soak.run import PROBED, ROUND, soak
from tests.soak.script import Member, Step
from tests.soak.violation import Violation


class Pretended:
    """Stands for a player. ``wrong`` is what it finds, ``fails`` the step that goes wrong."""

    last_words = ("pcscf says this",)

    def __init__(self, fails: int = 0, wrong: tuple[str, ...] = ()) -> None:
        self.machine = self
        self.phones = [None] * 4
        self.performed: list[Step] = []
        self.probed: list[int] = []
        self.let_go = 0
        self.has_twins = False
        self._fails, self._wrong = fails, list(wrong)

    def perform(self, step: Step) -> None:
        self.performed.append(step)
        if len(self.performed) == self._fails:
            raise ValueError("it went otherwise")

    def probe(self, number: int) -> None:
        self.probed.append(number)

    def differences(self) -> list[str]:
        return self._wrong

    def let_go_of_the_past(self) -> None:
        self.let_go += 1


def runs(player: Pretended, monkeypatch: pytest.MonkeyPatch, *, end: str = "") -> None:
    """Have soaks play with this player; taking down fails with the error ``end``, if any."""

    @contextlib.contextmanager
    def playing(_: list[Member], *, twins: bool) -> Iterator[Pretended]:
        player.has_twins = twins
        try:
            yield player
        finally:
            if end:
                raise OSError(end)

    monkeypatch.setattr(run, "playing", playing)


def test_after_each_step_some_phones_are_looked_at_and_all_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    player = Pretended()
    said: list[str] = []
    runs(player, monkeypatch)
    done = soak(500, 1, 4, said.append)
    assert done.total() == len(player.performed) == 500
    rounds = 500 // ROUND + 1  # and once more at the end
    assert len(player.probed) == 500 * PROBED + rounds * 4
    assert player.let_go == rounds
    assert [line.partition(",")[0] for line in said] == ["250 steps", "500 steps"]


def test_the_same_seed_performs_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Pretended(), Pretended()
    for player in (one, other):
        runs(player, monkeypatch)
        soak(300, 9, 4, lambda _: None)
    assert (one.performed, one.probed) == (other.performed, other.probed)


def test_takeovers_take_two_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    player = Pretended()
    runs(player, monkeypatch)
    done = soak(1000, 1, 4, lambda _: None, twins=True)
    assert done["takeover"] > 0
    assert player.has_twins


def test_a_step_that_goes_otherwise_is_told_with_all_that_helps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    player = Pretended(fails=40)
    runs(player, monkeypatch)
    with pytest.raises(Violation) as caught:
        soak(100, 9, 4, lambda _: None)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"seed 9, step 40: {player.performed[-1]}"
    assert lines[1] == "  ValueError: it went otherwise"
    assert lines[2] == "the last steps:"
    assert lines[3].startswith("  16: ")
    assert lines[-2:] == ["the end of the log:", "  pcscf says this"]


def test_what_the_accounts_do_not_agree_on_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    runs(Pretended(wrong=("one SA too many",)), monkeypatch)
    with pytest.raises(Violation, match=r"seed 9, step 1: .*\n  one SA too many\n"):
        soak(100, 9, 4, lambda _: None)


def test_a_violation_is_not_hidden_by_what_follows_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    runs(Pretended(fails=3), monkeypatch, end="cannot take down")
    with pytest.raises(Violation, match="seed 9, step 3: "):
        soak(100, 9, 4, lambda _: None)
    runs(Pretended(), monkeypatch, end="cannot take down")
    with pytest.raises(OSError, match="cannot take down"):
        soak(100, 9, 4, lambda _: None)
