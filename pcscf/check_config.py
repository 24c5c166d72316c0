"""``pcscf check-config``: the settings, and what the machine has for them, as a list to read."""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pcscf import config, log
from pcscf.config import Settings
from pcscf.core.ids import Ids
from pcscf.errors import ConfigError
from pcscf.net.checks import machine
from pcscf.net.checks.finding import Finding, Level
from pcscf.net.entropy import Entropy

_FINE, _LACKING, _MISCONFIGURED = 0, 1, 2  # exit statuses
_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "bold red"}


def check(file: Path, *, settings_only: bool = False, as_json: bool = False) -> int:
    """Print what is found, on stdout, and return the exit status; wrong settings go to stderr."""
    try:
        settings = config.load(file)
    except ConfigError as error:
        _refuse(str(error).splitlines(), as_json=as_json)
        return _MISCONFIGURED
    findings = [] if settings_only else look(settings)
    if as_json:
        _print_json([], findings)
    else:
        _print(file, findings, settings_only=settings_only)
    return _LACKING if any(one.level is Level.ERROR for one in findings) else _FINE


def look(settings: Settings) -> list[Finding]:
    """Run all checks; those beyond this machine take a few seconds where nobody answers."""
    log.configure("error", "console")
    return [*machine.whole(settings), *asyncio.run(_beyond(settings))]


async def _beyond(settings: Settings) -> list[Finding]:
    return [finding async for finding in machine.around(settings, Ids(Entropy()))]


def _refuse(problems: list[str], *, as_json: bool) -> None:
    if as_json:
        _print_json(problems, [])
    else:
        sys.stderr.write("\n".join(problems) + "\n")


def _print_json(problems: list[str], findings: list[Finding]) -> None:
    answer = {"settings": problems, "machine": [finding._asdict() for finding in findings]}
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")


def _print(file: Path, findings: list[Finding], *, settings_only: bool) -> None:
    if settings_only:
        sys.stdout.write(f"{file}: ok\n")
    elif sys.stdout.isatty():
        _print_table(Console(), findings)
        sys.stdout.write(_summary(file, findings) + "\n")
    else:
        lines = [f"{one.level:7} {one.about}: {one}" for one in findings]
        sys.stdout.write("\n".join([*lines, _summary(file, findings)]) + "\n")


def _summary(file: Path, findings: list[Finding]) -> str:
    """Say it in a line."""
    counts = Counter(one.level for one in findings)
    if counts[Level.ERROR]:
        return f"{file}: ok, but this machine lacks something: {_counted(counts, Level.ERROR)}"
    if counts[Level.WARNING]:
        return f"{file}: ok, it would start; {_counted(counts, Level.WARNING)}"
    return f"{file}: ok, and this machine has all of it"


def _counted(counts: Counter[Level], level: Level) -> str:
    return f"{counts[level]} {level}{'s' if counts[level] > 1 else ''}"


def _print_table(console: Console, findings: list[Finding]) -> None:
    """One row a finding; what mends it stands below in its own line, to be copied whole."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for column in ("level", "about"):
        table.add_column(column, no_wrap=True)
    table.add_column("text", overflow="fold")
    for level, about, text, mends in findings:
        line = Text(text)
        if mends:
            line.append(f"\n{mends}", style="cyan")
        table.add_row(Text(level, style=_COLOURS[level]), about, line)
    console.print(table)
