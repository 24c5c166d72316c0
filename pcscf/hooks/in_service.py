"""One hook file while it serves: from its ``on_start`` to its ``on_stop``."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from pcscf.core.hooks import Case, Verdict
from pcscf.errors import ConfigError
from pcscf.hooks.alarm import Alarm, Steps
from pcscf.hooks.call import Tools
from pcscf.hooks.loading import LIFE_TIME, HookFile, Life
from pcscf.hooks.places import describe, line_of
from pcscf.hooks.run import Run

Answered = Callable[[Verdict], None]


class InService:
    """What a file has begun, it finishes, though another one may be asked by then."""

    def __init__(self, file: HookFile, tools: Tools) -> None:
        self._file = file
        self._tools = tools
        self._runs: set[asyncio.Task[None]] = set()
        self._is_stopped = False

    @property
    def file(self) -> str:
        """Its path."""
        return str(self._file.path)

    @property
    def functions(self) -> list[str]:
        """The names of its functions, point by point."""
        return [one.__name__ for group in self._file.functions.values() for one in group]

    async def start(self) -> None:
        """Call ``on_start``. Raises ConfigError, one line, if it fails."""
        if self._file.on_start is None:
            return
        problem = await self._live(self._file.on_start)
        if problem:
            self._file.forget()
            raise ConfigError(problem)

    def ask(self, case: Case, answered: Answered) -> Verdict | None:
        """Let its functions decide; None says that ``answered`` is called later."""
        functions = self._file.functions.get(case.point)
        if not functions:
            return Verdict(case.message)
        run = Run(self._tools, case, functions)
        if run.advance():
            return run.verdict
        task = asyncio.create_task(_finish(run, answered))
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)
        return None

    async def stop(self, *, at_once: bool = False) -> str:
        """Call ``on_stop`` when all is answered, or give up what is not; give what went wrong."""
        if at_once:
            for task in tuple(self._tools.waiting):
                self._tools.give_up(task)
            for run in self._runs:
                run.cancel()
        while self._runs:
            await asyncio.wait(self._runs)
        if self._is_stopped:
            return ""
        self._is_stopped = True
        self._file.forget()
        return await self._live(self._file.on_stop) if self._file.on_stop is not None else ""

    async def _live(self, life: Life) -> str:
        """Call a function of the file's life, and wait for it; give what went wrong."""
        task = asyncio.create_task(_outcome(life, self._tools.alarm))
        await asyncio.wait({task}, timeout=2 * LIFE_TIME)
        code = life.__code__
        if not task.done():
            task.cancel()
            reason = f"takes more than {2 * LIFE_TIME:g} s"
            return f"{code.co_filename}:{code.co_firstlineno}: {code.co_name}: {reason}"
        error = task.result()
        if error is None:
            return ""
        line = line_of(error, code.co_filename) or code.co_firstlineno
        return f"{code.co_filename}:{line}: {code.co_name}: {describe(error)}"


async def _finish(run: Run, answered: Answered) -> None:
    try:
        await run.finish()
    finally:
        answered(run.verdict)


async def _outcome(life: Life, alarm: Alarm) -> BaseException | None:
    try:
        result: Any = alarm.limit(life, LIFE_TIME)
        if inspect.iscoroutine(result):
            await Steps(alarm, result, LIFE_TIME)
    except BaseException as error:  # noqa: BLE001 - sys.exit() in it must not end the loop
        return error
    return None
