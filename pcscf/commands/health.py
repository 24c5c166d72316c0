"""``pcscf health``: for container managers, which want to know by the exit status alone."""

from typing import Annotated, Final

import typer

from pcscf.commands import options
from pcscf.commands.client import Client
from pcscf.commands.errors import CommandError
from pcscf.commands.tables import say
from pcscf.commands.where import socket_path
from pcscf.commands.words import plain

_SICK: Final = 1
_READY: Final = 200


def health(
    ready: Annotated[
        bool, typer.Option("--ready", metavar="", help="Whether it can serve a new phone.")
    ] = False,
    socket: options.Socket = None,
    config: options.Config = None,
) -> None:
    """Exit with 0 if the P-CSCF lives, with 1 if not; for HEALTHCHECK."""
    try:
        status, found = Client(socket_path(socket, config)).probe("/readyz" if ready else "/livez")
    except CommandError as error:
        typer.echo(plain(error), err=True)
        raise typer.Exit(_SICK) from None
    if status != _READY:
        for reason in found.get("reasons", ["not live"]):
            typer.echo(f"not ready: {plain(reason)}", err=True)
        raise typer.Exit(_SICK)
    say("ready" if ready else "live")
    for note in found.get("notes", []):
        say(f"note: {plain(note)}")
