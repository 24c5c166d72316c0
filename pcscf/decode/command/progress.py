"""A bar on the terminal, for captures that take a while."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from pcscf.decode.input.capture import Capture
from pcscf.decode.model import Frame

PATIENCE: Final = 2.0  # seconds before there is a bar
_INTERVAL: Final = 0.2  # seconds between two looks at it
_STEP: Final = 512  # frames between two looks at the clock


def with_bar(
    frames: Iterable[Frame],
    captures: Sequence[Capture],
    console: Console,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Frame]:
    """Yield the frames, and show on the console how far they are; the bar goes at the end."""
    begun = clock()
    due = begun + PATIENCE
    bar = Progress(
        TextColumn("decoding"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        auto_refresh=False,
    )
    task = bar.add_task("decoding", start=True)
    try:
        for count, frame in enumerate(frames):
            if count % _STEP == 0 and clock() >= due:
                due = clock() + _INTERVAL
                done, size = _extent(captures)
                bar.start()
                bar.update(task, completed=done, total=size, refresh=True)
            yield frame
    finally:
        bar.stop()


def _extent(captures: Sequence[Capture]) -> tuple[int, int | None]:
    """Give octets read and octets in all; None if one of the captures has no known end."""
    done = sum(capture.progress.done for capture in captures)
    sizes = [capture.progress.size for capture in captures]
    known = [size for size in sizes if size is not None]
    return done, sum(known) if len(known) == len(sizes) else None
