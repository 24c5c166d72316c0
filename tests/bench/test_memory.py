import tracemalloc

import pytest

from pcscf.core.effects import Effect, InstallSas
from pcscf.core.events import Event
from tests.bench import memory
from tests.bench.memory import per_phone
from tests.bench.players import Player

COUNTS = (10, 40)
HOARD = 10_000


class Hoarder(Player):
    """Keeps a heap of octets for every phone."""

    def __init__(self) -> None:
        super().__init__()
        self.heap: list[bytes] = []

    def play(self, event: Event) -> list[Effect]:
        effects = super().play(event)
        self.heap += [bytes(HOARD) for effect in effects if isinstance(effect, InstallSas)]
        return effects


class Waster(Player):
    """Needs far more octets, and gives them back."""

    def play(self, event: Event) -> list[Effect]:
        bytearray(HOARD * COUNTS[-1])
        return super().play(event)


@pytest.fixture
def measured(monkeypatch):
    """Measure with a player of some kind."""

    def measure(player: type[Player]) -> dict[int, float]:
        monkeypatch.setattr(memory, "Player", player)
        return dict(per_phone(COUNTS))

    measure(Player)  # what is made once
    return measure


def test_one_table_grows_from_count_to_count(monkeypatch) -> None:
    player = Player()
    monkeypatch.setattr(memory, "Player", lambda: player)
    octets = 0.0
    for count, each in per_phone(COUNTS):
        assert player.left_over()["registrations"] == count + 1  # one was there before
        assert count * each > octets
        octets = count * each


def test_what_is_kept_of_a_phone_counts_and_what_is_given_back_does_not(measured) -> None:
    plain, hoarding, wasting = measured(Player), measured(Hoarder), measured(Waster)
    for n in COUNTS:
        assert hoarding[n] - plain[n] == pytest.approx(HOARD, rel=0.05)
        assert wasting[n] - plain[n] == pytest.approx(0, abs=HOARD * 0.05)


def test_tracing_ends(measured) -> None:
    assert not tracemalloc.is_tracing()
