"""The hook file that is asked at present: put into service, replaced on demand, taken out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import structlog

from pcscf.core.events import HooksAnswered
from pcscf.core.hooks import Case, Hooks, Verdict
from pcscf.errors import ConfigError
from pcscf.hooks.alarm import Alarm
from pcscf.hooks.call import Tools
from pcscf.hooks.complaints import Complaints
from pcscf.hooks.in_service import InService
from pcscf.hooks.loading import HookFile, load
from pcscf.hooks.measures import HookMeasures
from pcscf.hooks.policy import HookPolicy
from pcscf.sip.limits import Limits

log = structlog.get_logger()

Use = Callable[[Hooks | None], None]
Tell = Callable[[HooksAnswered], None]


class HookService:
    """Answers the core (``pcscf.core.hooks.Hooks``). ``measures`` is for metrics.

    Within ``serving`` there are functions, once ``attach`` has said whom they serve.
    """

    def __init__(self, limits: Limits) -> None:
        self.measures = HookMeasures()
        self._limits = limits
        self._alarm = Alarm()
        self._complaints = Complaints(monotonic)
        self._current: InService | None = None
        self._use: Use = lambda _: None
        self._tell: Tell = lambda _: None
        self._lock = asyncio.Lock()  # one reload at a time
        self._tasks: set[asyncio.Task[None]] = set()  # reloads, and ends of replaced files
        self._leaving: set[InService] = set()

    @asynccontextmanager
    async def serving(self, policy: HookPolicy) -> AsyncIterator[None]:
        """Have the policy's file in service within the block.

        Raises ConfigError, a line for each thing that is wrong with it.
        """
        self._alarm.install()
        try:
            await self.put(policy, self.read(policy))
            yield
        finally:
            await self._close()
            self._alarm.remove()

    @property
    def file(self) -> str:
        """The file in service; empty if there is none."""
        return self._current.file if self._current is not None else ""

    @property
    def functions(self) -> list[str]:
        """The names of its functions, point by point."""
        return self._current.functions if self._current is not None else []

    def attach(self, use: Use, tell: Tell) -> None:
        """Serve a core: ``use`` has it ask, or ask no more; ``tell`` hands it an event."""
        self._use, self._tell = use, tell
        self._put()

    def ask(self, case: Case) -> Verdict | None:
        """Let the functions of a point decide. None says that ``HooksAnswered`` follows."""
        if self._current is None:
            return Verdict(case.message)
        return self._current.ask(case, partial(self._answered, case.ticket))

    def _answered(self, ticket: int, verdict: Verdict) -> None:
        self._tell(HooksAnswered(ticket, verdict))

    # --- life ---

    def read(self, policy: HookPolicy) -> HookFile | None:
        """Read a policy's file, which runs its code; None if it names none.

        Raises ConfigError, a line for each thing that is wrong.
        """
        return load(Path(policy.file)) if policy.file else None

    async def put(self, policy: HookPolicy, file: HookFile | None) -> None:
        """Put a file that was read in place of the one in service.

        Raises ConfigError if its ``on_start`` fails: then all stays as it was.
        """
        async with self._lock:
            new = await self._started(policy, file) if file is not None else None
            old, self._current = self._current, new
            self._put()
            if old is not None:
                self._leaving.add(old)
                self._begin(self._retire(old))
            if new is not None:
                functions = ", ".join(new.functions)
                log.info("hooks_in_service", file=policy.file, functions=functions)

    def put_soon(self, policy: HookPolicy, file: HookFile | None) -> None:
        """Do the same, and say in the log if it fails."""
        self._begin(self._put_and_say(policy, file))

    async def _put_and_say(self, policy: HookPolicy, file: HookFile | None) -> None:
        try:
            await self.put(policy, file)
        except ConfigError as error:
            for line in str(error).splitlines():
                log.error("hooks_not_reloaded", reason=line)  # noqa: TRY400 - one line

    async def _started(self, policy: HookPolicy, file: HookFile) -> InService:
        tools = Tools(policy, self._limits, self._alarm, self.measures, self._complaints)
        new = InService(file, tools)
        await new.start()
        return new

    async def _retire(self, old: InService) -> None:
        _say(await old.stop())
        self._leaving.discard(old)

    def _put(self) -> None:
        self._use(self if self._current is not None else None)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self) -> None:
        """Answer nothing more; files that were replaced and still wait are ended too."""
        self._use(None)
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        current, self._current = self._current, None
        for one in (*self._leaving, *([current] if current is not None else ())):
            _say(await one.stop(at_once=True))


def _say(problem: str) -> None:
    if problem:
        log.warning("hooks_not_stopped", reason=problem)
