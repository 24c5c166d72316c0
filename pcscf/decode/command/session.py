"""One run: frames through the decoder and the filters into an output, until the end or Ctrl-C."""

import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FrameType, TracebackType
from typing import Self

from pcscf.decode.command.filters import Filters
from pcscf.decode.decoder import Decoder
from pcscf.decode.model import Frame, SipMessage
from pcscf.decode.output.output import Output
from pcscf.decode.output.reasons import reasons
from pcscf.decode.output.summary import Summary


class Stop:
    """Ctrl-C ends the reading, not the program: what was found until then is still told.

    It takes effect between two frames, so that the decoder is never left half-way. A second
    one is the usual KeyboardInterrupt. Use it as a context manager in the main thread.
    """

    def __init__(self) -> None:
        self.asked = False
        self._waiting = False

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def until(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield frames until Ctrl-C; waiting for one is interrupted."""
        source = iter(frames)
        while not self.asked:
            self._waiting = True
            try:
                frame = next(source)
            except (StopIteration, KeyboardInterrupt):
                return
            finally:
                self._waiting = False
            yield frame

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        again, self.asked = self.asked, True
        if again or self._waiting:
            raise KeyboardInterrupt


def run(
    frames: Iterable[Frame],
    decoder: Decoder,
    output: Output,
    filters: Filters,
    *,
    shown: Callable[[], object] | None = None,
) -> Summary:
    """Decode all frames; everything is written but the output's end.

    ``shown`` is called when messages have been written: whoever watches wants to see them.
    """
    passed = 0
    output.begin()
    for frame in frames:
        messages = decoder.feed(frame)
        if messages:
            passed += _write(messages, output, filters)
            if shown:
                shown()
    passed += _write(decoder.finish(), output, filters)
    for sa, reason in reasons(decoder.sas):
        output.sa(sa, reason)
    summary = decoder.summary()
    summary.shown = passed
    return summary


def _write(messages: Sequence[SipMessage], output: Output, filters: Filters) -> int:
    count = 0
    if messages:
        filters.begin(messages[0].time)
    for message in messages:
        if filters.passes(message):
            output.message(message)
            count += 1
        else:
            output.hidden(message)
    return count
