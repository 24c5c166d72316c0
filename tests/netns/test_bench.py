"""The part of ``scripts/bench`` that needs a real kernel, in small."""

import pytest

from tests.bench.kernel import BATCHED, ONE_BY_ONE, REMOVED, ask

pytestmark = pytest.mark.esp


def test_the_kernel_takes_all_four_sas_in_one_send() -> None:
    figures = ask(sets=2, rounds=1)
    assert figures.sends == {BATCHED: 1, REMOVED: 1, ONE_BY_ONE: 4}
    assert all(spent > 0 for spent in [*figures.cost.values(), figures.echo])
