"""The part of ``scripts/bench`` that needs a real kernel, in small."""

from pathlib import Path

import pytest

from tests.bench import proxying
from tests.bench.kernel import BATCHED, ONE_BY_ONE, REMOVED, ask
from tests.bench.proxying import Effort
from tests.bench.relays import in_lab, kamailio, ours
from tests.netns.lab import Lab

pytestmark = pytest.mark.esp


def test_the_kernel_takes_all_four_sas_in_one_send() -> None:
    figures = ask(sets=2, rounds=1)
    assert figures.sends == {BATCHED: 1, REMOVED: 1, ONE_BY_ONE: 4}
    assert all(spent > 0 for spent in [*figures.cost.values(), figures.echo])


def test_both_proxies_are_asked_under_esp_and_one_in_clear_too(lab: Lab, tmp_path: Path) -> None:
    place = in_lab(lab)
    with ours(place, tmp_path) as mine, kamailio(place, tmp_path) as (theirs, plain):
        carried = []
        for relay in mine, theirs, plain:
            before = packets(lab)
            relay.load.carry(100)
            carried.append(packets(lab) - before)
    assert carried == [200, 200, 0]  # each MESSAGE and its 200


def test_the_proxies_take_turns(lab: Lab, tmp_path: Path) -> None:
    figures = proxying.measure(in_lab(lab), tmp_path, effort=Effort(2, 1_000, 100))
    for name, rounds in figures.cost.items():
        assert len(rounds) == 2
        assert all(20 < cost < 20_000 for cost in rounds), name


def packets(lab: Lab) -> int:
    """How many packets all SAs of the proxies' side have carried."""
    return sum(one.packets for one in lab.pcscf.xfrm_states())
