"""Whatever a function does, the message goes on, it is counted, and the log has one line."""

import asyncio
from pathlib import Path

import pytest

from pcscf.core.hooks import Point, Refusal
from pcscf.hooks.measures import Failure
from pcscf.sip.limits import Limits
from tests.hooks.support import Bench, case, request, response, ringing, write
from tests.net.support import looped, until

SMALL = Limits(max_message=1300, max_body=1000)


def contained(bench: Bench, failure: Failure, name: str = "before_core") -> None:
    """The message goes on as it came, and the failure is counted."""
    asked = case()
    verdict = bench.asked(asked)
    assert verdict.message is asked.message
    assert verdict.refusal is None
    assert verdict.targets == ()
    measures = bench.of(name)
    assert measures.failures == {failure: 1}
    assert (measures.calls, sum(measures.seconds)) == (1, 1)


@pytest.mark.parametrize(
    ("body", "failure", "line", "reason"),
    [
        ("1 / 0", Failure.RAISED, 3, "ZeroDivisionError: division by zero"),
        ("helper()", Failure.RAISED, 5, "KeyError: 'x'"),
        ("raise SystemExit('bye')", Failure.RAISED, 3, "SystemExit: bye"),
        ("raise KeyboardInterrupt", Failure.RAISED, 3, "KeyboardInterrupt"),
        ("raise asyncio.CancelledError", Failure.RAISED, 3, "CancelledError"),
        ("raise GeneratorExit", Failure.RAISED, 3, "GeneratorExit"),
        ("before_core(request)", Failure.RAISED, 3, "RecursionError: "),
        ("int('x\\ny')", Failure.RAISED, 3, "ValueError: invalid literal"),
        ("request.set('Via', 'x')", Failure.NOT_ALLOWED, 3, "Via cannot be changed: "),
        ("request.remove('To')", Failure.NOT_ALLOWED, 3, "To cannot be changed: it "),
        ("request.set('s', 'a\\r\\nVia: b')", Failure.NOT_ALLOWED, 3, "Subject has line ends"),
        ("request.add('X-A', 'x' * 9000)", Failure.NOT_ALLOWED, 3, "X-A has 9000 characters; "),
        ("return Reject(401)", Failure.NOT_ALLOWED, 3, "401 belongs to the security agreement"),
        ("return True", Failure.NONSENSE, 2, "returned bool"),
        ("return 403", Failure.NONSENSE, 2, "returned int"),
        ("return ValueError()", Failure.NONSENSE, 2, "returned ValueError"),
        ("return Reject", Failure.NONSENSE, 2, "returned type"),
    ],
)  # fmt: skip
def test_a_failure_is_contained(
    tmp_path: Path, body: str, failure: Failure, line: int, reason: str
) -> None:
    source = f"""
    def before_core(request):
        {body}
    def helper():
        {{}}['x']
    """
    bench = Bench(write(tmp_path, source))
    contained(bench, failure)
    place, said = bench.failure()
    assert place == f"line {line}"
    assert said.startswith(f"{failure}: {reason}")


def test_changes_made_before_a_failure_are_thrown_away(tmp_path: Path) -> None:
    source = """
    def before_core(request):
        request.set("Subject", "x")
        request.route_to("sip:gw.example.net")
        1 / 0
    """
    contained(Bench(write(tmp_path, source)), Failure.RAISED)


def test_a_message_that_has_become_too_large_is_thrown_away(tmp_path: Path) -> None:
    source = """
    def before_core(request):
        for number in range(40):
            request.add("X-Number", "x" * 60)
    """
    bench = Bench(write(tmp_path, source), SMALL)
    contained(bench, Failure.NOT_ALLOWED)
    place, said = bench.failure()
    assert place == "line 2"
    assert "too large" in said


@pytest.mark.parametrize("body", ["while True: pass", "time.sleep(30)"])
def test_who_keeps_all_others_waiting_is_interrupted(tmp_path: Path, body: str) -> None:
    source = f"""
    def before_core(request):
        {body}
    """
    with ringing(Bench(write(tmp_path, source), time_limit=0.01)) as bench:
        contained(bench, Failure.BUSY)
    place, said = bench.failure()
    assert place == "line 3"
    assert said == "busy: keeps all others waiting for more than 0.01 s"


def test_who_is_slow_is_counted_and_told(tmp_path: Path) -> None:
    bench = Bench(write(tmp_path, "def before_core(request): time.sleep(0.002)\n"), slow=0.001)
    bench.asked()
    assert bench.of().slow == 1
    assert bench.of().failures == {}
    (line,) = bench.log
    assert (line["event"], line["function"]) == ("hook_slow", "before_core")
    assert line["place"].endswith("rules.py:3")
    assert line["seconds"] >= 0.002


def test_a_function_may_keep_no_view_to_change_later(tmp_path: Path) -> None:
    source = """
    kept = []
    def before_core(request):
        kept.append(request)
        request.set("Subject", "x")
    def on_response(response):
        kept[0].set("Subject", "y")
    """
    bench = Bench(write(tmp_path, source))
    verdict = bench.asked()
    bench.asked(case(Point.RESPONSE))
    assert verdict.message.get("subject") == "x"
    assert bench.failure()[1] == "not_allowed: Subject cannot be changed: the message has gone on"


