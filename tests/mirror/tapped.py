"""A stage whose edge is tapped as the server does it: what comes before it is decided on, what
goes after."""

import asyncio
from collections.abc import Callable

from pcscf.core.effects import Effect, SendSip
from pcscf.core.events import Event, InstallFailed, SipReceived
from pcscf.decode.model import SipMessage
from pcscf.mirror.reader import Lost, Reader
from pcscf.mirror.trace import Trace
from pcscf.net.observers import Tap
from tests.core.stage import Stage


class TappedStage(Stage):
    def __init__(self, **policy: object) -> None:
        super().__init__(**policy)  # type: ignore[arg-type]
        self.taps: list[Tap] = []

    def play(self, event: Event) -> list[Effect]:
        if isinstance(event, SipReceived):
            for tap in self.taps:
                tap.seen(event.flow, event.data, sent=False)
        return super().play(event)

    def _carry_out(self, effect: Effect) -> InstallFailed | None:
        if isinstance(effect, SendSip):
            for tap in self.taps:
                tap.seen(effect.flow, effect.data, sent=True)
        return super()._carry_out(effect)

    def trace(self, who: str | None = None, **more: int) -> Trace:
        """A trace that is on from now on; its clock is the stage's."""
        trace = Trace(
            self.edge.views,
            who,
            clock=lambda: self.now,
            stamp=lambda: round(self.now * 1e9),
            **more,
        )
        for _ in trace.looking:
            pass
        self.taps.append(trace)
        return trace


def lines(trace: Trace) -> list[bytes]:
    """All that waits; the trace is closed."""

    async def read() -> list[bytes]:
        trace.close()
        return [line async for line in trace]

    return asyncio.run(read())


def messages(trace: Trace) -> list[SipMessage]:
    found = map(Reader().read, lines(trace))
    return [one for one in found if isinstance(one, SipMessage)]


def lost(trace: Trace) -> int:
    found = map(Reader().read, lines(trace))
    return sum(one.messages for one in found if isinstance(one, Lost))


def brief(trace: Trace, name: Callable[[str], str] = str) -> list[str]:
    """Each message in a line: start line, ends, SPI."""
    return [
        f"{one.start_line.removesuffix(' SIP/2.0')}"
        f" {name(one.src.host)}:{one.src.port}>{name(one.dst.host)}:{one.dst.port}"
        f"{f' {one.sa.spi:#x}' if one.sa else ''}"
        for one in messages(trace)
    ]
