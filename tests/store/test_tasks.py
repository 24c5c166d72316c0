"""A task is ended, and whoever ends it can be ended too."""

import asyncio
import contextlib

import pytest

from pcscf.store.tasks import end


def test_a_task_has_ended_when_it_returns() -> None:
    async def scene() -> None:
        ended = []

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                ended.append(True)

        task = asyncio.get_running_loop().create_task(work())
        await asyncio.sleep(0)
        await end(task)
        assert (ended, task.cancelled()) == ([True], True)

    asyncio.run(scene())


def test_one_that_has_failed_is_no_failure_of_ours() -> None:
    async def scene() -> None:
        async def work() -> None:
            raise ValueError

        task = asyncio.get_running_loop().create_task(work())
        await asyncio.sleep(0)
        await end(task)
        assert isinstance(task.exception(), ValueError)

    asyncio.run(scene())


def test_one_that_loses_a_cancellation_ends_all_the_same() -> None:
    async def scene() -> None:
        async def work() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(30)
            await asyncio.sleep(30)

        task = asyncio.get_running_loop().create_task(work())
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await end(task)
        assert task.cancelled()

    asyncio.run(scene())


def test_being_cancelled_oneself_is_not_swallowed() -> None:
    async def scene() -> None:
        async def stubborn() -> None:
            for _ in range(2):
                try:
                    await asyncio.sleep(0.05)
                except asyncio.CancelledError:
                    continue

        task = asyncio.get_running_loop().create_task(stubborn())
        await asyncio.sleep(0)
        ending = asyncio.get_running_loop().create_task(end(task))
        await asyncio.sleep(0)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        await task

    asyncio.run(scene())
