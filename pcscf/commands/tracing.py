"""``pcscf trace``: the messages of a phone as they pass, decrypted."""

from collections.abc import Iterator
from typing import Annotated

import typer

from pcscf.commands import options
from pcscf.commands.asking import asking
from pcscf.commands.errors import UNREACHABLE, CommandError
from pcscf.commands.words import plain
from pcscf.errors import PcscfError


def trace(
    who: options.MaybeWho = None,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", metavar="", help="Each message as a whole.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", metavar="", help="A line a message, as decode --format jsonl."),
    ] = False,
    socket: options.Socket = None,
    config: options.Config = None,
) -> None:
    """Show the messages of a phone, or all, as they pass, until Ctrl-C. Keys are hidden."""
    with asking(socket, config) as client, client.stream("trace", *([who] if who else [])) as lines:
        typer.echo(f"watching {plain(who or 'all phones')}; Ctrl-C ends it", err=True)
        if as_json:
            for line in lines:
                typer.echo(line.decode(), nl=False)
        else:
            _draw(lines, whole=verbose)


def _draw(lines: Iterator[bytes], *, whole: bool) -> None:
    from pcscf.mirror.ladder import show  # noqa: PLC0415 - it takes a while

    try:
        show(lines, whole=whole)
    except CommandError:
        raise
    except PcscfError as error:
        raise CommandError(str(error), UNREACHABLE) from None
