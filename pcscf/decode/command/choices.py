"""The words of the command line, read: filters, keys, names. Raises ValueError with the reason.

Reasons never quote what was given: it may be a key.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

import typer

_KEY = re.compile(r"(?:0x)?([0-9a-f]{32})", re.IGNORECASE)

T = TypeVar("T")


def read_key(text: str) -> bytes:
    """Read CK or IK: 128 bits in hexadecimal digits."""
    match = _KEY.fullmatch(text.replace(":", ""))
    if match is None:
        raise ValueError("a key has 32 hexadecimal digits")
    return bytes.fromhex(match[1])


def read_name(text: str) -> tuple[str, str]:
    """Read ADDRESS=NAME. The address comes as captures have it."""
    address, equal, name = text.partition("=")
    if not equal or not name or not name.isprintable():
        raise ValueError("it reads ADDRESS=NAME")
    return str(ipaddress.ip_address(address)), name


def each(option: str, texts: Iterable[str] | None, read: Callable[[str], T]) -> tuple[T, ...]:
    """Read all values of an option; a usage error names it."""
    try:
        return tuple([read(text) for text in texts or ()])
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=f"'{option}'") from None


def one(option: str, text: str | None, read: Callable[[str], T]) -> T | None:
    """Read the value of an option that may be absent."""
    return None if text is None else each(option, (text,), read)[0]
