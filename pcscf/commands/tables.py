"""Tables: for people in the width of their terminal, for a pipe as wide as they are."""

import sys
import textwrap
from collections.abc import Iterator, Sequence
from shutil import get_terminal_size
from typing import Final, NamedTuple

from pcscf.commands.words import plain

GOOD: Final = "green"
DOUBTFUL: Final = "yellow"
BAD: Final = "bold red"
STRONG: Final = "bold"
_GAP: Final = "  "
_LEAST: Final = 16  # columns of a terminal that are left to what gives way
_CUT: Final = "…"


class Cell(NamedTuple):
    """A text, and how it stands out on a terminal."""

    text: str
    style: str = ""


Row = Sequence[Cell | str]


def show(head: Sequence[str], rows: Sequence[Row], *, wraps: bool = False) -> None:
    """Write a table to standard output.

    On a terminal that is too narrow the first column is cut, or with ``wraps`` the last one
    goes on in the next line.
    """
    lines = [[Cell(name, STRONG) for name in head], *(list(map(_cell, row)) for row in rows)]
    widths = [max(len(one.text) for one in column) for column in zip(*lines, strict=True)]
    if sys.stdout.isatty():
        gives = -1 if wraps else 0
        spare = get_terminal_size().columns - sum(widths) - len(_GAP) * (len(widths) - 1)
        widths[gives] = max(_LEAST, widths[gives] + min(spare, 0))
    for line in lines:
        for part in _wrapped(line, widths[-1]) if wraps else [line]:
            _write([_padded(one, width) for one, width in zip(part, widths, strict=True)])


def _cell(one: Cell | str) -> Cell:
    text, style = one if isinstance(one, Cell) else (one, "")
    return Cell(plain(text), style)


def _wrapped(line: list[Cell], width: int) -> Iterator[list[Cell]]:
    """Let the last cell of a line go on below, under blanks."""
    *front, last = line
    for text in textwrap.wrap(last.text, width) or [""]:
        yield [*front, Cell(text, last.style)]
        front = [Cell("")] * len(front)


def _padded(one: Cell, width: int) -> Cell:
    if len(one.text) > width:
        return Cell(one.text[: width - len(_CUT)] + _CUT, one.style)
    return Cell(one.text.ljust(width), one.style)


def _write(cells: Sequence[Cell]) -> None:
    """Write one line; rich knows which colours there are."""
    if not sys.stdout.isatty():
        print(_GAP.join(one.text for one in cells).rstrip())  # noqa: T201 - what it is for
        return
    from rich.console import Console  # noqa: PLC0415 - it takes a while
    from rich.text import Text  # noqa: PLC0415

    line = Text(_GAP).join(Text(one.text, style=one.style) for one in cells)
    line.rstrip()
    Console(highlight=False).print(line, soft_wrap=True)


def say(text: str, style: str = "") -> None:
    """Write a line to standard output."""
    _write([Cell(plain(text), style)])
