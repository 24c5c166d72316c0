"""``--ck HEX --ik HEX``: one pair of keys for every SA that has none, with every algorithm."""

from typing import Final

from pcscf.decode.keys.wildcards import Wildcard
from pcscf.decode.model import Candidate
from xfrm.algorithms import SUITES
from xfrm.model import AkaKeys

ORIGIN: Final = "--ck and --ik"


def given_keys(ck: bytes, ik: bytes) -> list[Wildcard]:
    """Make the candidates of CK and IK, 16 octets each."""
    aka = AkaKeys(ck, ik)
    return [Wildcard(Candidate(suite, suite.keys(aka), ORIGIN)) for suite in SUITES]
