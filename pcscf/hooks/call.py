"""One call of one function: within its limits, measured, and whatever it does, contained."""

import asyncio
import inspect
from dataclasses import dataclass, field
from time import perf_counter
from types import CoroutineType, FunctionType
from typing import Any

from pcscf.core.hooks import Case, Refusal
from pcscf.errors import NotAllowedError
from pcscf.hooks.alarm import Alarm, OutOfTimeError, Steps
from pcscf.hooks.api import Reject, RequestView, ResponseView
from pcscf.hooks.complaints import Complaints
from pcscf.hooks.draft import Draft
from pcscf.hooks.measures import Failure, HookMeasures
from pcscf.hooks.places import describe, line_of
from pcscf.hooks.policy import HookPolicy
from pcscf.hooks.rules import folded
from pcscf.sip.limits import Limits
from pcscf.sip.message import Request, Response


@dataclass
class Tools:
    """What all calls share. ``waiting`` are those that have not ended, given up or not."""

    policy: HookPolicy
    limits: Limits
    alarm: Alarm
    measures: HookMeasures
    complaints: Complaints
    waiting: dict[asyncio.Task[Any], Steps] = field(default_factory=dict)

    def give_up(self, task: asyncio.Task[Any]) -> None:
        """End a call that waits. It may ignore that, so nobody waits for its end."""
        self.waiting[task].given_up = True
        task.cancel()


class Call:
    """``begin`` it, and ``finish`` it if that says so; then see what is there.

    ``refusal`` is the function's answer in place of the request's way, ``failed`` says that it
    counts for nothing; else ``draft`` has what it made of the message.
    """

    def __init__(
        self, tools: Tools, case: Case, message: Request | Response, function: FunctionType
    ) -> None:
        self.draft = Draft(case, message, tools.limits)
        self.refusal: Refusal | None = None
        self.failed = False
        self.name = function.__name__
        self._function = function
        self._tools = tools
        self._measures = tools.measures.of(case.point, function.__name__)
        self._began = perf_counter()
        self._coroutine: CoroutineType[Any, Any, object] | None = None

    def begin(self) -> bool:
        """Call the function. True if it waits for something, and is to be finished."""
        policy = self._tools.policy
        self._measures.calls += 1
        try:
            result = self._tools.alarm.limit(self._called, policy.time_limit)
        except BaseException as error:  # noqa: BLE001 - whatever it is, other phones go on
            self._end(None, error, perf_counter() - self._began)
            return False
        if not inspect.iscoroutine(result):
            self._end(result, None, perf_counter() - self._began)
            return False
        if self._tools.measures.waiting >= policy.max_waiting:
            result.close()
            self._fail(Failure.CROWDED, self._head, f"{policy.max_waiting} calls wait already")
            return False
        self._coroutine = result
        return True

    def _called(self) -> object:
        is_request = isinstance(self.draft.message, Request)
        return self._function(RequestView(self.draft) if is_request else ResponseView(self.draft))

    async def finish(self) -> None:
        """Wait for its end, or give it up when its time is over."""
        coroutine, policy = self._coroutine, self._tools.policy
        if coroutine is None:
            return
        steps = Steps(self._tools.alarm, coroutine, policy.time_limit)
        task = asyncio.create_task(_outcome(steps))
        self._watch(task, steps)
        await asyncio.wait({task}, timeout=policy.async_time_limit)
        if task.done():
            self._end(*task.result(), steps.busy)
            return
        place = self._place(coroutine.cr_frame.f_lineno if coroutine.cr_frame else None)
        self._tools.give_up(task)
        self._fail(Failure.LATE, place, f"waits for more than {policy.async_time_limit:g} s")

    def _watch(self, task: asyncio.Task[Any], steps: Steps) -> None:
        """Count a call as one that waits until it has really ended."""
        tools = self._tools
        tools.waiting[task] = steps
        tools.measures.waiting += 1

        def ended(task: asyncio.Task[Any]) -> None:
            del tools.waiting[task]
            tools.measures.waiting -= 1

        task.add_done_callback(ended)

    # --- what comes of it ---

    def _end(self, result: object, error: BaseException | None, busy: float) -> None:
        """Take what it returned or raised; ``busy`` is how long it kept the event loop."""
        if busy > self._tools.policy.slow:
            self._measures.slow += 1
            self._tell("hook_slow", self._head, seconds=round(busy, 4))
        if error is not None:
            self._fail_by(error)
        elif isinstance(result, Reject):
            self._reject(result)
        elif result is not None:
            self._fail(Failure.NONSENSE, self._head, f"returned {type(result).__name__}")
        else:
            self._accept()

    def _accept(self) -> None:
        try:
            if self.draft.is_changed:
                self.draft.check_size()
        except NotAllowedError as error:
            self._fail(Failure.NOT_ALLOWED, self._head, str(error))
        else:
            self._close()

    def _reject(self, reject: Reject) -> None:
        message = self.draft.message
        if isinstance(message, Response):
            self._fail(Failure.NOT_ALLOWED, self._head, "a response cannot be rejected")
        elif message.method == "BYE":
            self._fail(Failure.NOT_ALLOWED, self._head, "a BYE cannot be rejected: calls end")
        else:
            self._measures.refused += 1
            headers = tuple((folded(name), value) for name, value in reject.headers.items())
            self.refusal = Refusal(reject.status, reject.reason, headers)
            self._close()

    def _fail_by(self, error: BaseException) -> None:
        place = self._place(line_of(error, self._function.__code__.co_filename))
        if isinstance(error, OutOfTimeError):
            limit = self._tools.policy.time_limit
            self._fail(Failure.BUSY, place, f"keeps all others waiting for more than {limit:g} s")
        elif isinstance(error, NotAllowedError):
            self._fail(Failure.NOT_ALLOWED, place, str(error))
        else:
            self._fail(Failure.RAISED, place, describe(error))

    def _fail(self, failure: Failure, place: str, reason: str) -> None:
        self.failed = True
        self._measures.failures[failure] += 1
        self._tell("hook_failed", place, failure=failure.value, reason=reason)
        self._close()

    def _close(self) -> None:
        self.draft.end()
        self._measures.observe(perf_counter() - self._began)

    # --- where ---

    @property
    def _head(self) -> str:
        return self._place(None)

    def _place(self, line: int | None) -> str:
        """Give ``file:line``; without a line, that of the function's head."""
        code = self._function.__code__
        return f"{code.co_filename}:{line or code.co_firstlineno}"

    def _tell(self, event: str, place: str, **fields: str | float) -> None:
        self._tools.complaints.tell(event, place, function=self.name, **fields)


async def _outcome(steps: Steps) -> tuple[object, BaseException | None]:
    """Give what a function returned, and what it raised: sys.exit() must not end the loop."""
    try:
        return await steps, None
    except BaseException as error:  # noqa: BLE001 - likewise
        return None, error
