"""Ending tasks."""

import asyncio


async def end(task: asyncio.Task[None] | asyncio.Task[bool]) -> None:
    """Cancel a task and wait until it has ended; unlike its result, one's own end passes."""
    task.cancel()
    await asyncio.wait({task})
