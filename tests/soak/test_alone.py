"""A soak of the decisions alone takes its steps, and says what is wrong."""

import pytest

from tests.core.stage import Stage
from tests.soak import alone
from tests.soak.violation import Violation


def test_steps_are_counted_over_several_histories() -> None:
    said: list[str] = []
    done = alone.soak(1100, 5, said.append)
    assert done.total() == 1100
    assert done["another_process"] > 10
    assert len(said) == 2


def test_a_store_that_is_not_written_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is ever forgotten by it."""
    forgets = Stage.keeps

    def keeps(stage: Stage) -> None:
        before = dict(stage.store)
        forgets(stage)
        stage.store = before | stage.store

    monkeypatch.setattr(Stage, "keeps", keeps)
    with pytest.raises(Violation) as caught:
        alone.soak(1000, 5, lambda _: None)
    told = str(caught.value)
    assert told.startswith("seed 5, step 1000: AssertionError")
    assert "the last steps:\n" in told
