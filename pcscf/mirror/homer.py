"""The mirror: a copy of every SIP message to Homer, or whatever else takes HEP3."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol

import structlog

from pcscf.core.flow import Endpoint, Flow, Transport
from pcscf.mirror.carriers import CARRIERS
from pcscf.mirror.hep import Agent, Encoder

log = structlog.get_logger()

_TOLD_EVERY: Final = 60.0  # seconds between two lines of the log on what was lost
_TOO_LONG: Final = "too long for HEP3"


class Way(Protocol):
    """What is needed of ``pcscf.mirror.carriers.Carrier``."""

    def send(self, packet: bytes) -> str:
        """Send, or give the reason why not."""


class Homer:
    """A tap (``pcscf.net.observers``). What cannot be sent is counted in ``lost``, by reason.

    ``clock`` is in seconds, ``stamp`` the wall clock in nanoseconds since 1970.
    """

    def __init__(
        self,
        way: Way,
        agent: Agent,
        *,
        clock: Callable[[], float] = time.monotonic,
        stamp: Callable[[], int] = time.time_ns,
    ) -> None:
        self.sent = 0
        self.lost: Counter[str] = Counter()
        self._way = way
        self._encoder = Encoder(agent)
        self._clock = clock
        self._stamp = stamp
        self._tell_at = clock()

    def seen(self, flow: Flow, data: bytes, *, sent: bool) -> None:
        """Send a copy."""
        packet = self._encoder.packet(flow, data, sent=sent, time=self._stamp())
        reason = _TOO_LONG if packet is None else self._way.send(packet)
        if reason:
            self.lost[reason] += 1
            self._tell(reason)
        else:
            self.sent += 1

    def _tell(self, reason: str) -> None:
        now = self._clock()
        if now >= self._tell_at:
            self._tell_at = now + _TOLD_EVERY
            log.warning("mirror_lost", reason=reason, lost=self.lost.total(), sent=self.sent)


@asynccontextmanager
async def mirroring(transport: Transport, to: Endpoint, agent: Agent) -> AsyncIterator[Homer]:
    """Mirror within the block, once the tap is with the server. It warns that SIP leaves."""
    carrier = CARRIERS[transport](to)
    log.warning("sip_is_mirrored", to=f"{transport.lower()}:{to}", mends='mirror.hep = ""')
    homer = Homer(carrier, agent)
    try:
        yield homer
    finally:
        await carrier.close()
        log.info("mirror_ended", sent=homer.sent, lost=homer.lost.total())
