"""The command line of the soak."""

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
    def fails(*_: object) -> None:
        raise Violation("seed 3, step 7: crash")

    monkeypatch.setattr(command, "soak", fails)
    assert command.main(["--seed", "3"]) == 1
    assert capsys.readouterr().out == "VIOLATION: seed 3, step 7: crash\n"


def test_another_store_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--store", "paper"])
    assert "--store" in capsys.readouterr().err
