"""What runs too long is interrupted where it stands."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from pcscf.hooks.alarm import Alarm, OutOfTimeError, Steps

LIMIT = 0.02
LONG = 30.0  # seconds; a test that really waits for it has failed


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    made = Alarm()
    made.install()
    yield made
    made.remove()
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def for_ever() -> None:
    while True:
        pass


def stubborn() -> None:
    """Catch whatever comes, a few times."""
    for _ in range(3):
        with suppress(BaseException):
            time.sleep(LONG)
    time.sleep(LONG)


def careful() -> None:
    while True:
        with suppress(Exception):
            time.sleep(LONG)


@pytest.mark.parametrize("work", [for_ever, lambda: time.sleep(LONG), stubborn, careful])
def test_work_is_interrupted(alarm: Alarm, work: object) -> None:
    began = time.monotonic()
    with pytest.raises(OutOfTimeError):
        alarm.limit(work, LIMIT)  # type: ignore[arg-type]
    assert time.monotonic() - began < LONG / 10


def test_work_in_time_is_left_alone(alarm: Alarm) -> None:
    assert alarm.limit(lambda: 7, LIMIT) == 7
    with pytest.raises(KeyError):
        alarm.limit(lambda: os.environ["ABSENT"], LIMIT)
    time.sleep(2 * LIMIT)  # nothing rings any more


def test_a_late_ring_hurts_nobody(alarm: Alarm) -> None:
    alarm.limit(lambda: None, LIMIT)
    signal.raise_signal(signal.SIGALRM)


def test_the_signal_is_given_back() -> None:
    before = signal.getsignal(signal.SIGALRM)
    outer, inner = Alarm(), Alarm()
    outer.install()
    inner.install()
    inner.remove()
    with pytest.raises(OutOfTimeError):
        outer.limit(for_ever, LIMIT)
    outer.remove()
    assert signal.getsignal(signal.SIGALRM) is before


def test_in_another_thread_nothing_rings() -> None:
    found: list[int] = []

    def work() -> None:
        alarm = Alarm()
        alarm.install()
        alarm.limit(lambda: time.sleep(2 * LIMIT), LIMIT)
        found.append(7)
        alarm.remove()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [7]


# --- steps of a coroutine


def test_a_coroutine_is_awaited(alarm: Alarm) -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, "a")
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(LONG)
        except TimeoutError:
            pass
        try:
            async with asyncio.timeout(0.001):  # a second cancellation, and not the last
                await asyncio.sleep(LONG)
        except TimeoutError:
            return f"{await future}b"
        return ""

    steps = Steps(alarm, work(), LIMIT)
    assert asyncio.run(awaited(steps)) == "ab"
    assert 0 < steps.busy < 1


async def awaited(steps: Steps) -> object:
    return await steps


def test_what_it_waits_for_may_fail(alarm: Alarm) -> None:
    async def work() -> str:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(KeyError("x"))
        try:
            await future
        except KeyError:
            return "caught"
        return ""

    assert asyncio.run(awaited(Steps(alarm, work(), LIMIT))) == "caught"


@pytest.mark.parametrize("before", [0, 3])
def test_a_step_is_interrupted_wherever_it_stands(alarm: Alarm, before: int) -> None:
    async def work() -> None:
        for _ in range(before):
            await asyncio.sleep(0)
        time.sleep(LONG)  # noqa: ASYNC251 - that is the fault

    with pytest.raises(OutOfTimeError):
        asyncio.run(awaited(Steps(alarm, work(), LIMIT)))


def test_one_that_is_given_up_may_clean_up_and_no_more(alarm: Alarm) -> None:
    done: list[str] = []

    async def work() -> None:
        while True:
            try:
                await asyncio.sleep(LONG)
            except asyncio.CancelledError:
                done.append("cancelled")

    async def main() -> None:
        steps = Steps(alarm, work(), LIMIT)
        task = asyncio.ensure_future(awaited(steps))
        await asyncio.sleep(0)
        steps.given_up = True
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert done == ["cancelled"]
