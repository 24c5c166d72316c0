"""Upgrading in place (SIGUSR2): whether it can be, and whether the new program would start.

Nothing ends before both are certain; what is refused is told, and this process serves on.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from pcscf.config import Settings
from pcscf.net.handover import program
from pcscf.store.writer import State

log = structlog.get_logger()

_MISCONFIGURED: Final = 2  # exit status of check-config
_PATIENCE: Final = 30.0  # seconds for the new program to have read its settings


class Upgrade:
    """What SIGUSR2 asks for. ``wanted`` is set once this process is to end for the next one."""

    def __init__(self, file: Path, refusal: Callable[[], str]) -> None:
        self.wanted = asyncio.Event()
        self._file = file
        self._refusal = refusal
        self._trial: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Find out whether it can be. Asking again meanwhile changes nothing."""
        if self._trial is None or self._trial.done():
            self._trial = asyncio.get_running_loop().create_task(self._try())

    async def close(self) -> None:
        """Give up finding out."""
        if self._trial:
            self._trial.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._trial

    async def _try(self) -> None:
        reason = self._refusal() or await misreads(self._file)
        if reason:
            log.error("upgrade_refused", reason=reason)
            return
        log.info("upgrading", program=program()[0])
        self.wanted.set()


def in_the_way(settings: Settings, store: State | None) -> str:
    """Say why phones would notice; ``store`` is the state of theirs. Empty if they would not."""
    if store is None:
        return "without a store all phones would be forgotten: see store.key_file"
    if settings.store.used == "valkey":
        return "instances share the store: stop this one (SIGTERM), and another one goes on"
    if store.name != "ok":
        return f"the store is {store.name}: {store.reason}"
    return ""


async def misreads(file: Path) -> str:
    """Have the new program read its settings and hooks; return what it says if it cannot."""
    command = (*program(), "check-config", "--settings-only", str(file))
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            process_group=0,
        )
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    try:
        said, _ = await asyncio.wait_for(process.communicate(), _PATIENCE)
    except TimeoutError:
        return f"the new program has not read its settings within {_PATIENCE:g} s"
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()
    if process.returncode == 0:
        return ""
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    if not lines:
        return "the new program fails"
    # Problems with the settings are a list of lines, a defect says at the end what it is.
    return lines[0] if process.returncode == _MISCONFIGURED else lines[-1]
