"""What is the same for all commands: whom to ask, failures, JSON, and again and again."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import typer

from pcscf.commands.client import Client
from pcscf.commands.errors import CommandError
from pcscf.commands.where import socket_path
from pcscf.commands.words import plain

_PAUSE: Final = 2.0  # seconds of --watch
_CLEAR: Final = "\x1b[H\x1b[J"
_INTERRUPTED: Final = 130  # as a shell has it


@contextmanager
def asking(socket: str | None, config: Path | None) -> Iterator[Client]:
    """Ask within the block; what fails is one line and the exit status."""
    try:
        yield Client(socket_path(socket, config))
    except CommandError as error:
        typer.echo(plain(error), err=True)
        raise typer.Exit(error.exit_status) from None
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None


def print_json(found: dict[str, Any]) -> None:
    """Write an answer as it is."""
    typer.echo(json.dumps(found, indent=2))


def again(show: Callable[[], None], *, watch: bool) -> None:
    """Show something once, or until Ctrl-C."""
    show()
    while watch:
        time.sleep(_PAUSE)
        sys.stdout.write(_CLEAR if sys.stdout.isatty() else "\n")
        show()
        sys.stdout.flush()
