"""How loaded we are, by what the event loop is late by.

A state is entered at its mark and left at half of it, so that a load at the mark does
not switch to and fro.
"""

from enum import IntEnum

from pcscf.core.context import Context

_LEFT_AT = 0.5


class Load(IntEnum):
    """The higher, the less is taken on."""

    NORMAL = 0
    HIGH = 1  # nothing new from strangers
    SEVERE = 2  # and nothing new from phones


class Overload:
    """Keeps the state."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.state = Load.NORMAL

    def on_measured(self, lag: float) -> None:
        """Take a measurement, in seconds; the server smooths it."""
        policy = self._context.policy.guard
        marks = (policy.overload_lag, policy.overload_lag_severe)
        entered = sum(lag >= mark for mark in marks)
        kept = sum(lag >= mark * _LEFT_AT for mark in marks)
        state = Load(max(entered, min(kept, self.state)))
        if state is self.state:
            return
        worse = state > self.state
        self.state = state
        word = state.name.lower()
        self._context.count(f"guard_load_{word}")
        self._context.report("warning" if worse else "info", "load", state=word, lag=round(lag, 3))
