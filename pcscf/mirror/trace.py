"""The live trace: messages as they pass, in lines as ``pcscf decode --format jsonl`` has them.

Each has two fields more: ``side`` is "gm" or "core", ``sent`` whether it was us who sent it.

A tap (``pcscf.net.observers``) at one end, an asynchronous iterator at the other. One reader,
and a bounded queue before it: where it is too slow, the oldest go, and it is told how many.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple, Self

from pcscf.core.flow import Flow, Side
from pcscf.core.views import Views
from pcscf.decode.model import Endpoint, Sa, SipMessage
from pcscf.decode.output.jsonl import Jsonl
from pcscf.mirror.watched import Watched

ROOM: Final = 1000  # messages that wait for the reader
OCTETS: Final = 4 << 20  # and how much they may be together
PATIENCE: Final = 15.0  # seconds of silence until a blank line says that it is still there


_ENDINGS: Final = {
    (is_gm, is_sent): b', "side": "%s", "sent": %s}\n'
    % (b"gm" if is_gm else b"core", b"true" if is_sent else b"false")
    for is_gm in (False, True)
    for is_sent in (False, True)
}


class _Waiting(NamedTuple):
    message: SipMessage
    is_gm: bool
    is_sent: bool


class Trace:
    """Messages of ``who`` (an address, an IMPU, an IMPI), or all of them if it is None.

    ``clock`` is the core's, ``stamp`` the wall clock in nanoseconds since 1970. What waits is
    kept as it came; CK and IK are hidden in every line. Phones that are registered already are
    found while the first line is waited for.
    """

    def __init__(
        self,
        views: Views,
        who: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        stamp: Callable[[], int] = time.time_ns,
        room: int = ROOM,
        octets: int = OCTETS,
        patience: float = PATIENCE,
    ) -> None:
        self.who = who
        self._views = views
        self._watched = None if who is None else Watched(who, views, clock)
        self.looking = self._watched.looking() if self._watched else iter(())
        self._stamp = stamp
        self._room = room
        self._octets = octets
        self._patience = patience
        self._queue: deque[_Waiting] = deque()
        self._held = 0  # octets
        self._lost = 0  # since the reader was told
        self._number = 0
        self._news = asyncio.Event()
        self._is_closed = False
        self._line = _Line()
        self._writer = Jsonl(self._line)

    def seen(self, flow: Flow, data: bytes, *, sent: bool) -> None:
        """Take a message, if it is one of those that are watched."""
        watched = self._watched
        if watched is not None and not watched.has(flow, data, sent=sent):
            return
        is_gm = flow.side is not Side.CORE
        self._queue.append(_Waiting(self._message(flow, data, sent=sent), is_gm, sent))
        self._held += len(data)
        while len(self._queue) > self._room or self._held > self._octets:
            self._held -= len(self._queue.popleft().message.data)
            self._lost += 1
        self._news.set()

    def _message(self, flow: Flow, data: bytes, *, sent: bool) -> SipMessage:
        """Give it as the decoder would have it."""
        self._number += 1
        ends = Endpoint(*flow.remote), Endpoint(*flow.local)
        src, dst = ends[::-1] if sent else ends
        spi = self._views.spi(flow, sent=sent) if flow.side is Side.PROTECTED else None
        sa = None if spi is None else Sa(spi, src.host, dst.host)
        return SipMessage(self._number, self._stamp(), src, dst, flow.transport.value, sa, data)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        r"""Give the next line with its ``\n``, a blank one after long silence; end when closed."""
        for _ in self.looking:  # a step of the look at all phones for each turn of the loop
            await asyncio.sleep(0)
        while not (self._queue or self._lost):
            if self._is_closed:
                raise StopAsyncIteration
            self._news.clear()
            try:
                async with asyncio.timeout(self._patience):
                    await self._news.wait()
            except TimeoutError:
                return b"\n"
        if self._lost:
            count, self._lost = self._lost, 0
            return json.dumps({"type": "lost", "count": count}).encode() + b"\n"
        waiting = self._queue.popleft()
        self._held -= len(waiting.message.data)
        self._writer.message(waiting.message)
        return self._line.text.removesuffix(b"}\n") + _ENDINGS[waiting.is_gm, waiting.is_sent]

    def close(self) -> None:
        """Let the iteration end once the reader has what waits."""
        self._is_closed = True
        self._news.set()


class Traces:
    """Puts traces to where messages pass: ``add`` and ``remove`` are those of the server's taps."""

    def __init__(
        self,
        add: Callable[[Trace], None],
        remove: Callable[[Trace], None],
        views: Views,
        clock: Callable[[], float],
    ) -> None:
        self._add = add
        self._remove = remove
        self._views = views
        self._clock = clock

    @contextmanager
    def opened(self, who: str | None) -> Iterator[Trace]:
        """Trace within the block."""
        trace = Trace(self._views, who, clock=self._clock)
        self._add(trace)
        try:
            yield trace
        finally:
            trace.close()
            with suppress(ValueError):  # a tap that failed is no longer there
                self._remove(trace)


class _Line:
    """The line that was written last; a sink for ``Jsonl``."""

    def __init__(self) -> None:
        self.text = b""

    def write(self, data: bytes, /) -> None:
        self.text = data

    def flush(self) -> None:
        pass
