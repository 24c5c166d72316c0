"""What goes through the proxies of the bench, on loopback and without ESP."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.load import MARK, SIZE
from tests.bench.relays import Relay, kamailio, on_loopback, ours


@pytest.fixture
def relays(tmp_path: Path) -> Iterator[tuple[Relay, Relay, Relay]]:
    """Ours, and Kamailio by both of its ports."""
    place = on_loopback()
    with contextlib.ExitStack() as stack:
        mine = stack.enter_context(ours(place, tmp_path))
        yield mine, *stack.enter_context(kamailio(place, tmp_path))


def test_all_are_asked_the_same(relays: tuple[Relay, Relay, Relay]) -> None:
    names = []
    for relay in relays:
        assert len(relay.load.template) == SIZE
        assert relay.load.template.count(MARK.encode()) == 2  # branch and Call-ID
        lines = relay.load.template.partition(b"\r\n\r\n")[0].split(b"\r\n")
        names.append({line.partition(b":")[0] for line in lines[1:]})
    assert names[0] == names[1] == names[2]


def test_no_limit_of_ours_is_in_the_way(relays: tuple[Relay, Relay, Relay]) -> None:
    """A phone that sends so many in a second is told 503 elsewhere."""
    relays[0].load.carry(3_000)


def test_only_the_proxys_processes_count(relays: tuple[Relay, Relay, Relay]) -> None:
    ours_has, theirs_has = relays[0].pids(), relays[1].pids()
    assert len(ours_has) == 1
    assert len(theirs_has) > 3  # the first one, a child for each socket, timers
    assert not set(ours_has) & set(theirs_has)
