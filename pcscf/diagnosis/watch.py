"""Looks at what the kernel drops, every so often; listens to ESP while it drops for want of an SA.

All of it is done by timers: nothing here is on the way of a message.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from pcscf.diagnosis.unknown_spis import UnknownSpis
from pcscf.diagnosis.xfrm_stat import NO_STATES, XfrmStat
from xfrm.model import SaId

_TURN: Final = 0.1  # seconds between two reads while sockets are open
_MOST: Final = 256  # packets a read and address: a millisecond
_NO_NET_RAW: Final = (
    "Which SPIs have no SA cannot be said: CAP_NET_RAW is missing"
    " (cap_add: NET_RAW, or AmbientCapabilities=CAP_NET_RAW)."
)


class Ears(Protocol):
    """What ``raw_esp.RawEsp`` is."""

    def read(self, most: int) -> list[tuple[str, SaId]]:
        """Give source, and destination and SPI, of at most so many packets to each address."""

    def close(self) -> None:
        """Close the sockets."""


class Watch:
    """Looks every ``interval`` seconds from ``start`` to ``close``; never, if that is 0.

    Sockets stay open until ``linger`` seconds after the last packet without an SA; with 0
    none is opened. ``clock`` is seconds since the epoch; found SPIs are forgotten after
    ``max_age`` seconds.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        stat: XfrmStat,
        spis: UnknownSpis,
        listen: Callable[[], Ears],
        *,
        interval: float,
        linger: float,
        max_age: float,
        clock: Callable[[], float],
    ) -> None:
        self._loop = loop
        self._stat = stat
        self._spis = spis
        self._listen = listen
        self._interval = interval
        self._linger = linger
        self._max_age = max_age
        self._clock = clock
        self._next: asyncio.TimerHandle | None = None
        self._read_next: asyncio.TimerHandle | None = None
        self._ears: Ears | None = None
        self._until = 0.0  # when the sockets close, on the loop's clock
        self._failure = ""

    @property
    def is_listening(self) -> bool:
        """Whether raw sockets are open now."""
        return self._ears is not None

    @property
    def note(self) -> str:
        """What cannot be seen, and what mends it; empty if all can."""
        if not self._interval:
            return "What the kernel drops is not looked at: diagnosis.interval is 0."
        if not self._linger:
            return "Which SPIs have no SA is not looked at: diagnosis.listen is 0."
        return self._stat.note or self._failure

    def start(self) -> None:
        """Look for the first time now: what was dropped before is no concern of ours.

        Sockets are opened and closed once, to know whether they can be when they are needed.
        """
        if not self._interval:
            return
        self._stat.look(self._clock())
        if self._linger:
            self._open()
            self._shut()
        self._next = self._loop.call_later(self._interval, self._look)

    def close(self) -> None:
        """Look no more."""
        if self._next:
            self._next.cancel()
        self._shut()

    def _look(self) -> None:
        self._next = self._loop.call_later(self._interval, self._look)
        now = self._clock()
        rise = self._stat.look(now)
        risen = NO_STATES in rise
        self._hear()
        self._spis.settle(now, risen=risen)
        self._spis.forget_before(now - self._max_age)
        if risen and self._linger:
            self._until = self._loop.time() + self._linger
            self._open()
        elif self._ears and self._loop.time() >= self._until:
            self._shut()

    def _open(self) -> None:
        if self._ears:
            return
        try:
            self._ears = self._listen()
        except PermissionError:
            self._failure = _NO_NET_RAW
            return
        except OSError as error:
            self._failure = f"Which SPIs have no SA cannot be said: {error.strerror}."
            return
        self._failure = ""
        self._read_next = self._loop.call_later(_TURN, self._turn)

    def _turn(self) -> None:
        self._read_next = self._loop.call_later(_TURN, self._turn)
        self._hear()

    def _hear(self) -> None:
        if self._ears:
            self._spis.hear(self._ears.read(_MOST))

    def _shut(self) -> None:
        if self._read_next:
            self._read_next.cancel()
        if self._ears:
            self._ears.close()
        self._ears = self._read_next = None
