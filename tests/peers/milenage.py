"""Milenage, the AKA algorithm set of TS 35.206, on AES-128.

All values are bytes: K, OP, OPc, RAND 16 octets; SQN 6; AMF 2.
"""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

# TS 35.206 section 4.1: the rotations r1..r5 (here in octets) and the last octet of the
# constants c1..c5, whose other octets are zero.
ROTATIONS = (8, 0, 4, 8, 12)
CONSTANTS = (0, 1, 2, 4, 8)


def xor(left: bytes, right: bytes) -> bytes:
    """Add modulo 2; both sides have the same length."""
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def encrypt(key: bytes, block: bytes) -> bytes:
    """E[x]_K of TS 35.206: one block of AES-128."""
    # ECB of a single block is the bare block cipher, which is what the algorithm calls for.
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def opc_of(k: bytes, op: bytes) -> bytes:
    """OPc of one subscriber from the operator's OP."""
    return xor(op, encrypt(k, op))


@dataclass(frozen=True, slots=True)
class Milenage:
    """The functions f1 .. f5* for one subscriber."""

    k: bytes = field(repr=False)
    opc: bytes = field(repr=False)

    def _temp(self, rand: bytes) -> bytes:
        return encrypt(self.k, xor(rand, self.opc))

    def _out(self, number: int, value: bytes, addend: bytes) -> bytes:
        """OUTn: rotate ``value``, add cn and ``addend``, encrypt, add OPc."""
        rotation = ROTATIONS[number - 1]
        rotated = bytearray(xor(value[rotation:] + value[:rotation], addend))
        rotated[15] ^= CONSTANTS[number - 1]
        return xor(encrypt(self.k, bytes(rotated)), self.opc)

    def _keyed(self, number: int, rand: bytes) -> bytes:
        """OUT2 .. OUT5, which depend on RAND alone."""
        return self._out(number, xor(self._temp(rand), self.opc), bytes(16))

    def _macs(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """OUT1: MAC-A, then MAC-S."""
        return self._out(1, xor((sqn + amf) * 2, self.opc), self._temp(rand))

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-A, 8 octets: the network proves itself."""
        return self._macs(rand, sqn, amf)[:8]

    def f1_star(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-S, 8 octets: the USIM proves its SQN when it asks to resynchronise."""
        return self._macs(rand, sqn, amf)[8:]

    def f2(self, rand: bytes) -> bytes:
        """RES, 8 octets."""
        return self._keyed(2, rand)[8:]

    def f3(self, rand: bytes) -> bytes:
        """CK, 16 octets."""
        return self._keyed(3, rand)

    def f4(self, rand: bytes) -> bytes:
        """IK, 16 octets."""
        return self._keyed(4, rand)

    def f5(self, rand: bytes) -> bytes:
        """AK, 6 octets: hides the SQN in AUTN."""
        return self._keyed(2, rand)[:6]

    def f5_star(self, rand: bytes) -> bytes:
        """AK*, 6 octets: hides the SQN in AUTS."""
        return self._keyed(5, rand)[:6]
