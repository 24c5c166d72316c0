"""Keys in Wireshark's ``esp_sa`` file, with its wildcards.

A line has protocol, source, destination, SPI, encryption, its key, authentication, its key;
newer ones have more behind. ``*`` stands for any address or SPI, and for single parts of one.
"""

import csv
import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from pcscf.decode.keys.file_keys import FileKeys, quoted
from pcscf.decode.keys.wildcards import Range, Wildcard
from pcscf.decode.model import Candidate, Sa
from xfrm.algorithms import TRANSFORMS, EspKeys, Role, Suite

_FIELDS: Final = 8
_UNCHECKED: Final = "any 96 bit authentication [no checking]"
_NULL: Final = "null"
_AUTH: Final = {
    row.wireshark.lower(): row.name for row in TRANSFORMS if row.role is Role.AUTHENTICATION
}
_CRYPT: Final = {
    row.wireshark.lower(): row.name
    for row in TRANSFORMS
    if row.role is not Role.AUTHENTICATION and row.wireshark
} | {"aes-gcm [rfc4106]": "aes-gcm"}  # its name since Wireshark 4; the ICV has 16 octets too
_EVERY: Final = {"IPv4": ip_network("0.0.0.0/0"), "IPv6": ip_network("::/0")}
_LINE = re.compile(r'\s*"(?:IPv[46]|ipv[46]|\*)"\s*,')
_ALL_BITS: Final = 0xFFFFFFFF


def is_esp_sa(text: str) -> bool:
    """Whether a text looks like it: the first line that is no comment."""
    return any(_LINE.match(line) for line in _lines(text[:10_000]))


def read_esp_sa(text: str, origin: str) -> FileKeys:
    """Read all lines; what cannot be used gets a note, one line without keys."""
    found = FileKeys()
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            name = f"{origin}: line {number}"
            try:
                _read_line(line, origin, name, found)
            except (ValueError, csv.Error) as error:
                found.note(f"{name}: {error}")
    return found


def _lines(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if line.strip() and not line.startswith("#"))


def _read_line(line: str, origin: str, name: str, found: FileKeys) -> None:
    fields = next(csv.reader([line], skipinitialspace=True))
    if len(fields) < _FIELDS:
        raise ValueError(f"{_FIELDS} fields expected")
    protocol, src, dst, spi, encryption, crypt_key, authentication, auth_key = (
        field.strip() for field in fields[:_FIELDS]
    )
    suite, checked = _suite(encryption.lower(), authentication.lower())
    auth = _key(auth_key) if checked and suite.auth else b""
    crypt = _key(crypt_key) if suite.crypt.key_size else b""
    candidate = Candidate(suite, EspKeys(auth, crypt), origin, checked)
    value, mask = _spi(spi)
    if mask == _ALL_BITS and "*" not in src + dst and "/" not in src + dst:
        found.add_sa(Sa(value, _address(src), _address(dst)), candidate, name)
        return
    every = _EVERY.get(protocol)
    ranges = (_range(src, every), _range(dst, every))
    found.add_wildcard(Wildcard(candidate, *ranges, value, mask), name)


def _suite(encryption: str, authentication: str) -> tuple[Suite, bool]:
    """Find the algorithms, and whether the key of the ICV is known."""
    ealg = _CRYPT.get(encryption)
    if ealg is None:
        raise ValueError(f"encryption {quoted(encryption)} is not supported")
    if ealg == "aes-gcm":
        return Suite("null", ealg), True
    if authentication == _UNCHECKED:
        return Suite("hmac-sha-1-96", ealg), False
    alg = _AUTH.get(authentication)
    if alg is None:
        raise ValueError(f"authentication {quoted(authentication)} is not supported")
    return Suite(alg, ealg), True


def _key(text: str) -> bytes:
    """Read a key: hexadecimal behind 0x, else the characters themselves."""
    if not text.lower().startswith("0x"):
        return text.encode()
    try:
        return bytes.fromhex(text[2:])
    except ValueError:
        raise ValueError("a key is not hexadecimal") from None


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("no address") from None


def _range(text: str, every: Range | None) -> Range | None:
    """Read an address, a prefix, or one whose last parts are ``*``."""
    if text == "*":
        return every
    try:
        if "*" not in text:
            return ip_network(text, strict=False)
        return _ipv6_range(text) if ":" in text else _ipv4_range(text)
    except ValueError:
        raise ValueError("no address or range of them") from None


def _ipv4_range(text: str) -> IPv4Network:
    known = text.split(".")
    while known and known[-1] == "*":
        known.pop()
    return IPv4Network((".".join(known + ["0"] * (4 - len(known))), 8 * len(known)))


def _ipv6_range(text: str) -> IPv6Network:
    known = text.split(":")
    while known and known[-1] == "*":
        known.pop()
    return IPv6Network((":".join(known + ["0"] * (8 - len(known))), 16 * len(known)))


def _spi(text: str) -> tuple[int, int]:
    """Read an SPI: its value and the bits of it that count."""
    if text in {"*", "0x*"}:
        return 0, 0
    try:
        if not text.lower().startswith("0x"):
            return _within(int(text)), _ALL_BITS
        if "*" not in text:
            return _within(int(text, 16)), _ALL_BITS
        digits = text[2:].rjust(8, "0")
        value = int(digits.replace("*", "0"), 16)
        return _within(value), int("".join("0" if d == "*" else "f" for d in digits), 16)
    except ValueError:
        raise ValueError("no SPI") from None


def _within(value: int) -> int:
    if not 0 < value <= _ALL_BITS:
        raise ValueError
    return value
