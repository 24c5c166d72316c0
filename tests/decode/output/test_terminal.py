import io

import pytest
from rich.color import ColorSystem
from rich.console import Console

from pcscf.decode.output.terminal import BAD, DIM, GOOD, PLAIN, Terminal, colours_of


def written(*parts, colours=None) -> bytes:
    sink = io.BytesIO()
    Terminal(sink, colours).line(*parts)
    return sink.getvalue()


def test_without_colours_it_is_the_text_alone() -> None:
    assert written(("a ", GOOD), ("b  ", BAD), ("  ", DIM)) == b"a b\n"
    assert written() == b"\n"


def test_with_colours_each_part_has_its_own() -> None:
    line = written(("a ", PLAIN), ("b ", GOOD), colours=ColorSystem.STANDARD)
    assert line == b"a \x1b[32mb\x1b[0m\n"
    assert written(colours=ColorSystem.STANDARD) == b"\n"


def test_text_that_has_no_utf_8_is_written_all_the_same() -> None:
    assert written(("\ud800", PLAIN)) == b"\\ud800\n"


@pytest.mark.parametrize(
    ("console", "colours"),
    [
        (Console(file=io.StringIO()), None),
        (Console(force_terminal=True, color_system="standard", no_color=False), "STANDARD"),
        (Console(force_terminal=True, color_system="truecolor", no_color=False), "TRUECOLOR"),
        (Console(force_terminal=True, color_system="standard", no_color=True), None),
    ],
)
def test_colours_are_what_the_console_has(console: Console, colours: str | None) -> None:
    assert colours_of(console) == (colours and ColorSystem[colours])
