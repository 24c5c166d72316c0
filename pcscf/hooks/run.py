"""One message on its way through the functions of a point, in their order.

Each sees what those before it have made of the message. What a function that fails has done
counts for nothing.
"""

from collections.abc import Iterable
from types import FunctionType

from pcscf.core.hooks import Case, Point, Refusal, Verdict
from pcscf.hooks.call import Call, Tools
from pcscf.hooks.policy import OnFailure

_FAILED = Refusal(500, None)
_PASSED_ANYWAY = (Point.EMERGENCY, Point.RESPONSE)


class Run:
    """``verdict`` is what has come of it so far, and at its end."""

    def __init__(self, tools: Tools, case: Case, functions: Iterable[FunctionType]) -> None:
        self.verdict = Verdict(case.message)
        self._tools = tools
        self._case = case
        self._rest = iter(functions)
        self._call: Call | None = None  # that waits

    def advance(self) -> bool:
        """Call functions until one waits for something, which is False, or all is said."""
        while (function := next(self._rest, None)) is not None:  # none is left after a refusal
            call = Call(self._tools, self._case, self.verdict.message, function)
            if call.begin():
                self._call = call
                return False
            self._take(call)
        return True

    async def finish(self) -> None:
        """Go on until all is said."""
        while (call := self._call) is not None:
            self._call = None
            await call.finish()
            self._take(call)
            self.advance()

    def _take(self, call: Call) -> None:
        refusal = call.refusal
        if call.failed and self._must_not_pass():
            refusal = _FAILED
        if refusal is not None:
            self.verdict = Verdict(self._case.message, refusal, function=call.name)
            self._rest = iter(())
        elif call.draft.is_changed and not call.failed:
            draft = call.draft
            self.verdict = Verdict(draft.message, None, draft.targets or self.verdict.targets)

    def _must_not_pass(self) -> bool:
        return (
            self._tools.policy.on_failure is OnFailure.REFUSE
            and self._case.point not in _PASSED_ANYWAY
            and self._case.message.cseq.method != "BYE"
        )
