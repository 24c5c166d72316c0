"""A command as a user types it, to a P-CSCF that runs: what it says, and its exit status."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import structlog
from typer.testing import CliRunner

from pcscf import cli, log
from pcscf.admin.parts import Parts
from tests.admin.desk import Desk, desk


class Said(NamedTuple):
    """The lines of both outputs."""

    status: int
    out: list[str]
    err: list[str]


async def command(*words: object) -> Said:
    """Type a command; the P-CSCF goes on meanwhile."""
    texts = [str(word) for word in words]
    done = await asyncio.to_thread(CliRunner().invoke, cli.app, texts)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Said(done.exit_code, done.stdout.splitlines(), done.stderr.splitlines())


class Shell:
    """A P-CSCF, and someone who types commands beside it."""

    def __init__(self, d: Desk) -> None:
        self.desk = d
        self.stage = d.stage

    async def says(self, *words: object) -> list[str]:
        """What a command says that is done."""
        said = await self.types(*words)
        assert (said.status, said.err) == (0, [])
        return said.out

    async def refuses(self, *words: object, status: int = 1) -> str:
        """The one line of a command that is not."""
        said = await self.types(*words)
        assert (said.status, said.out) == (status, [])
        (line,) = said.err
        return line

    async def types(self, *words: object) -> Said:
        return await command(*words, "--socket", self.desk.options.socket)


@asynccontextmanager
async def shell(parts: Parts | None = None, **options: Any) -> AsyncIterator[Shell]:
    log.configure("info", "json", io.StringIO())
    try:
        async with desk(parts, http=None, **options) as d:
            yield Shell(d)
    finally:
        structlog.reset_defaults()
