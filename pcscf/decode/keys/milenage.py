"""Milenage (TS 35.206), as far as a decoder needs it: AUTN checked, CK and IK derived.

Blocks are integers of 128 bit here, as the specification adds and rotates them.
"""

import hmac
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

BLOCK: Final = 16  # octets of K, OP, OPc, RAND, AUTN, CK and IK
_BITS: Final = 8 * BLOCK
_ONES: Final = (1 << _BITS) - 1
_AK_SIZE: Final = 6

# TS 35.206 4.1: by how many bits OUT1, OUT2, ... rotate, and what they add
_ROTATE: Final = (64, 0, 32, 64, 96)
_ADD: Final = (0, 1, 2, 4, 8)


def opc_of(k: bytes, op: bytes) -> bytes:
    """Make the OPc of one subscriber from the operator's OP; 16 octets each."""
    return (_number(op) ^ _encrypt(k, _number(op))).to_bytes(BLOCK, "big")


@dataclass(frozen=True, slots=True)
class Milenage:
    """The functions of one subscriber; K and OPc are 16 octets each, and never printed."""

    k: bytes = field(repr=False)
    opc: bytes = field(repr=False)

    def proves(self, rand: bytes, autn: bytes) -> bool:
        """Whether AUTN is from a home network with the same K (TS 33.102 6.3.3)."""
        sqn = _number(autn[:_AK_SIZE]) ^ _number(self.ak(rand))
        amf = _number(autn[6:8])
        half = sqn << 16 | amf
        mac = self._out(1, half << 64 | half, self._temp(rand))[:8]  # f1
        return hmac.compare_digest(mac, autn[8:])

    def ck(self, rand: bytes) -> bytes:
        """Give f3, 16 octets."""
        return self._out(3, self._temp(rand))

    def ik(self, rand: bytes) -> bytes:
        """Give f4, 16 octets."""
        return self._out(4, self._temp(rand))

    def ak(self, rand: bytes) -> bytes:
        """Give f5, 6 octets: what hides the SQN in AUTN."""
        return self._out(2, self._temp(rand))[:_AK_SIZE]

    def _temp(self, rand: bytes) -> int:
        return _encrypt(self.k, _number(rand) ^ _number(self.opc))

    def _out(self, number: int, block: int, more: int = 0) -> bytes:
        """Give OUT1 to OUT5: of ``block``, rotated, and ``more``, which is not."""
        opc = _number(self.opc)
        rotated = _rotate(block ^ opc, _ROTATE[number - 1])
        out = _encrypt(self.k, rotated ^ _ADD[number - 1] ^ more) ^ opc
        return out.to_bytes(BLOCK, "big")


def _rotate(block: int, bits: int) -> int:
    """Rotate to the left."""
    return (block << bits | block >> (_BITS - bits)) & _ONES


def _encrypt(key: bytes, block: int) -> int:
    # One block: the bare cipher, as the algorithm calls for, and no mode for messages.
    encryptor = Cipher(AES(key), ECB()).encryptor()  # noqa: S305
    return _number(encryptor.update(block.to_bytes(BLOCK, "big")) + encryptor.finalize())


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")
