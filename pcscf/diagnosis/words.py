"""How sentences put times, numbers and SPIs. All times of day are UTC, as in the log."""

from datetime import UTC, datetime
from typing import Final

_DAY: Final = 86400.0
_MINUTE: Final = 60
_HOUR: Final = 3600


def iso(moment: float) -> str:
    """Print seconds since the epoch as ISO 8601 UTC with milliseconds."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def clock(moment: float, now: float) -> str:
    """Print the time of day; with the date if that is more than half a day away."""
    shown = datetime.fromtimestamp(moment, UTC)
    return shown.strftime("%H:%M:%S" if abs(now - moment) < _DAY / 2 else "%Y-%m-%d %H:%M:%S")


def span(seconds: float) -> str:
    """Print how long something takes: ``40 s``, ``12 min``, ``3 h``."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.0f} h"


def spi(number: int) -> str:
    """Print an SPI as ``ip xfrm`` does."""
    return f"0x{number:08x}"


def many(count: int, what: str) -> str:
    """Print a number of things: ``1 packet``, ``3 packets``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
