"""The command line of the soak."""

from collections import Counter

import pytest

from tests.soak import __main__ as command
from tests.soak.violation import Violation


def test_a_soak_of_the_core(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--core", "--steps", "60", "--seed", "3"]) == 0
    told = capsys.readouterr().out
    assert "seed 3: 60 steps in 0 s, nothing wrong (" in told


def test_a_violation_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise Violation("seed 3, step 7: crash")

    monkeypatch.setattr(command, "soak", fails)
    assert command.main(["--seed", "3"]) == 1
    assert capsys.readouterr().out == "VIOLATION: seed 3, step 7: crash\n"


def test_the_command_line_says_what_is_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def soak(*given: object, twins: bool, restarts: float) -> Counter[str]:
        asked.append((given[:3], twins, restarts))
        return Counter(call=7)

    monkeypatch.setattr(command, "soak", soak)
    words = "--steps 7 --seed 3 --phones 5 --twins --restarts 0.25"
    assert command.main(words.split()) == 0
    assert asked == [((7, 3, 5), True, 0.25)]
    assert capsys.readouterr().out.endswith(" s, nothing wrong (7 call)\n")
