"""``pcscf drain``, ``deregister``, ``reload`` and ``log-level``: what an operator has done."""

from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from pcscf.commands import options
from pcscf.commands.asking import asking, print_json
from pcscf.commands.tables import say

_SAID: Final = "done"


class Level(StrEnum):
    """The levels of the log."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def drain(
    off: Annotated[
        bool, typer.Option("--off", metavar="", help="Let new phones in again.")
    ] = False,
    as_json: options.AsJson = False,
    socket: options.Socket = None,
    config: options.Config = None,
) -> None:
    """Turn new phones away; those that are registered go on."""
    with asking(socket, config) as client:
        _show(client.post("drain", on=not off), as_json=as_json)


def deregister(
    who: options.Who,
    as_json: options.AsJson = False,
    socket: options.Socket = None,
    config: options.Config = None,
) -> None:
    """End the registrations of a phone or a user here, with their SAs."""
    with asking(socket, config) as client:
        _show(client.post("ues", who, "deregister"), as_json=as_json)


def reload(
    as_json: options.AsJson = False,
    socket: options.Socket = None,
    config: options.Config = None,
) -> None:
    """Have the settings read anew; say what took effect, and what needs a restart."""
    with asking(socket, config) as client:
        _show(client.post("reload"), as_json=as_json)


def log_level(
    level: Annotated[Level, typer.Argument(help="What is at least of this level is told.")],
    as_json: options.AsJson = False,
    socket: options.Socket = None,
    config: options.Config = None,
) -> None:
    """Have the log tell more, or less, until the next start."""
    with asking(socket, config) as client:
        _show(client.post("log-level", level=str(level)), as_json=as_json)


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        say(found[_SAID])
