"""Ending tasks."""

import asyncio
from typing import Final

_AGAIN: Final = 0.1  # seconds


async def end(task: asyncio.Task[None] | asyncio.Task[bool]) -> None:
    """Cancel a task and wait until it has ended; unlike its result, one's own end passes.

    It is cancelled again until it has: in Python 3.11 ``asyncio.wait_for``, which the client of
    Valkey writes with, loses a cancellation that comes with its result.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN)
