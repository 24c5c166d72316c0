"""``--usim FILE``: K and OPc of phones, of which CK and IK of every challenge follow.

A TOML file with one table a phone. ``impi`` may be left out: then the phone is tried for
every user. All values are hexadecimal, 16 octets; either ``op`` or ``opc``::

    [[usim]]
    impi = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
    k = "465b5ce8b199b49faa5f0a2ee238a6bc"
    opc = "cd63cb71954a9f4e48a5994e37a02baf"
"""

import base64
import binascii
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pcscf.decode.keys.milenage import BLOCK, Milenage, opc_of
from pcscf.errors import KeyFileError
from xfrm.model import AkaKeys

_MAX_FILE: Final = 16 << 20
_MAX_TRIED: Final = 64  # for a user who is not in the file
_KEYS: Final = frozenset({"impi", "k", "op", "opc"})


@dataclass(frozen=True, slots=True)
class Usim:
    """One phone's card. ``impi`` is empty for one that is tried for every user."""

    impi: str
    functions: Milenage = field(repr=False)


@dataclass(frozen=True, slots=True)
class Derived:
    """CK and IK of a challenge, and whose card made them."""

    keys: AkaKeys
    usim: Usim


class Usims:
    """The cards given."""

    def __init__(self, usims: Iterable[Usim] = ()) -> None:
        self._wrong: dict[str, str] = {}  # by IMPI
        self._unfit = 0  # frame of the first challenge that no card has made
        self._has_fitted = False
        self._by_impi: dict[str, Usim] = {}
        self._for_all: list[Usim] = []
        for usim in usims:
            if usim.impi:
                self._by_impi[usim.impi] = usim
            else:
                self._for_all.append(usim)

    def __len__(self) -> int:
        return len(self._by_impi) + len(self._for_all)

    @property
    def notes(self) -> list[str]:
        """Lines to tell the user: whose card does not fit, or that none does."""
        if self._unfit and not self._has_fitted and not self._wrong:
            return [f"wrong K, OP or OPc: no card fits the 401 in frame {self._unfit}, or another"]
        return list(self._wrong.values())

    def derive(self, impi: str, nonce: str, frame: int) -> Derived | None:
        """Find CK and IK of a challenge (RFC 3310 3.2: RAND and AUTN in base64).

        ``impi`` may be empty, or another of the user's identities. A card counts only if the
        challenge's MAC proves that the home network has the same K.
        """
        challenge = _rand_and_autn(nonce)
        if challenge is None:
            return None
        rand, autn = challenge
        own = self._by_impi.get(impi)
        for usim in [own] if own else self._others():
            if usim.functions.proves(rand, autn):
                self._has_fitted = True
                keys = AkaKeys(usim.functions.ck(rand), usim.functions.ik(rand))
                return Derived(keys, usim)
        if own:
            wrong = f"wrong K, OP or OPc of {impi}: not that of the 401 in frame {frame}"
            self._wrong[impi] = wrong
        self._unfit = self._unfit or frame
        return None

    def _others(self) -> list[Usim]:
        return [*self._for_all, *self._by_impi.values()][:_MAX_TRIED]


def load_usims(path: str) -> Usims:
    """Read a file of cards. Raises KeyFileError, one line, which does not quote the file."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from None
    if len(text) > _MAX_FILE:
        raise KeyFileError(f"{path}: larger than {_MAX_FILE >> 20} MiB")
    try:
        content = tomllib.loads(text.decode())
    except (ValueError, RecursionError):
        raise KeyFileError(f"{path}: not TOML") from None
    tables = content.pop("usim", None)
    if content or not isinstance(tables, list) or not tables:
        raise KeyFileError(f"{path}: [[usim]] tables expected, and nothing else")
    return Usims(_usim(f"{path}: usim {n}", table) for n, table in enumerate(tables, 1))


def _usim(place: str, table: object) -> Usim:
    if not isinstance(table, dict) or not table.keys() <= _KEYS:
        raise KeyFileError(f"{place}: its keys are impi, k, and op or opc")
    if ("op" in table) == ("opc" in table):
        raise KeyFileError(f"{place}: either op or opc")
    impi = table.get("impi", "")
    if not isinstance(impi, str):
        raise KeyFileError(f"{place}: impi is no text")
    k = _octets(place, "k", table.get("k"))
    if "opc" in table:
        opc = _octets(place, "opc", table["opc"])
    else:
        opc = opc_of(k, _octets(place, "op", table["op"]))
    return Usim(impi, Milenage(k, opc))


def _octets(place: str, name: str, value: object) -> bytes:
    try:
        octets = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        octets = b""
    if len(octets) != BLOCK:
        raise KeyFileError(f"{place}: {name} is not {2 * BLOCK} hexadecimal digits")
    return octets


def _rand_and_autn(nonce: str) -> tuple[bytes, bytes] | None:
    try:
        octets = base64.b64decode(nonce, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(octets) < 2 * BLOCK:
        return None
    return octets[:BLOCK], octets[BLOCK : 2 * BLOCK]
