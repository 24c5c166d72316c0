"""The file with the operator's keys: a line for each, its id and 32 octets in base64.

The first one seals, all of them open. So a key is changed by a new first line, and a line is
taken out when no record needs it any more. ``pcscf store new-key`` writes such lines.
"""

import binascii
import os
import re
import secrets
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from pcscf.errors import SealError
from pcscf.private_file import open_private
from pcscf.store.sealing import KEY_SIZE, MAX_ID, Key

_HEAD = "# Keys of a P-CSCF's store. The first one seals, all of them open.\n"
_LINE = re.compile(rf"([A-Za-z0-9._-]{{1,{MAX_ID}}})[ \t]+([A-Za-z0-9+/]{{43}}=)")
_MAX_SIZE = 65536


def read_keys(path: str) -> list[Key]:
    """Read the keys. Raises SealError, one line that shows none of them."""
    keys = list(_keys(path, _read(path)))
    if not keys:
        raise SealError(f"{path}: holds no key: pcscf store new-key {path}")
    return keys


def add_key(path: str, now: datetime, *, last: bool = False) -> Key:
    """Make a key, which seals from now on, and write it into the file, which is made if need be.

    ``last``: it shall only open for the time being; it is for the first place once each of the
    machines has it. Raises SealError.
    """
    key = Key(f"{now:%Y-%m-%d}.{secrets.token_hex(2)}", secrets.token_bytes(KEY_SIZE))
    line = f"{key.id} {b64encode(key.secret).decode()}\n"
    text = _read(path) if Path(path).exists() else _HEAD
    list(_keys(path, text))  # what cannot be read is better left alone
    if text and not text.endswith("\n"):
        text += "\n"
    _replace(path, text + line if last else _with_first(text, line))
    return key


def _with_first(text: str, line: str) -> str:
    """Put the line before the first key, and so behind the comments above it."""
    lines = text.splitlines(keepends=True)
    place = next((n for n, each in enumerate(lines) if _is_key(each)), len(lines))
    return "".join([*lines[:place], line, *lines[place:]])


def _is_key(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _keys(path: str, text: str) -> Iterator[Key]:
    ids = set()
    for number, line in enumerate(text.splitlines(), 1):
        if not _is_key(line):
            continue
        match = _LINE.fullmatch(line.strip())
        if not match:
            raise SealError(f"{path}: line {number}: not an id and 32 octets in base64")
        if match[1] in ids:
            raise SealError(f"{path}: line {number}: a second key of the same id")
        ids.add(match[1])
        yield Key(match[1], binascii.a2b_base64(match[2]))


def _read(path: str) -> str:
    try:
        with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
            data = file.read(_MAX_SIZE + 1)
    except FileNotFoundError:
        raise SealError(f"{path}: there is no such file: pcscf store new-key {path}") from None
    except OSError as error:
        raise SealError(f"{path}: {error.strerror}") from None
    if len(data) > _MAX_SIZE:
        raise SealError(f"{path}: too large for a file of keys")
    return data.decode("utf-8", "replace")


def _replace(path: str, text: str) -> None:
    """Write the whole file or leave it as it was: losing it would lose every sealed record."""
    target = Path(path).resolve()
    draft = f"{target}.{secrets.token_hex(4)}"
    try:
        with os.fdopen(open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(target)
    except OSError as error:
        with suppress(OSError):
            Path(draft).unlink()
        raise SealError(f"{path}: {error.strerror}") from None
