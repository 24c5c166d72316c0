"""AKA at both ends (TS 33.102 section 6.3) and its use in Digest (RFC 3310).

The home network makes a ``Vector`` for a challenge; the phone's ``Usim`` checks
the challenge and answers with an ``AkaResult``, or raises.

::

    AkaError
    +-- MacError      the challenge is not from the home network
    +-- SyncError     its SQN is out of range; carries the AUTS to send back
    +-- AutsError     an AUTS that the USIM of this subscriber did not make
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field

from tests.peers.milenage import Milenage, xor

ALGORITHM = "AKAv1-MD5"
DEFAULT_AMF = b"\x80\x00"
RESYNC_AMF = b"\x00\x00"  # TS 33.102 6.3.3: MAC-S is made with an AMF of zero
SQN_LIMIT = 1 << 48
# TS 33.102 Annex C.2.1: a jump larger than Delta is refused, so that nobody can use up the SQNs.
SQN_DELTA = 1 << 28
NONCE_OCTETS = 32  # RAND and AUTN; server data may follow (RFC 3310 section 3.2)


class AkaError(Exception):
    """Base of this module's errors; none of them quotes key material."""


class MacError(AkaError):
    """MAC-A is wrong (TS 33.102 6.3.3): an empty response goes back."""


class SyncError(AkaError):
    """The SQN is not in the expected range; ``auts`` is 14 octets."""

    def __init__(self, auts: bytes) -> None:
        super().__init__("the SQN of the challenge is out of range")
        self.auts = auts


class AutsError(AkaError):
    """MAC-S is wrong, or the AUTS is not 14 octets long."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """RAND and AUTN, 16 octets each, as the nonce carries them."""

    rand: bytes
    autn: bytes

    @classmethod
    def parse(cls, nonce: str) -> "Challenge":
        """Read a nonce; ValueError if it is not base64 of at least 32 octets."""
        try:
            octets = base64.b64decode(nonce, validate=True)
        except binascii.Error as error:
            raise ValueError("the nonce is not base64") from error
        if len(octets) < NONCE_OCTETS:
            raise ValueError("the nonce is shorter than RAND and AUTN")
        return cls(octets[:16], octets[16:32])

    @property
    def nonce(self) -> str:
        """RFC 3310 section 3.2: base64 of RAND, then AUTN."""
        return base64.b64encode(self.rand + self.autn).decode()


@dataclass(frozen=True, slots=True)
class AkaResult:
    """What an AKA run leaves at either end. RES is 8 octets, CK and IK 16; never printed."""

    res: bytes = field(repr=False)
    ck: bytes = field(repr=False)
    ik: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Vector:
    """An authentication vector: the challenge, and the result that a right USIM reaches."""

    challenge: Challenge
    expected: AkaResult


def run(functions: Milenage, rand: bytes) -> AkaResult:
    """RES, CK and IK for one RAND."""
    return AkaResult(functions.f2(rand), functions.f3(rand), functions.f4(rand))


def make_vector(functions: Milenage, rand: bytes, sqn: int, amf: bytes = DEFAULT_AMF) -> Vector:
    """The home network's part (TS 33.102 6.3.2): AUTN = (SQN xor AK) || AMF || MAC-A."""
    sqn_octets = sqn.to_bytes(6, "big")
    hidden = xor(sqn_octets, functions.f5(rand))
    autn = hidden + amf + functions.f1(rand, sqn_octets, amf)
    return Vector(Challenge(rand, autn), run(functions, rand))


def make_auts(functions: Milenage, rand: bytes, sqn_ms: int) -> bytes:
    """AUTS = (SQN_MS xor AK*) || MAC-S, 14 octets (TS 33.102 6.3.3)."""
    sqn_octets = sqn_ms.to_bytes(6, "big")
    hidden = xor(sqn_octets, functions.f5_star(rand))
    return hidden + functions.f1_star(rand, sqn_octets, RESYNC_AMF)


