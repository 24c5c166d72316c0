"""A bound on how long a function may keep the event loop: all phones wait for it meanwhile.

The process's interval timer rings (SIGALRM), and what runs too long is interrupted where it
stands, be it a loop without end or a call that sleeps. What C code does without looking at
signals runs to its end, and is counted then.
"""

import signal
import threading
from asyncio import CancelledError
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from time import perf_counter
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


class OutOfTimeError(BaseException):
    """Raised in a function that has run for too long. No Exception, as those may be caught."""


class Alarm:
    """The timer. ``install`` takes SIGALRM; in another thread than the main one nothing rings."""

    def __init__(self) -> None:
        self._rings = False
        self._is_set = False
        self._before: Any = None

    def install(self) -> None:
        """Take the signal."""
        self._rings = threading.current_thread() is threading.main_thread()
        if self._rings:
            self._before = signal.signal(signal.SIGALRM, self._ring)

    def remove(self) -> None:
        """Give the signal back."""
        if self._rings:
            signal.signal(signal.SIGALRM, self._before)
        self._rings = False

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_set:
            raise OutOfTimeError

    def limit(self, work: Callable[[], T], seconds: float) -> T:
        """Do the work; raises OutOfTimeError in it when the time is over.

        It rings again and again: a function may have caught it by a bare except.
        """
        if not self._rings:
            return work()
        try:
            try:
                self._is_set = True
                signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
                return work()
            finally:
                self._is_set = False
        finally:  # even if it rang on the way out of the work
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._is_set = False


class Steps:
    """Awaits a coroutine, each of its steps within a limit of ``seconds``.

    ``busy`` is how long it has kept the loop so far. Once it is ``given_up``, it gets one
    cancellation, to clean up; after another one it is not asked any more, or it could hold up
    the end of the process.
    """

    def __init__(
        self, alarm: Alarm, coroutine: Coroutine[Any, Any, object], seconds: float
    ) -> None:
        self._alarm = alarm
        self._coroutine = coroutine
        self._seconds = seconds
        self._errors: list[BaseException] = []
        self._cancellations = 0
        self.given_up = False
        self.busy = 0.0

    def __await__(self) -> Generator[Any, Any, object]:
        """Do what ``await coroutine`` does."""
        step: Callable[[], object] = partial(self._coroutine.send, None)
        while True:
            began = perf_counter()
            try:
                waits_for = self._alarm.limit(step, self._seconds)
            except StopIteration as end:
                return end.value
            finally:
                self.busy += perf_counter() - began
            try:
                step = partial(self._coroutine.send, (yield waits_for))
            except CancelledError as error:
                self._cancellations += self.given_up
                if self._cancellations > 1:
                    raise
                self._errors.append(error)
                step = self._throw
            except Exception as error:  # noqa: BLE001 - of what it waits for, so it is the coroutine's
                self._errors.append(error)
                step = self._throw

    def _throw(self) -> object:
        """Pass an error on. No variable holds it: with its traceback it would hold itself."""
        return self._coroutine.throw(self._errors.pop())
