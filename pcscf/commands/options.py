"""What the commands can be told, as their help shows it."""

from pathlib import Path
from typing import Annotated, Final

import typer

_WHERE: Final = "Which P-CSCF"
_FLAG: Final = ""  # no value follows, and so no type is shown

Socket = Annotated[
    str | None,
    typer.Option(
        "--socket",
        metavar="PATH",
        help="Its admin socket; else PCSCF_ADMIN__SOCKET, --config, /run/pcscf/admin.sock.",
        rich_help_panel=_WHERE,
        show_default=False,
    ),
]

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Its settings, to read admin.socket from.",
        rich_help_panel=_WHERE,
        show_default=False,
    ),
]

AsJson = Annotated[
    bool, typer.Option("--json", metavar=_FLAG, help="For programs: what the API answers.")
]

Watch = Annotated[
    bool, typer.Option("--watch", metavar=_FLAG, help="Again every 2 s, until Ctrl-C.")
]

First = Annotated[int, typer.Option("--first", min=0, metavar="N", help="From this one on.")]

Most = Annotated[int, typer.Option("--most", min=1, max=500, metavar="N", help="So many at most.")]

Find = Annotated[
    str,
    typer.Option(
        "--find",
        metavar="TEXT",
        help="Those with this in an identity or the address.",
        show_default=False,
    ),
]

Who = Annotated[
    str,
    typer.Argument(
        metavar="WHO", help="A public identity, a private one, or an address.", show_default=False
    ),
]

MaybeWho = Annotated[
    str | None,
    typer.Argument(
        metavar="WHO",
        help="A public identity, a private one, or an address; else all.",
        show_default=False,
    ),
]
