"""A peer's text made fit to be shown: it cannot steer the terminal, nor the reading order."""

import unicodedata
from typing import Final

# Cc control, Cf format (directions of text among them), Cs surrogates, Co private use, Cn not
# assigned, Zl and Zp further line ends
_ESCAPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_REMEMBERED: Final = 0x800  # what hostile text could make grow without end is not remembered


class _Visible(dict[int, str]):
    """For ``str.translate``: control and format characters as their escapes."""

    def __missing__(self, code: int) -> str:
        text = chr(code)
        if unicodedata.category(text) in _ESCAPED:
            text = text.encode("unicode_escape").decode()
        if code < _REMEMBERED:
            self[code] = text
        return text


_LINE: Final = _Visible()
_LINES: Final = _Visible({ord("\n"): "\n", ord("\t"): "\t"})


def plain(text: str) -> str:
    """Give one line of text, with escapes for what is not printable."""
    return text if text.isascii() and text.isprintable() else text.translate(_LINE)


def plain_message(data: bytes) -> str:
    r"""Give a whole message as text: lines end in ``\n``, octets that are no UTF-8 as ``\xff``."""
    text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    return text.translate(_LINES)
