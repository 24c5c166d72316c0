"""ESP packets to and from bytes (RFC 4303), without a kernel. No ESN, no dummy packets.

``SPI(4) sequence(4) IV payload padding pad-length(1) next-header(1) ICV``
"""

import os
import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import MD5, SHA1, HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC

from xfrm.algorithms import EspKeys, Suite
from xfrm.errors import EspError, EspIntegrityError

_HEADER: Final = struct.Struct("!II")
_SEQUENCE: Final = struct.Struct("!4xI").unpack_from
_TRAILER_SIZE: Final = 2  # pad length, next header
_SALT_SIZE: Final = 4
_TAG_SIZE: Final = 16
_PADDING: Final = bytes(range(1, 256))  # RFC 4303 2.4: 1, 2, 3, ...
_ENDINGS: Final = [_PADDING[:size] + bytes((size,)) for size in range(256)]  # with pad length


class EspHeader(NamedTuple):
    """What can be read without keys."""

    spi: int
    sequence: int


class EspPayload(NamedTuple):
    """What was inside a packet."""

    sequence: int
    next_header: int
    data: bytes


def read_header(packet: bytes) -> EspHeader:
    """Read SPI and sequence number; EspError if there is less than that."""
    if len(packet) < _HEADER.size:
        raise EspError(f"{len(packet)} octets are no ESP packet")
    return EspHeader(*_HEADER.unpack_from(packet))


class EspCodec:
    """Seals and opens packets under one suite and its keys; of one thread only.

    With ``checked=False`` packets are opened without the key of the HMAC: their ICV is cut
    off and not looked at. That is for captures of which no more is known; a combined
    transform has one key, so there it changes nothing.
    """

    def __init__(self, suite: Suite, keys: EspKeys, *, checked: bool = True) -> None:
        self._suite = suite
        self._transform = _transform(suite, keys, checked=checked)
        # asked for with every packet, and properties that look in tables
        self._start = _HEADER.size + suite.iv_size
        self._around = self._start + suite.icv_size
        self._alignment = suite.alignment

    def seal(
        self, spi: int, sequence: int, data: bytes, next_header: int, iv: bytes | None = None
    ) -> bytes:
        """Make a packet. ``iv`` is for tests; without it none repeats.

        For CBC it is drawn at random (RFC 3602 section 3). The combined transforms
        take SPI and sequence number, as all four SAs of a set share key and salt.
        """
        header = _HEADER.pack(spi, sequence)
        if iv is None:
            iv = header if self._suite.combined else os.urandom(self._suite.iv_size)
        size = -(len(data) + _TRAILER_SIZE) % self._alignment
        plain = data + _PADDING[:size] + bytes((size, next_header))
        return header + iv + self._transform.seal(header, iv, plain)

    def open(self, packet: bytes) -> EspPayload:
        """Check and decrypt a packet, from the SPI on to its last octet.

        Raises EspIntegrityError if the ICV is wrong, EspError for a packet that
        cannot be one. Replay is not looked at: see ReplayWindow.
        """
        size = len(packet) - self._around
        if size < _TRAILER_SIZE or size % self._alignment:
            raise EspError(f"{len(packet)} octets are no ESP packet of {self._suite.name}")
        plain = self._transform.open(packet, self._start)
        (sequence,) = _SEQUENCE(packet)
        return EspPayload(sequence, plain[-1], without_padding(plain))


def without_padding(plain: bytes) -> bytes:
    """Take trailer and padding off; RFC 4303 2.4 has the receiver inspect the padding."""
    size = plain[-2]
    if not plain.endswith(_ENDINGS[size], 0, -1):
        raise EspError("bad padding")
    return plain[: -_TRAILER_SIZE - size]


class _Transform(NamedTuple):
    """What protects.

    ``seal`` makes of (header, IV, plain) what follows the IV, with the ICV. ``open`` makes of a
    whole packet and the number of octets in front of its payload the payload in plain.
    """

    seal: Callable[[bytes, bytes, bytes], bytes]
    open: Callable[[bytes, int], bytes]


def _transform(suite: Suite, keys: EspKeys, *, checked: bool) -> _Transform:
    if suite.combined is None:
        return _separate(suite, keys, checked=checked)
    key, salt = keys.crypt[:-_SALT_SIZE], keys.crypt[-_SALT_SIZE:]
    return (_gcm if suite.ealg == "aes-gcm" else _gmac)(AESGCM(key), salt)


