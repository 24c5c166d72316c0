"""The lines of a head: cutting it, the value of a line, printing one (RFC 3261 7.3.1)."""

import re
from collections.abc import Iterable

from pcscf.errors import ParseError
from pcscf.sip.names import printed

_FOLD = re.compile(r"\n[ \t]")


def split_lines(text: str) -> list[str]:
    """Cut a head at its CRLFs, start line first; folding stays with its line.

    Raises ParseError 400 for a CR or LF that is not part of a CRLF: what others take for
    a line end could smuggle a header field past us.
    """
    lines = text.split("\r\n")
    ends = len(lines) - 1
    if text.count("\n") != ends or text.count("\r") != ends:
        raise ParseError(400, "Bare CR Or LF In Header")
    if not _FOLD.search(text):
        return lines
    if lines[1][:1] in {" ", "\t"}:
        raise ParseError(400, "Folded Start Line")
    return join_folding(lines)


def join_folding(lines: list[str]) -> list[str]:
    """Put lines that start with a blank under the line before them, CRLF between them."""
    groups: list[list[str]] = []
    for line in lines:
        if line[:1] in {" ", "\t"} and groups:
            groups[-1].append(line)
        else:
            groups.append([line])
    return ["\r\n".join(group) for group in groups]


def value_of(line: str) -> str:
    """Give a line's value, unfolded and stripped; each fold with its blanks becomes one SP."""
    value = line[line.find(":") + 1 :].strip(" \t")
    if "\r" in value:
        value = " ".join([part.strip(" \t") for part in value.split("\r\n")]).strip(" \t")
    return value


def print_line(name: str, value: str) -> str:
    """Print a line; ValueError for a value with line ends, which would be further lines."""
    if "\r" in value or "\n" in value:
        raise ValueError("a header value has no line ends")
    return f"{name}: {value}"


def print_lines(headers: Iterable[tuple[str, str]]) -> list[str]:
    """Print header fields, names given in any case; ValueError for line ends."""
    return [print_line(printed(name.lower()), value) for name, value in headers]
