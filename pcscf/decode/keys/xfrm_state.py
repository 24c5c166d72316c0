"""Keys in what ``ip xfrm state`` prints, with or without -d and -s (iproute2)."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from pcscf.decode.keys.file_keys import FileKeys, quoted
from pcscf.decode.model import Candidate, Sa
from xfrm.algorithms import TRANSFORMS, EspKeys, Role, Suite, Transform

_ROWS: Final = {(row.kernel, row.role): row for row in TRANSFORMS}
_ROLES: Final = {
    "auth": Role.AUTHENTICATION,
    "auth-trunc": Role.AUTHENTICATION,
    "enc": Role.ENCRYPTION,
    "aead": Role.COMBINED,
}
_MAX_LINE: Final = 1000
_HEAD = re.compile(r"src (\S+) dst (\S+)")
_PROTO = re.compile(r"proto esp spi (0x[0-9a-f]{1,8})\b")
# name, key, size of the key with -d, size of the ICV; the null cipher has an empty key
_ALGORITHM = re.compile(
    r"(auth|auth-trunc|enc|aead) (\S+)(?: (0x[0-9a-f]*))?(?: \([0-9]+ bits\))?(?: ([0-9]+))?"
)
_ESN = re.compile(r"replay-window .*\bflag.*\besn\b")


def is_xfrm_state(text: str) -> bool:
    """Whether a text looks like it."""
    return _HEAD.match(text.lstrip()) is not None and "\tproto " in text


def read_xfrm_state(text: str, origin: str) -> FileKeys:
    """Read all SAs of ESP; what cannot be used gets a note, one line without keys."""
    found = FileKeys()
    for block in _blocks(text):
        _read_block(block, origin, found)
    return found


def _blocks(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in text.splitlines():
        if line.startswith("src ") and block:
            yield block
            block = []
        block.append(line.strip()[:_MAX_LINE])
    if block:
        yield block


def _read_block(lines: list[str], origin: str, found: FileKeys) -> None:
    head, proto = _HEAD.match(lines[0]), _first(_PROTO, lines)
    if head is None or proto is None:
        return  # another protocol: AH, IPComp
    name = f"{origin}: SPI {proto[1]}"
    try:
        src, dst = (str(ip_address(address)) for address in head.groups())
        suite, keys = _suite_and_keys(lines)
    except ValueError as error:
        found.note(f"{name}: {error}")
        return
    # The ports of its selector are not taken: a mask that widens them is not printed.
    sa = Sa(int(proto[1], 16), src, dst)
    found.add_sa(sa, Candidate(suite, keys, origin), name)


def _first(pattern: re.Pattern[str], lines: list[str]) -> re.Match[str] | None:
    return next((match for line in lines if (match := pattern.match(line))), None)


def _suite_and_keys(lines: list[str]) -> tuple[Suite, EspKeys]:
    if _first(_ESN, lines):
        raise ValueError("extended sequence numbers are not supported")
    rows: dict[Role, tuple[Transform, bytes]] = {}
    for line in lines:
        if match := _ALGORITHM.match(line):
            word, kernel, key, bits = match.groups()
            role = _ROLES[word]
            row = _ROWS.get((kernel, role))
            if row is None or (bits and int(bits) != row.icv_bits):
                raise ValueError(f"{quoted(kernel)} {bits or ''}".rstrip() + " is not supported")
            digits = (key or "0x")[2:]
            rows[role] = row, bytes.fromhex(digits)
    return _paired(rows)


def _paired(rows: dict[Role, tuple[Transform, bytes]]) -> tuple[Suite, EspKeys]:
    if Role.COMBINED in rows:
        row, key = rows[Role.COMBINED]
        pair = ("null", row.name) if row.name == "aes-gcm" else (row.name, "null")
        return Suite(*pair), EspKeys(b"", key)
    if Role.AUTHENTICATION not in rows or Role.ENCRYPTION not in rows:
        raise ValueError("no algorithms")
    (auth, auth_key), (crypt, crypt_key) = rows[Role.AUTHENTICATION], rows[Role.ENCRYPTION]
    if not auth_key:
        raise ValueError("no keys: they are hidden where the listing was made with nokeys")
    return Suite(auth.name, crypt.name), EspKeys(auth_key, crypt_key)
