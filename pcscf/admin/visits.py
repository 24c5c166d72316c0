"""What clients may take: connections, and time.

A connection is for one request, and has a time in which the request has to come and the
answer to be taken. Only a stream may stay.
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

MOST: Final = 64  # connections at a time, for each socket: one cannot lock out the other
SECONDS: Final = 20.0


class Visits:
    """All connections of the admin side."""

    def __init__(self, *, most: int = MOST, seconds: float = SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        self._present: dict[asyncio.BaseTransport, Visit] = {}

    def door(self, make: Callable[[], asyncio.Protocol]) -> Callable[[], "Visit"]:
        """Make the protocol factory of one listening socket around that of the HTTP server."""
        inside: set[Visit] = set()
        return lambda: Visit(self, inside, make)

    def let_stay(self, transport: asyncio.BaseTransport) -> None:
        """Let a connection take as long as it likes."""
        visit = self._present.get(transport)
        if visit:
            visit.stay()

    def enter(
        self, visit: "Visit", inside: set["Visit"], transport: asyncio.Transport
    ) -> asyncio.TimerHandle | None:
        """Take a connection in, and give the timer that ends it; None: there are too many."""
        if len(inside) >= self._most:
            return None
        inside.add(visit)
        self._present[transport] = visit
        return asyncio.get_running_loop().call_later(self._seconds, transport.abort)

    def leave(self, transport: asyncio.BaseTransport) -> None:
        """Forget a connection."""
        self._present.pop(transport, None)


class Visit(asyncio.Protocol):
    """One connection: hands on what happens to the protocol of the HTTP server."""

    def __init__(
        self, visits: Visits, inside: set["Visit"], make: Callable[[], asyncio.Protocol]
    ) -> None:
        self._visits = visits
        self._inside = inside
        self._make = make
        self._inner: asyncio.Protocol | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def stay(self) -> None:
        """Let it take as long as it likes."""
        if self._timer:
            self._timer.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in, or send it away."""
        self._transport = cast("asyncio.Transport", transport)
        self._timer = self._visits.enter(self, self._inside, self._transport)
        if self._timer is None:
            self._transport.abort()
            return
        self._inner = self._make()
        self._inner.connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Let the client go."""
        self.stay()
        self._inside.discard(self)
        if self._transport:
            self._visits.leave(self._transport)
        if self._inner:
            self._inner.connection_lost(error)
        self._inner = None

    def data_received(self, data: bytes) -> None:
        """Hand on what came."""
        if self._inner:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on that no more will come."""
        return self._inner.eof_received() if self._inner else None

    def pause_writing(self) -> None:
        """Hand on that the client reads too slowly."""
        if self._inner:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that it has read."""
        if self._inner:
            self._inner.resume_writing()
