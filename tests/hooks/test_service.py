"""What the core is given to ask, through reloads and the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pcscf.core.events import HooksAnswered
from pcscf.core.hooks import Hooks, Verdict
from pcscf.errors import ConfigError
from pcscf.hooks.policy import HookPolicy
from pcscf.hooks.service import HookService
from pcscf.sip.limits import DEFAULT
from tests.hooks.support import case, write
from tests.net.support import looped, until

LATE = """
async def before_core(request):
    await asyncio.sleep({wait})
    request.set("Subject", "{name}")
def note(text):
    with open({diary!r}, "a") as file:
        file.write(text)
def on_start(): note("start {name};")
async def on_stop(): note("stop {name};")
"""
AT_ONCE = "def before_core(request): request.set('Subject', '{name}')\n"


class Core:
    """Who asks."""

    def __init__(self) -> None:
        self.hooks: Hooks | None = None
        self.told: list[HooksAnswered] = []

    def use(self, hooks: Hooks | None) -> None:
        self.hooks = hooks

    def ask(self) -> Verdict | None:
        assert self.hooks is not None
        return self.hooks.ask(case())


@asynccontextmanager
async def serving(path: Path | None, **policy: float) -> AsyncIterator[tuple[HookService, Core]]:
    service, core = HookService(DEFAULT), Core()
    given = HookPolicy(str(path) if path else "", **policy)  # type: ignore[arg-type]
    async with service.serving(given):
        service.attach(core.use, core.told.append)
        yield service, core
    assert core.hooks is None


async def reload(service: HookService, path: Path | None) -> None:
    policy = HookPolicy(str(path) if path else "", async_time_limit=30)
    await service.put(policy, service.read(policy))


def late(path: Path, name: str, diary: Path, wait: float = 0.02) -> Path:
    return write(path, LATE.format(name=name, diary=str(diary), wait=wait))


@looped
async def test_without_a_file_nobody_is_asked() -> None:
    async with serving(None) as (service, core):
        assert core.hooks is None
        await reload(service, None)
        assert core.hooks is None


@looped
async def test_a_verdict_at_once_and_one_later(tmp_path: Path) -> None:
    path = write(tmp_path, AT_ONCE.format(name="a"))
    async with serving(path) as (service, core):
        verdict = core.ask()
        assert verdict is not None
        assert verdict.message.get("subject") == "a"
        write(tmp_path, "async def before_core(request): request.set('Subject', 'b')\n")
        await reload(service, path)
        assert core.ask() is None
        await until(lambda: core.told)
        assert core.told[0].ticket == 1
        assert core.told[0].verdict.message.get("subject") == "b"
        assert {name for _, name in service.measures.functions} == {"before_core"}


@looped
async def test_what_a_file_began_it_finishes_though_another_is_asked_by_then(
    tmp_path: Path,
) -> None:
    diary = tmp_path / "diary"
    async with serving(late(tmp_path, "old", diary)) as (service, core):
        assert core.ask() is None
        await asyncio.sleep(0)
        await reload(service, late(tmp_path, "new", diary))
        assert core.ask() is None
        await until(lambda: len(core.told) == 2)
        subjects = [event.verdict.message.get("subject") for event in core.told]
        assert subjects == ["old", "new"]
        await until(lambda: "stop old" in diary.read_text())
    assert diary.read_text() == "start old;start new;stop old;stop new;"


@looped
async def test_the_end_waits_for_nobody(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    async with serving(late(tmp_path, "a", diary, wait=30), async_time_limit=30) as (service, core):
        assert core.ask() is None
        await asyncio.sleep(0)
        await reload(service, late(tmp_path, "b", diary, wait=30))
        assert core.ask() is None
        await asyncio.sleep(0)
    assert sorted(diary.read_text().split(";")[2:]) == ["", "stop a", "stop b"]


@looped
async def test_a_file_with_a_fault_leaves_the_one_in_service(tmp_path: Path) -> None:
    path = write(tmp_path, AT_ONCE.format(name="a"))
    async with serving(path) as (service, core):
        for fault in ("1 / 0\n", "def before_core(r): pass\ndef on_start(): 1 / 0\n"):
            write(tmp_path, fault)
            with pytest.raises(ConfigError, match=f"^{path}:[34]: "):
                await reload(service, path)
            verdict = core.ask()
            assert verdict is not None
            assert verdict.message.get("subject") == "a"


@looped
async def test_hooks_come_and_go_with_the_settings(tmp_path: Path) -> None:
    path = write(tmp_path, AT_ONCE.format(name="a"))
    async with serving(None) as (service, core):
        await reload(service, path)
        assert core.ask() is not None
        assert (service.file, service.functions) == (str(path), ["before_core"])
        await reload(service, None)
        assert core.hooks is None
        assert (service.file, service.functions) == ("", [])


def test_a_fault_at_the_start_is_raised(tmp_path: Path) -> None:
    @looped
    async def test() -> None:
        with pytest.raises(ConfigError, match="ZeroDivisionError"):
            async with serving(write(tmp_path, "1 / 0\n")):
                pass

    test()


@looped
async def test_a_start_that_fails_later_is_told_in_the_log(tmp_path: Path) -> None:
    path = write(tmp_path, AT_ONCE.format(name="a"))
    policy = HookPolicy(str(path))
    async with serving(path) as (service, _):
        with capture_logs() as lines:
            write(tmp_path, "def before_core(r): pass\ndef on_start(): 1 / 0\n")
            service.put_soon(policy, service.read(policy))
            await until(lambda: len(lines) == 1)
            write(tmp_path, AT_ONCE.format(name="b"))
            service.put_soon(policy, service.read(policy))
            await until(lambda: len(lines) == 2)
        assert [line["event"] for line in lines] == ["hooks_not_reloaded", "hooks_in_service"]
        assert lines[0]["reason"].startswith(f"{path}:4: on_start: ZeroDivisionError")
        assert lines[1]["functions"] == "before_core"
