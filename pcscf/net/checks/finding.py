"""What a check found: how bad it is, one line, and what mends it."""

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"  # it works without, but less
    ERROR = "error"  # it does not start, or no phone registers


class Finding(NamedTuple):
    """One line for the operator.

    ``about`` names the aspect in a word or two; ``mends`` is a command or a setting, empty
    where nothing has to be mended or nobody can say.
    """

    level: Level
    about: str
    text: str
    mends: str = ""

    def __str__(self) -> str:
        """All of it on one line."""
        return f"{self.text} (mended by: {self.mends})" if self.mends else self.text


def ok(about: str, text: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, about, text)


def warning(about: str, text: str, mends: str = "") -> Finding:
    """It works without, but less."""
    return Finding(Level.WARNING, about, text, mends)


def error(about: str, text: str, mends: str = "") -> Finding:
    """It does not work without."""
    return Finding(Level.ERROR, about, text, mends)
