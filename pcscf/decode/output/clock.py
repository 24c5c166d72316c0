"""Times for people."""

from datetime import UTC, datetime
from typing import Final

_SECOND: Final = 1_000_000_000


def date(time: int) -> str:
    """Give nanoseconds since 1970 as date and time in UTC, to the millisecond.

    A capture may state any number; one beyond the calendar comes as seconds.
    """
    seconds, rest = divmod(time, _SECOND)
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s after 1970"
    return f"{moment:%Y-%m-%d %H:%M:%S}.{rest // 1_000_000:03} UTC"
