"""SAs for people: in one line each, and as a table with what was counted."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from pcscf.decode.model import Endpoint, Fault, Sa
from pcscf.decode.output.plain import plain

_HEAD: Final = (
    "SPI", "from, to", "suite", "user", "keys",
    "packets", "bytes", "numbers", "missing", "replayed", "bad ICV", "unknown SPI",
)  # fmt: skip
_FIRST_NUMBER: Final = _HEAD.index("packets")  # columns from here on stand at the right

Name = Callable[[str], str]  # what an address is called


def endpoint(name: Name, host: str, port: int) -> str:
    """Give a host's name and a port."""
    return str(Endpoint(name(host), port))


def suite_of(sa: Sa) -> str:
    """Give the algorithms; of NULL encryption that was recognised, how long its ICV is."""
    if sa.suite:
        return sa.suite.name
    return "" if sa.icv_size is None else f"NULL, ICV of {sa.icv_size} octets"


def describe(sa: Sa, name: Name) -> str:
    """Give an SA in a line: SPI, ends, suite, whose it is, where the keys are from."""
    words = [f"0x{sa.spi:08x}", _ends(sa, name)]
    if suite := suite_of(sa):
        words.append(suite)
    if sa.user:
        words.append(f"of {plain(sa.user)}")
    return " ".join(words) + f"; {_keys(sa)}"


def table(sas: Sequence[Sa], name: Name) -> Iterator[str]:
    """Give a line of headings, then one for each SA, in columns."""
    rows = [_HEAD, *(_row(sa, name) for sa in sas)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(
            f"{cell:>{width}}" if place >= _FIRST_NUMBER else f"{cell:<{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )


def _row(sa: Sa, name: Name) -> tuple[str, ...]:
    return (
        f"0x{sa.spi:08x}",
        _ends(sa, name),
        suite_of(sa),
        plain(sa.user),
        _keys(sa),
        f"{sa.packets}",
        f"{sa.octets}",
        f"{sa.first_sequence}-{sa.last_sequence}" if sa.packets else "",
        f"{sa.missing}",
        f"{sa.faults[Fault.REPLAYED]}",
        f"{sa.faults[Fault.BAD_ICV] + sa.faults[Fault.WRONG_KEY]}",
        f"{sa.faults[Fault.UNKNOWN_SPI]}",
    )


def _ends(sa: Sa, name: Name) -> str:
    if sa.ports is None:
        return f"{name(sa.src)} -> {name(sa.dst)}"
    src_port, dst_port = sa.ports
    return f"{endpoint(name, sa.src, src_port)} -> {endpoint(name, sa.dst, dst_port)}"


def _keys(sa: Sa) -> str:
    return plain(sa.origin) or "no keys"