def _gcm(aead: AESGCM, salt: bytes) -> _Transform:
    """RFC 4106: the associated data are SPI and sequence number."""

    def seal(header: bytes, iv: bytes, plain: bytes) -> bytes:
        return aead.encrypt(salt + iv, plain, header)

    def open_(packet: bytes, start: int) -> bytes:
        nonce = salt + packet[_HEADER.size : start]
        return _decrypted(aead, nonce, packet[start:], packet[: _HEADER.size])

    return _Transform(seal, open_)


def _gmac(aead: AESGCM, salt: bytes) -> _Transform:
    """RFC 4543 3.3: nothing is encrypted, and the associated data are all but the ICV."""

    def seal(header: bytes, iv: bytes, plain: bytes) -> bytes:
        return plain + aead.encrypt(salt + iv, b"", header + iv + plain)

    def open_(packet: bytes, start: int) -> bytes:
        nonce = salt + packet[_HEADER.size : start]
        _decrypted(aead, nonce, packet[-_TAG_SIZE:], packet[:-_TAG_SIZE])
        return packet[start:-_TAG_SIZE]

    return _Transform(seal, open_)


def _decrypted(aead: AESGCM, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    try:
        return aead.decrypt(nonce, sealed, associated)
    except InvalidTag:
        raise EspIntegrityError("the ICV is wrong") from None


def _separate(suite: Suite, keys: EspKeys, *, checked: bool) -> _Transform:
    """Encrypt, then authenticate (RFC 4303 3.3.2); the ICV is the head of the HMAC."""
    cipher = _cipher(suite, keys.crypt)
    decrypt = None if cipher is None else _cbc_decryptor(cipher)
    hmac = _hmac(suite, keys.auth) if checked else None
    size = suite.icv_size

    def seal(header: bytes, iv: bytes, plain: bytes) -> bytes:
        if cipher is not None:
            encryptor = Cipher(cipher, CBC(iv)).encryptor()
            plain = encryptor.update(plain) + encryptor.finalize()
        if hmac is None:
            raise EspError("no key for the ICV")
        return plain + hmac(header + iv + plain)[:size]

    def open_(packet: bytes, start: int) -> bytes:
        if hmac is not None and not bytes_eq(hmac(packet[:-size])[:size], packet[-size:]):
            raise EspIntegrityError("the ICV is wrong")
        return packet[start:-size] if decrypt is None else decrypt(packet[_HEADER.size : -size])

    return _Transform(seal, open_)


def _hmac(suite: Suite, key: bytes) -> Callable[[bytes], bytes]:
    """Make HMAC under a key; a copy of a keyed one is half the cost of keying one a packet."""
    keyed = HMAC(key, _digest(suite))

    def hmac(data: bytes) -> bytes:
        one = keyed.copy()
        one.update(data)
        return one.finalize()

    return hmac


def _cbc_decryptor(cipher: BlockCipherAlgorithm) -> Callable[[bytes], bytes]:
    """Make a function of IV and text, whole blocks, that costs no new context a packet.

    To CBC the IV is the block before the first one: fed in front of the text it makes all
    that was decrypted earlier irrelevant, and only its own block comes out as rubbish.
    """
    size = cipher.block_size // 8
    update = Cipher(cipher, CBC(bytes(size))).decryptor().update

    def decrypt(blocks: bytes) -> bytes:
        return update(blocks)[size:]

    return decrypt


def _cipher(suite: Suite, key: bytes) -> BlockCipherAlgorithm | None:
    if suite.ealg == "null":
        return None
    return AES(key) if suite.ealg == "aes-cbc" else TripleDES(key)


def _digest(suite: Suite) -> HashAlgorithm:
    # As the standard has it; in an HMAC of 96 bit neither is broken (RFC 6151, RFC 6194).
    return SHA1() if suite.alg == "hmac-sha-1-96" else MD5()  # noqa: S303


class ReplayWindow:
    """The receiver's sliding window (RFC 4303 3.4.3).

    Ask ``may_be_new``, then check the ICV, then ``accept``: a forged packet must
    not move the window.
    """

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._mask = (1 << size) - 1
        self._top = 0
        self._seen = 0  # bit n: top - n was accepted

    def may_be_new(self, sequence: int) -> bool:
        """Whether a packet is neither a repetition nor left of the window; 0 is never sent."""
        if sequence > self._top:
            return True
        behind = self._top - sequence
        return sequence != 0 and behind < self._size and not self._seen >> behind & 1

    def accept(self, sequence: int) -> bool:
        """Mark a sequence number as received; False, and no change, if it may not be new."""
        if not self.may_be_new(sequence):
            return False
        if sequence > self._top:
            ahead = sequence - self._top
            self._seen = (self._seen << min(ahead, self._size)) & self._mask
            self._top = sequence
        self._seen |= 1 << (self._top - sequence)
        return True
