"""A trace on a terminal: the decoder's ladder, growing."""

import sys
from collections.abc import Iterable, Mapping

from rich.console import Console

from pcscf.decode.output.ladder import Ladder
from pcscf.decode.output.output import Sink
from pcscf.decode.output.sinks import opened
from pcscf.decode.output.terminal import DOUBTFUL, Terminal, colours_of
from pcscf.mirror.reader import Lost, Reader


def show(
    lines: Iterable[bytes], *, names: Mapping[str, str] | None = None, whole: bool = False
) -> None:
    """Write a ladder to standard output as the lines of a trace come, until they end.

    ``names`` are what hosts are called by the user; ``whole`` adds each message as it is.
    Raises PcscfError for what is no line of a trace, OSError where nothing can be written.
    """
    with opened(None, secret=False) as sink:
        write(lines, sink, console=Console(file=sys.stdout), names=names, whole=whole)


def write(
    lines: Iterable[bytes],
    sink: Sink,
    *,
    console: Console | None = None,
    names: Mapping[str, str] | None = None,
    whole: bool = False,
) -> None:
    """As ``show``, to a sink; ``console`` tells which colours it can show."""
    colours = colours_of(console) if console else None
    ladder, aside = Ladder(sink, colours=colours, names=names, whole=whole), Terminal(sink, colours)
    reader = Reader()
    ladder.begin()
    for line in lines:
        found = reader.read(line)
        if isinstance(found, Lost):
            aside.line((f"{'':9}  {found.messages} messages were lost here: too slow", DOUBTFUL))
        elif found is not None:
            ladder.message(found)
        sink.flush()