# --- answers


def test_a_request_is_rejected(tmp_path: Path) -> None:
    source = """
    def before_core(request):
        request.set("Subject", "x")
        return Reject(503, "Busy", {"retry-after": "30"})
    """
    bench = Bench(write(tmp_path, source))
    asked = case()
    verdict = bench.asked(asked)
    assert verdict.refusal == Refusal(503, "Busy", (("retry-after", "30"),))
    assert verdict.function == "before_core"
    assert bench.of().refused == 1
    assert bench.log == []


@pytest.mark.parametrize(
    ("name", "point", "method", "why"),
    [
        ("before_core", Point.CORE, "BYE", "a BYE cannot be rejected"),
        ("on_response", Point.RESPONSE, "INVITE", "a response cannot be rejected"),
    ],
)
def test_not_all_can_be_rejected(
    tmp_path: Path, name: str, point: Point, method: str, why: str
) -> None:
    bench = Bench(write(tmp_path, f"def {name}(message): return Reject(403)\n"))
    message = response() if point is Point.RESPONSE else request(method)
    verdict = bench.asked(case(point, message))
    assert verdict.refusal is None
    assert verdict.message is message
    assert why in bench.failure()[1]


# --- functions that wait


@looped
async def test_a_function_may_wait(tmp_path: Path) -> None:
    source = """
    async def before_core(request):
        await asyncio.sleep(0.001)
        request.set("Subject", "x")
    """
    bench = Bench(write(tmp_path, source))
    assert bench.ask() is None
    assert bench.late == []
    await until(lambda: bench.late)
    assert bench.late[0].message.get("subject") == "x"
    assert bench.of().total >= 0.001
    assert bench.of().slow == 0  # it kept nobody waiting
    await until(lambda: not bench.measures.waiting)


@looped
async def test_a_plain_function_may_give_a_coroutine_to_wait_for(tmp_path: Path) -> None:
    source = """
    async def helper(request):
        return Reject(403)
    before_core = lambda request: helper(request)
    """
    bench = Bench(write(tmp_path, source))
    assert bench.ask() is None
    await until(lambda: bench.late)
    assert bench.late[0].refusal == Refusal(403, None)


ASYNC_FAULTS = [
    ("1 / 0", Failure.RAISED, 4, "ZeroDivisionError"),
    ("raise SystemExit", Failure.RAISED, 4, "SystemExit"),
    ("raise asyncio.CancelledError", Failure.RAISED, 4, "CancelledError"),
    ("while True: pass", Failure.BUSY, 4, "keeps all others waiting"),
    ("time.sleep(30)", Failure.BUSY, 4, "keeps all others waiting"),
    ("await asyncio.sleep(30)", Failure.LATE, 4, "waits for more than 0.05 s"),
    ("await asyncio.Event().wait()", Failure.LATE, 4, "waits for more than 0.05 s"),
    ("return 7", Failure.NONSENSE, 2, "returned int"),
    ("request.set('Via', '')", Failure.NOT_ALLOWED, 4, "Via cannot be changed"),
]


@pytest.mark.parametrize(("body", "failure", "line", "reason"), ASYNC_FAULTS)
def test_a_failure_of_one_that_waits_is_contained(
    tmp_path: Path, body: str, failure: Failure, line: int, reason: str
) -> None:
    source = f"""
    async def before_core(request):
        await asyncio.sleep(0)
        {body}
    """

    @looped
    async def test() -> None:
        bench = Bench(write(tmp_path, source), time_limit=0.02, async_time_limit=0.05)
        asked = case()
        with ringing(bench):
            await bench.answered(asked)
        (verdict,) = bench.late
        assert (verdict.message, verdict.refusal) == (asked.message, None)
        assert bench.of().failures == {failure: 1}
        place, said = bench.failure()
        assert place == f"line {line}"
        assert said.startswith(f"{failure}: {reason}")

    test()


@looped
async def test_one_that_ignores_its_end_keeps_nobody_waiting(tmp_path: Path) -> None:
    source = """
    async def before_core(request):
        while True:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                pass
    """
    bench = Bench(write(tmp_path, source), async_time_limit=0.01, max_waiting=2)
    for _ in range(2):
        await bench.answered()
    assert bench.measures.waiting == 2  # they are there yet, so there is room for no more
    assert bench.asked().refusal is None
    assert bench.of().failures == {Failure.LATE: 2, Failure.CROWDED: 1}
    await bench.service.stop(at_once=True)
    for task in tuple(bench.tools.waiting):
        task.cancel()
    await until(lambda: not bench.measures.waiting)


@looped
async def test_no_more_wait_than_may(tmp_path: Path) -> None:
    bench = Bench(
        write(tmp_path, "async def before_core(r): await asyncio.sleep(0)\n"), max_waiting=1
    )
    assert bench.ask() is None
    await asyncio.sleep(0)
    assert bench.ask() is not None
    assert bench.of().failures == {Failure.CROWDED: 1}
    assert bench.failure()[1] == "crowded: 1 calls wait already"
    await until(lambda: bench.late)
