"""Phones that register at an edge as fast as they can, with the edge's time kept apart."""

import time
from collections.abc import Callable

from pcscf.core.effects import Effect, InstallSas, SendSip
from pcscf.core.events import Event, SipReceived
from tests.core.phone import Phone
from tests.core.stage import REALM, Stage

_MANY = 10_000_000


class Player(Stage):
    """A stage without checks: it times the edge and keeps what passed."""

    def __init__(self, *, keep: bool = False) -> None:
        super().__init__(max_pending=_MANY, max_pending_per_source=_MANY, max_transactions=_MANY)
        self.seconds = 0.0
        self.inputs: list[bytes] = []
        self.installs: list[InstallSas] = []
        self._keep = keep

    def play(self, event: Event) -> list[Effect]:
        """Time the decision alone."""
        start = time.process_time()
        effects = self.edge.handle(event, self.now)
        self.seconds += time.process_time() - start
        self.log = [effect for effect in effects if isinstance(effect, SendSip)]
        if self._keep:
            self._note(event, effects)
        return effects

    def _note(self, event: Event, effects: list[Effect]) -> None:
        if isinstance(event, SipReceived):
            self.inputs.append(event.data)
        self.installs += [effect for effect in effects if isinstance(effect, InstallSas)]


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
    """Register ``count`` phones, both REGISTERs each."""
    for number in range(first, first + count):
        phone(stage, number).registered()


def best(rounds: int, measure: Callable[[], float]) -> float:
    """The smallest of several measurements."""
    return min(measure() for _ in range(rounds))
