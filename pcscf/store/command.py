"""``pcscf store``: what an operator does beside the running P-CSCF."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pcscf.errors import SealError

app = typer.Typer(no_args_is_help=True, help="Keys of the store.")

_FAILED = 1


@app.callback()
def options() -> None:
    """Keys of the store."""


@app.command()
def new_key(
    file: Annotated[Path, typer.Argument(help="The file of store.key_file; made if need be.")],
    last: Annotated[
        bool, typer.Option("--last", help="Only to open with, until all machines have it.")
    ] = False,
) -> None:
    """Add a key to the file. It seals from the next start or reload on; the others still open."""
    from pcscf.store.key_file import add_key  # noqa: PLC0415 - loads cryptography

    try:
        key = add_key(str(file), datetime.now(UTC), last=last)
    except SealError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_FAILED) from None
    typer.echo(f"{file}: key {key.id} {'opens' if last else 'seals'} from now on")
