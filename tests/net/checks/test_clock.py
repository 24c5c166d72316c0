"""A clock that was never set."""

from pcscf.net.checks import clock
from pcscf.net.checks.finding import Level


def test_a_clock_at_the_epoch_was_never_set() -> None:
    (never,), (now,) = clock.is_set(60.0), clock.is_set(1.9e9)
    assert (never.level, never.text) == (Level.WARNING, "it says 1970-01-01 00:01 UTC")
    assert now.level is Level.OK
