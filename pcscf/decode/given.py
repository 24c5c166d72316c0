"""``--ck HEX --ik HEX``: one pair of keys for every SA that has none, with every algorithm."""

from typing import Final

from pcscf.decode.model import Candidate
from pcscf.decode.wildcards import Wildcard
from pcscf.errors import KeyFileError
from xfrm.algorithms import SUITES
from xfrm.model import KEY_SIZE, AkaKeys

ORIGIN: Final = "--ck and --ik"


def given_keys(ck: str, ik: str) -> list[Wildcard]:
    """Make the candidates of CK and IK, given in hexadecimal; colons and blanks do not count.

    Raises KeyFileError, one line without the keys.
    """
    aka = AkaKeys(_octets("--ck", ck), _octets("--ik", ik))
    return [Wildcard(Candidate(suite, suite.keys(aka), ORIGIN)) for suite in SUITES]


def _octets(option: str, text: str) -> bytes:
    try:
        octets = bytes.fromhex(text.replace(":", "").removeprefix("0x"))
    except ValueError:
        octets = b""
    if len(octets) != KEY_SIZE:
        raise KeyFileError(f"{option}: {2 * KEY_SIZE} hexadecimal digits expected")
    return octets
