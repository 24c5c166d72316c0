"""What ``pcscf decode`` can be told, as its help shows it."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

_CAPTURES: Final = "Captures"
_LIVE: Final = "Live capture"
_KEYS: Final = "Keys (none are needed where the capture has the core's 401, or encryption is NULL)"
_FILTERS: Final = "Filters (of what is shown; all is decoded and counted)"
_OUTPUT: Final = "Output"
_FLAG: Final = ""  # no value follows, and so no type is shown


class Format(StrEnum):
    """The forms of output."""

    LADDER = "ladder"
    JSONL = "jsonl"
    HTML = "html"
    PCAPNG = "pcapng"
    ESP_SA = "esp_sa"


Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FILE",
        help="Captures: pcap or pcapng, also in gzip; - is standard input. "
        "Several are read as one, in the order of time.",
        rich_help_panel=_CAPTURES,
        show_default=False,
    ),
]

Interface = Annotated[
    str | None,
    typer.Option("-i", "--interface", metavar="NAME", help="Capture live.", rich_help_panel=_LIVE),
]

KeyFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--keys",
        metavar="FILE",
        help="The output of ip xfrm state, Wireshark's esp_sa, a pcapng with secrets, or the "
        "P-CSCF's key log. Repeatable.",
        rich_help_panel=_KEYS,
    ),
]

UsimFile = Annotated[
    str | None,
    typer.Option(
        "--usim",
        metavar="FILE",
        help="K and OP or OPc of phones: keys from the 401 on Gm alone.",
        rich_help_panel=_KEYS,
    ),
]

Ck = Annotated[
    str | None,
    typer.Option(
        "--ck", metavar="HEX", help="CK; every algorithm is tried.", rich_help_panel=_KEYS
    ),
]

Ik = Annotated[
    str | None,
    typer.Option(
        "--ik", metavar="HEX", help="IK; every algorithm is tried.", rich_help_panel=_KEYS
    ),
]

Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        metavar=_FLAG,
        help="Open each packet with scapy too, and report what differs. Slow.",
        rich_help_panel=_KEYS,
    ),
]

CallIds = Annotated[
    list[str] | None,
    typer.Option(
        "--call-id", metavar="ID", help="This dialog. Repeatable.", rich_help_panel=_FILTERS
    ),
]

Methods = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        metavar="NAME",
        help="Requests of this method, and what answers them. Repeatable.",
        rich_help_panel=_FILTERS,
    ),
]

Users = Annotated[
    list[str] | None,
    typer.Option(
        "--user",
        metavar="TEXT",
        help="Part of a public or private identity. Repeatable.",
        rich_help_panel=_FILTERS,
    ),
]

Addresses = Annotated[
    list[str] | None,
    typer.Option(
        "--address",
        metavar="ADDRESS",
        help="From or to this address, or network (192.0.2.0/24). Repeatable.",
        rich_help_panel=_FILTERS,
    ),
]

Spis = Annotated[
    list[str] | None,
    typer.Option(
        "--spi",
        metavar="SPI",
        help="Under this SA, 0x000012ab or 4779. Repeatable.",
        rich_help_panel=_FILTERS,
    ),
]

After = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TIME",
        help="Not before: seconds as in the ladder, or 2026-01-31T12:00:00 (UTC).",
        rich_help_panel=_FILTERS,
    ),
]

Before = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help="Not after; as --from.", rich_help_panel=_FILTERS),
]

Form = Annotated[
    Format,
    typer.Option(
        "-f",
        "--format",
        help="ladder: a line a message. jsonl: for programs. html: a page with a sequence "
        "diagram. pcapng: the packets without ESP. esp_sa: keys for Wireshark.",
        rich_help_panel=_OUTPUT,
    ),
]

File = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write there, not to standard output.",
        rich_help_panel=_OUTPUT,
    ),
]

Verbose = Annotated[
    bool,
    typer.Option(
        "-v",
        "--verbose",
        metavar=_FLAG,
        help="ladder: each message as a whole.",
        rich_help_panel=_OUTPUT,
    ),
]

Names = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        metavar="ADDRESS=NAME",
        help="ladder, html: what a host is called. Repeatable.",
        rich_help_panel=_OUTPUT,
    ),
]

Secrets = Annotated[
    bool,
    typer.Option(
        "--secrets",
        metavar=_FLAG,
        help="pcapng: the packets as they came, and the keys in a block of their own.",
        rich_help_panel=_OUTPUT,
    ),
]

ShowKeys = Annotated[
    bool,
    typer.Option(
        "--show-keys",
        metavar=_FLAG,
        help="ladder, jsonl, html: show CK, IK and the keys of SAs; else they are hidden.",
        rich_help_panel=_OUTPUT,
    ),
]

EPILOG: Final = """
Examples:

pcscf decode gm.pcapng

pcscf decode gm.pcap core.pcap --format html --output call.html

pcscf decode gm.pcapng --keys state.txt --method INVITE -v

tcpdump -i any -U -w - esp or port 5060 | pcscf decode -
"""
