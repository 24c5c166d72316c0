"""The command line. Exit status: 0 done, 1 it cannot start or run, 2 the settings are wrong.

``decode`` has statuses of its own (``pcscf.decode.command.command``). What only the server needs is
imported by its commands: it takes several times longer than to decode a small capture.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pcscf.decode.command.command import decode
from pcscf.decode.command.options import EPILOG
from pcscf.errors import ConfigError, PcscfError

if TYPE_CHECKING:
    from pcscf.config import Settings

# Its own tracebacks print local variables, and so would print keys.
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.command(epilog=EPILOG)(decode)

_FAILED = 1
_MISCONFIGURED = 2


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


@app.command()
def run(file: Annotated[Path, typer.Option("--config", help="Settings, a TOML file.")]) -> None:
    """Run the P-CSCF until SIGTERM or SIGINT."""
    from pcscf import log  # noqa: PLC0415
    from pcscf.net import start  # noqa: PLC0415

    settings = _load(file)
    log.configure(settings.log.level, settings.log.format)
    try:
        start.run(settings)
    except PcscfError as error:
        _end(str(error), _FAILED)


@app.command()
def check_config(file: Annotated[Path, typer.Argument(help="Settings, a TOML file.")]) -> None:
    """Check the settings and the hook file; print what is wrong, one line each."""
    from pcscf.hooks import loading  # noqa: PLC0415

    hook_file = _load(file).hooks.file
    if hook_file and (problems := loading.check(Path(hook_file))):
        _end("\n".join(problems), _MISCONFIGURED)
    typer.echo(f"{file}: ok")


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
