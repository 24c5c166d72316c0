"""The command line. Exit status: 0 done, 1 it cannot start or run, 2 the settings are wrong.

``decode`` has statuses of its own (``pcscf.decode.command.command``), and so have those that ask
a running P-CSCF (``pcscf.commands``). What a command needs is imported when it is called: to
import the server takes several times longer than to decode a small capture.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pcscf.commands.lazily import LazyGroup
from pcscf.errors import ConfigError, PcscfError

if TYPE_CHECKING:
    from pcscf.config import Settings

_FAILED = 1
_MISCONFIGURED = 2
_RUN, _LOOK, _ACT, _CAPTURES = "Run", "Look at a running one", "Act on it", "Captures"


def _look(group: typer.Typer) -> None:
    from pcscf.commands.explaining import drops, why  # noqa: PLC0415
    from pcscf.commands.health import health  # noqa: PLC0415
    from pcscf.commands.phones import sas, ue, ues  # noqa: PLC0415
    from pcscf.commands.surroundings import blocked, next_hops, status  # noqa: PLC0415
    from pcscf.commands.tracing import trace  # noqa: PLC0415

    for command in (status, ues, ue, trace, why, sas, drops, next_hops, blocked, health):
        group.command(rich_help_panel=_LOOK)(command)


def _act(group: typer.Typer) -> None:
    from pcscf.commands.acting import deregister, drain, log_level, reload  # noqa: PLC0415

    for command in (drain, deregister, reload, log_level):
        group.command(rich_help_panel=_ACT)(command)


def _captures(group: typer.Typer) -> None:
    from pcscf.decode.command.command import decode  # noqa: PLC0415
    from pcscf.decode.command.options import EPILOG  # noqa: PLC0415

    group.command(epilog=EPILOG, rich_help_panel=_CAPTURES)(decode)


def _store(group: typer.Typer) -> None:
    from pcscf.store.command import app as store  # noqa: PLC0415

    group.add_typer(store, name="store", rich_help_panel=_RUN)


_LOOKING = (
    "status", "ues", "ue", "trace", "why", "sas", "drops", "next-hops", "blocked", "health",
)  # fmt: skip
_ACTING = ("drain", "deregister", "reload", "log-level")


class _Commands(LazyGroup):
    lazy = (
        dict.fromkeys(_LOOKING, _look)
        | dict.fromkeys(_ACTING, _act)
        | {"decode": _captures, "store": _store}
    )


# Its own tracebacks print local variables, and so would print keys.
app = typer.Typer(
    cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415

        typer.echo(f"pcscf {version('pcscf')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """P-CSCF: the IMS edge proxy, with IPsec towards the phones."""


@app.command(rich_help_panel=_RUN)
def run(file: Annotated[Path, typer.Option("--config", help="Settings, a TOML file.")]) -> None:
    """Run the P-CSCF until SIGTERM or SIGINT."""
    from pcscf import log  # noqa: PLC0415
    from pcscf.net import start  # noqa: PLC0415

    settings = _load(file)
    log.configure(settings.log.level, settings.log.format)
    try:
        start.run(settings, file)
    except PcscfError as error:
        _end(str(error), _FAILED)


@app.command(rich_help_panel=_RUN)
def check_config(
    file: Annotated[Path, typer.Argument(help="Settings, a TOML file.")],
    settings_only: Annotated[
        bool, typer.Option("--settings-only", help="Leave this machine out of it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check the settings, what this machine has for them, its DNS and the next hops.

    Exit status: 0 it would start, 1 this machine lacks something, 2 the settings are wrong.
    Run it as the user and where the P-CSCF will run: in its container, say.
    """
    from pcscf import check_config as checking  # noqa: PLC0415

    if status := checking.check(file, settings_only=settings_only, as_json=as_json):
        raise typer.Exit(status)


def _load(file: Path) -> "Settings":
    from pcscf import config  # noqa: PLC0415

    try:
        return config.load(file)
    except ConfigError as error:
        _end(str(error), _MISCONFIGURED)


def _end(text: str, status: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(status)


def main() -> None:
    """Entry point of ``pcscf``."""
    app()
