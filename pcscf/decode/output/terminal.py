"""Lines with colours, as far as there are any.

rich knows what the terminal can do and how it is told; it does not lay the lines out, which
would take a tenth of a millisecond each.
"""

from typing import Final

from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style

from pcscf.decode.output.output import Sink

_SYSTEMS: Final = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
    "windows": ColorSystem.WINDOWS,
}

PLAIN: Final = Style()
BOLD: Final = Style(bold=True)
DIM: Final = Style(dim=True)
GOOD: Final = Style(color="green")
DOUBTFUL: Final = Style(color="yellow")
BAD: Final = Style(color="red", bold=True)


def colours_of(console: Console) -> ColorSystem | None:
    """Give what the console can show; None when it is piped, or NO_COLOR is set."""
    return None if console.no_color else _SYSTEMS.get(console.color_system or "")


class Terminal:
    """Writes lines to a sink. ``colours`` None writes the same text without them."""

    def __init__(self, sink: Sink, colours: ColorSystem | None) -> None:
        self._write = sink.write
        self._colours = colours

    def line(self, *parts: tuple[str, Style]) -> None:
        """Write texts side by side, each in its style; blanks at the end are left out."""
        if self._colours is None:
            text = "".join([text for text, _ in parts]).rstrip()
        else:
            *front, (last, last_style) = parts or (("", PLAIN),)
            front.append((last.rstrip(), last_style))
            text = "".join(
                [style.render(text, color_system=self._colours) for text, style in front]
            )
        self._write(f"{text}\n".encode("utf-8", "backslashreplace"))
