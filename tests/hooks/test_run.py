"""Several functions of a point: in their order, each on what those before it have made."""

from pathlib import Path

import pytest

from pcscf.core.hooks import Point, Refusal
from pcscf.core.policy import Target
from pcscf.hooks.policy import OnFailure
from tests.garbage import no_garbage
from tests.hooks.support import Bench, case, request, response, write
from tests.net.support import looped, until

TRAIL = """
def note(request, letter):
    request.set("Subject", (request.get("Subject") or "") + letter)
"""


@looped
async def test_functions_are_called_in_the_order_of_the_file(tmp_path: Path) -> None:
    source = (
        TRAIL
        + """
def before_core_z(request): note(request, "z")
async def before_core_waits(request):
    await asyncio.sleep(0)
    note(request, "w")
def before_core(request): note(request, "c")
async def before_core_again(request):
    await asyncio.sleep(0)
    note(request, "x")
def before_core_a(request): note(request, "a")
"""
    )
    bench = Bench(write(tmp_path, source))
    verdict = await bench.answered()
    assert verdict.message.get("subject") == "zwcxa"
    assert len(bench.late) == 1


def test_a_failure_in_between_leaves_the_others(tmp_path: Path) -> None:
    source = (
        TRAIL
        + """
def before_core_a(request): note(request, "a")
def before_core_b(request):
    note(request, "b")
    1 / 0
def before_core_c(request): note(request, "c")
"""
    )
    assert Bench(write(tmp_path, source)).asked().message.get("subject") == "ac"


def test_the_first_rejection_ends_it(tmp_path: Path) -> None:
    source = """
    def before_core_a(request): request.set("Subject", "a")
    def before_core_b(request): return Reject(403)
    def before_core_c(request): return Reject(404)
    """
    bench = Bench(write(tmp_path, source))
    verdict = bench.asked()
    assert verdict.refusal == Refusal(403, None)
    assert verdict.function == "before_core_b"
    assert bench.of("before_core_c").calls == 0


def test_the_last_route_counts(tmp_path: Path) -> None:
    source = """
    def before_core_a(request): request.route_to("sip:a.example.net")
    def before_core_b(request): pass
    def before_core_c(request): request.set("Subject", "x")
    """
    path = write(tmp_path, source)
    assert Bench(path).asked().targets == (Target("a.example.net"),)
    with path.open("a") as file:
        file.write("def before_core_d(request): request.route_through('sip:d.example.net')\n")
    verdict = Bench(path).asked()
    assert verdict.targets == (Target("d.example.net"),)
    assert verdict.message.values("route") == ["<sip:d.example.net;lr>"]


def test_points_without_functions_cost_nothing(tmp_path: Path) -> None:
    bench = Bench(write(tmp_path, "def before_core(request): pass\n"))
    asked = case(Point.PHONE)
    assert bench.asked(asked).message is asked.message


# --- what a failure does to a request, if the operator wants it refused


@pytest.mark.parametrize(
    ("point", "method", "refused"),
    [
        (Point.CORE, "INVITE", True),
        (Point.PHONE, "INVITE", True),
        (Point.REGISTRATION, "REGISTER", True),
        (Point.CORE, "BYE", False),
        (Point.EMERGENCY, "INVITE", False),
        (Point.RESPONSE, "INVITE", False),
    ],
)
def test_a_failure_may_refuse(tmp_path: Path, point: Point, method: str, refused: bool) -> None:
    bench = Bench(write(tmp_path, f"def {point}(message): 1 / 0\n"), on_failure=OnFailure.REFUSE)
    message = response() if point is Point.RESPONSE else request(method)
    verdict = bench.asked(case(point, message))
    assert verdict.refusal == (Refusal(500, None) if refused else None)
    assert verdict.message is message


@looped
async def test_a_limit_that_is_met_may_refuse_too(tmp_path: Path) -> None:
    source = "async def before_core(request): await asyncio.sleep(30)\n"
    bench = Bench(write(tmp_path, source), on_failure=OnFailure.REFUSE, async_time_limit=0.01)
    assert (await bench.answered()).refusal == Refusal(500, None)


# --- what is over is gone, without the garbage collector


@pytest.mark.parametrize(
    "body",
    ["pass", "request.set('Subject', 'x')", "return Reject(403)", "1 / 0", "return 7", "helper()"],
)
def test_a_call_leaves_no_garbage(tmp_path: Path, body: str) -> None:
    source = f"""
    def helper():
        raise KeyError
    def before_core(request):
        {body}
    """
    bench = Bench(write(tmp_path, source))
    bench.asked()
    bench.log.clear()
    with no_garbage():
        for _ in range(10):
            bench.ask()


@pytest.mark.parametrize("body", ["pass", "return Reject(403)", "1 / 0", "await asyncio.sleep(9)"])
def test_a_call_that_waits_leaves_no_garbage(tmp_path: Path, body: str) -> None:
    source = f"""
    async def before_core(request):
        await asyncio.sleep(0)
        {body}
    """

    @looped
    async def test() -> None:
        bench = Bench(write(tmp_path, source), async_time_limit=0.01)
        await bench.answered()
        with no_garbage():
            for _ in range(10):
                await bench.answered()
            await until(lambda: not bench.measures.waiting)
            bench.late.clear()

    test()
