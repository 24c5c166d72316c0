"""What one registration costs in SIP: four messages read, decided on and written."""

from dataclasses import dataclass

from pcscf.core.events import DeadlineReached, SipReceived
from pcscf.sip.message import parse
from tests.bench.players import Player, register
from tests.bench.timing import best, microseconds

_FIRST = 1_000_000  # beyond all phones that have registered elsewhere


@dataclass(frozen=True, slots=True)
class Handling:
    """Microseconds in ``Edge.handle``: on the four messages, and on their timers later."""

    messages: float
    timers: float


def handling(phones: int, rounds: int) -> Handling:
    """Let phones register, parsing included; other ones each time, whom no cache knows yet."""
    players = [Player() for _ in range(rounds)]
    for place, player in enumerate(players):
        register(player, phones, first=_FIRST + place * phones)
    spent = [player.seconds for player in players]
    return Handling(
        microseconds(min(by_event[SipReceived] for by_event in spent), phones),
        microseconds(min(by_event[DeadlineReached] for by_event in spent), phones),
    )


def parsing(received: list[bytes], phones: int, rounds: int) -> float:
    """The part of it that turns what was received into messages."""
    return best(rounds, lambda: [parse(data) for data in received], phones)
