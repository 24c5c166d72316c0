"""Whether the clock has been set at all: the log's times, and those of SAs, go by it."""

from collections.abc import Iterator
from datetime import UTC, datetime

from pcscf.net.checks.finding import Finding, ok, warning

_WRITTEN = datetime(2025, 1, 1, tzinfo=UTC)  # no machine runs this program before it was written


def is_set(now: float) -> Iterator[Finding]:
    """``now`` is in seconds since the epoch."""
    at = datetime.fromtimestamp(now, UTC)
    if at < _WRITTEN:
        yield warning("clock", f"it says {at:%Y-%m-%d %H:%M} UTC", "timedatectl set-ntp true")
    else:
        yield ok("clock", f"{at:%Y-%m-%d %H:%M:%S} UTC")