def read_auts(functions: Milenage, rand: bytes, auts: bytes) -> int:
    """The SQN_MS in an AUTS whose MAC-S is right; AutsError otherwise (TS 33.102 6.3.5)."""
    if len(auts) != 14:
        raise AutsError("an AUTS is 14 octets long")
    sqn_octets = xor(auts[:6], functions.f5_star(rand))
    if not hmac.compare_digest(auts[6:], functions.f1_star(rand, sqn_octets, RESYNC_AMF)):
        raise AutsError("MAC-S is wrong")
    return int.from_bytes(sqn_octets, "big")


@dataclass(slots=True)
class Usim:
    """The phone's card. ``sqn_ms`` is the highest SQN it has accepted."""

    functions: Milenage
    sqn_ms: int = 0

    def answer(self, challenge: Challenge) -> AkaResult:
        """Check a challenge, move SQN_MS on, and compute; MacError or SyncError."""
        rand, autn = challenge.rand, challenge.autn
        sqn_octets = xor(autn[:6], self.functions.f5(rand))
        if not hmac.compare_digest(autn[8:], self.functions.f1(rand, sqn_octets, autn[6:8])):
            raise MacError("MAC-A is wrong")
        sqn = int.from_bytes(sqn_octets, "big")
        if not self.sqn_ms < sqn <= self.sqn_ms + SQN_DELTA:
            raise SyncError(make_auts(self.functions, rand, self.sqn_ms))
        self.sqn_ms = sqn
        return run(self.functions, rand)


@dataclass(slots=True)
class HomeSubscriber:
    """The home network's side of one card. ``sqn`` is the last SQN it has used."""

    functions: Milenage
    sqn: int = 0

    def vector(self, rand: bytes) -> Vector:
        """Make the next vector, with an SQN that was never used."""
        self.sqn = (self.sqn + 1) % SQN_LIMIT
        return make_vector(self.functions, rand, self.sqn)

    def resynchronise(self, rand: bytes, auts: bytes) -> None:
        """Go on from the card's SQN; AutsError if the card did not make this AUTS."""
        self.sqn = read_auts(self.functions, rand, auts)


def _md5(octets: bytes) -> str:
    return hashlib.md5(octets, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Credentials:
    """All that a Digest response is made of (RFC 2617 section 3.2.2, RFC 3310 section 3.3).

    ``password`` is octets: RES itself, never its hexadecimal text; empty beside
    ``auts``. ``qop`` is "", "auth" or "auth-int"; without it the RFC 2069 form is computed.
    """

    username: str
    realm: str
    nonce: str
    uri: str
    password: bytes = field(repr=False)
    method: str = "REGISTER"
    qop: str = ""
    nc: str = "00000001"
    cnonce: str = ""
    body: bytes = b""
    auts: bytes = b""

    @property
    def response(self) -> str:
        """The request-digest, 32 hexadecimal digits."""
        return self._digest(self.method)

    @property
    def rspauth(self) -> str:
        """The server's proof in Authentication-Info: as the response, with an empty method."""
        return self._digest("")

    def _digest(self, method: str) -> str:
        ha1 = _md5(f"{self.username}:{self.realm}:".encode() + self.password)
        a2 = f"{method}:{self.uri}"
        if self.qop == "auth-int":
            a2 += ":" + _md5(self.body)
        middle = [self.nc, self.cnonce, self.qop] if self.qop else []
        return _md5(":".join([ha1, self.nonce, *middle, _md5(a2.encode())]).encode())

    def authorization(self, response: str | None = None) -> str:
        """The Authorization value; ``response`` replaces the right one if given."""
        shown = self.response if response is None else response
        text = (
            f'Digest username="{self.username}", realm="{self.realm}", nonce="{self.nonce}", '
            f'uri="{self.uri}", response="{shown}", algorithm={ALGORITHM}'
        )
        if self.qop:
            text += f', qop={self.qop}, nc={self.nc}, cnonce="{self.cnonce}"'
        if self.auts:
            text += f', auts="{base64.b64encode(self.auts).decode()}"'
        return text


def initial_authorization(username: str, realm: str, uri: str) -> str:
    """The Authorization value of a REGISTER before any challenge (TS 24.229 5.1.1.2.2)."""
    return f'Digest username="{username}", realm="{realm}", uri="{uri}", nonce="", response=""'
