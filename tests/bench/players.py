"""Phones that register at an edge one after the other, with the edge's time kept apart."""

from collections import defaultdict

from pcscf.core.effects import Effect, InstallSas, SendSip
from pcscf.core.events import Event, SipReceived
from tests.bench.timing import clock
from tests.core.phone import Phone
from tests.core.stage import REALM, Stage

_MANY = 10_000_000
_APART = 0.1  # seconds from phone to phone
_EXPIRES = 7200  # seconds; nobody's registration ends before the last phone has come
_TRANSACTIONS_OVER = 300.0  # seconds; every timer of a transaction has run out by then


class Player(Stage):
    """A stage without checks: it times the edge, and keeps no more than the last messages."""

    def __init__(self) -> None:
        super().__init__(max_pending=_MANY, max_pending_per_source=_MANY, max_transactions=_MANY)
        self.edge._context.registry.changed = None  # nobody keeps them
        self.seconds: defaultdict[type[Event], float] = defaultdict(float)

    def play(self, event: Event) -> list[Effect]:
        """Time the decision alone."""
        start = clock()
        effects = self.edge.handle(event, self.now)
        self.seconds[type(event)] += clock() - start
        self.log = [effect for effect in effects if isinstance(effect, SendSip)]
        return effects


class Recorder(Player):
    """A player that keeps what came and what left."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[bytes] = []
        self.sent: list[bytes] = []
        self.installs: list[InstallSas] = []

    def play(self, event: Event) -> list[Effect]:
        effects = super().play(event)
        if isinstance(event, SipReceived):
            self.received.append(event.data)
        self.sent += [effect.data for effect in effects if isinstance(effect, SendSip)]
        self.installs += [effect for effect in effects if isinstance(effect, InstallSas)]
        return effects


def phone(stage: Stage, number: int) -> Phone:
    """One of millions: each has an address, an identity and numbers of its own."""
    identity = f"00101{number:010d}@{REALM}"
    return Phone(
        stage,
        host=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        impi=identity,
        impu=f"sip:{identity}",
        call_id=f"call-{number}@phone",
        port_uc=40001 + number % 1000,
        spi_uc=1_000_000 + 2 * number,
        spi_us=1_000_001 + 2 * number,
    )


def register(stage: Stage, count: int, first: int = 1) -> None:
    """Register ``count`` phones, both REGISTERs each, and let all transactions end."""
    for number in range(first, first + count):
        phone(stage, number).registered(expires=_EXPIRES)
        stage.wait(_APART)
    stage.wait(_TRANSACTIONS_OVER)
    stage.log.clear()
