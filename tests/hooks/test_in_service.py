"""A file's life: its start, what it still has to do when it is replaced, its end."""

import asyncio
import sys
from pathlib import Path

import pytest

from pcscf.errors import ConfigError
from pcscf.hooks import in_service
from tests.hooks.support import Bench, case, write
from tests.net.support import looped, until

LIFE = """
diary = []
async def on_start():
    await asyncio.sleep(0)
    diary.append("start")
def on_stop():
    diary.append("stop")
async def before_core(request):
    await gate.wait()
    diary.append("call")
gate = asyncio.Event()
"""


def module_of(bench: Bench) -> dict[str, object]:
    return vars(bench.service._file.module)


@looped
async def test_a_file_ends_when_what_it_began_is_answered(tmp_path: Path) -> None:
    bench = Bench(write(tmp_path, LIFE))
    names = module_of(bench)
    await bench.service.start()
    assert bench.ask() is None
    ending = asyncio.create_task(bench.service.stop())
    await asyncio.sleep(0.01)
    assert names["diary"] == ["start"]
    names["gate"].set()  # type: ignore[attr-defined]
    assert await ending == ""
    assert names["diary"] == ["start", "call", "stop"]
    assert len(bench.late) == 1


@looped
async def test_at_once_it_ends_without(tmp_path: Path) -> None:
    bench = Bench(write(tmp_path, LIFE))
    names = module_of(bench)
    asked = case()
    assert bench.ask(asked) is None
    await until(lambda: bench.tools.waiting)
    await bench.service.stop(at_once=True)
    assert names["diary"] == ["stop"]
    assert bench.late[0].message is asked.message  # whoever waits is answered in any case
    await bench.service.stop(at_once=True)
    assert names["diary"] == ["stop"]
    await until(lambda: not bench.tools.waiting)


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(
    ("body", "reason"),
    [("1 / 0", "ZeroDivisionError: division by zero"), ("exit(1)", "SystemExit: 1")],
)
def test_a_start_that_fails_is_told_with_its_line(
    tmp_path: Path, kind: str, body: str, reason: str
) -> None:
    path = write(tmp_path, f"def before_core(r): pass\n{kind} on_start():\n    {body}\n")

    @looped
    async def test() -> None:
        bench = Bench(path)
        with pytest.raises(ConfigError) as error:
            await bench.service.start()
        assert str(error.value) == f"{path}:5: on_start: {reason}"
        assert bench.service._file.module.__name__ not in sys.modules

    test()


@looped
async def test_an_end_that_fails_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, "def before_core(r): pass\nasync def on_stop(): {}['x']\n")
    assert await Bench(path).service.stop() == f"{path}:4: on_stop: KeyError: 'x'"


@pytest.mark.parametrize("body", ["await asyncio.sleep(30)", "await asyncio.Event().wait()"])
def test_a_start_that_does_not_end_is_given_up(
    tmp_path: Path, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_service, "LIFE_TIME", 0.01)
    path = write(tmp_path, f"def before_core(r): pass\nasync def on_start(): {body}\n")

    @looped
    async def test() -> None:
        with pytest.raises(ConfigError, match=r"on_start: takes more than 0\.02 s"):
            await Bench(path).service.start()

    test()


def test_its_functions_are_named(tmp_path: Path) -> None:
    bench = Bench(write(tmp_path, "def before_core(r): pass\ndef on_response(r): pass\n"))
    assert bench.service.functions == ["before_core", "on_response"]
