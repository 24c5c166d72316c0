"""Looks at all phones leave room for all else."""

import asyncio

from pcscf.core.views import Look
from pcscf.pace import Pace
from tests.net.support import looped


def steps(diary: list[str], name: str, count: int) -> Look[str]:
    for number in range(count):
        diary.append(f"{name}{number}")
        yield
    return name


@looped
async def test_a_look_returns_what_it_found():
    assert await Pace().take(steps([], "a", 0)) == "a"
    assert await Pace().take(steps([], "a", 3)) == "a"


@looped
async def test_the_loop_turns_between_two_steps():
    diary: list[str] = []
    loop = asyncio.get_running_loop()

    def turn(left: int) -> None:
        diary.append("turn")
        if left:
            loop.call_soon(turn, left - 1)

    loop.call_soon(turn, 2)
    await Pace().take(steps(diary, "a", 3))
    assert diary == ["a0", "turn", "a1", "turn", "a2", "turn"]


@looped
async def test_there_is_one_look_at_a_time():
    diary: list[str] = []
    pace = Pace()
    both = (pace.take(steps(diary, name, 2)) for name in "ab")
    assert await asyncio.gather(*both) == ["a", "b"]
    assert diary == ["a0", "a1", "b0", "b1"]


@looped
async def test_a_look_that_is_given_up_lets_the_next_one_in():
    pace = Pace()
    endless = asyncio.create_task(pace.take(steps([], "a", 10**9)))
    await asyncio.sleep(0)
    endless.cancel()
    assert await pace.take(steps([], "b", 1)) == "b"
