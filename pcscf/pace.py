"""Looks at all phones, taken so that the service goes on meanwhile."""

import asyncio
from typing import TypeVar

from pcscf.core.views import Look

T = TypeVar("T")


class Pace:
    """One look at a time, one step of it for each turn of the event loop."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def take(self, look: Look[T]) -> T:
        """Take a look, and return what it found."""
        async with self._lock:
            while True:
                try:
                    next(look)
                except StopIteration as end:
                    found: T = end.value
                    return found
                await asyncio.sleep(0)
