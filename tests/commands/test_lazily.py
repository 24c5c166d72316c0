"""Commands that are imported when they are called."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from pcscf.commands.lazily import LazyGroup

HEAVY = {"aiohttp", "asyncio", "pyroute2", "pydantic_settings", "structlog", "rich", "cryptography"}


def app_of(diary: list[str]) -> typer.Typer:
    def register(app: typer.Typer) -> None:
        diary.append("imported")

        @app.command(rich_help_panel="Later")
        def one() -> None:
            """Do one thing."""
            typer.echo("one")

        @app.command()
        def the_other() -> None:
            """Do the other."""
            typer.echo("other")

    class Group(LazyGroup):
        lazy = dict.fromkeys(("one", "the-other"), register)

    app = typer.Typer(cls=Group, no_args_is_help=True)

    @app.callback()
    def options() -> None:
        """Have options."""

    @app.command()
    def soon() -> None:
        """Do it soon."""
        typer.echo("soon")

    return app


def test_a_command_is_imported_once_and_when_it_is_called() -> None:
    diary: list[str] = []
    app = app_of(diary)
    run = CliRunner()
    assert run.invoke(app, ["soon"]).stdout == "soon\n"
    assert diary == []
    assert run.invoke(app, ["the-other"]).stdout == "other\n"
    assert diary == ["imported"]


def test_all_are_listed_in_their_panels() -> None:
    diary: list[str] = []
    listed = CliRunner().invoke(app_of(diary), ["--help"]).stdout
    places = [listed.index(text) for text in ("Do it soon", "Do the other", "Later", "Do one")]
    assert sorted(places[1:]) == places[1:] or places[0] < places[2]
    assert diary == ["imported"]


def test_a_typing_error_gets_a_suggestion() -> None:
    done = CliRunner().invoke(app_of([]), ["the-othr"])
    assert done.exit_code == 2
    assert "the-other" in done.stderr


@pytest.mark.parametrize(
    "words", [["ues"], ["ue", "x"], ["sas"], ["status"], ["why", "x"], ["drain"], ["health"]]
)
def test_asking_takes_nothing_that_only_the_server_or_a_terminal_needs(words: list[str]) -> None:
    program = f"""
import sys
from pcscf.cli import app
try:
    app({[*words, "--socket", "/nowhere/admin.sock"]})
except SystemExit:
    print({HEAVY} & sys.modules.keys())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout == "set()\n"
    assert done.stderr.startswith("there is no socket /nowhere/admin.sock")
