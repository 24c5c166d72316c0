"""Records that hold keys are encrypted: AES-256-GCM, by the keys that an operator gives.

A sealed record, in octets::

    1  version
    1  length of the key's id, then the id
    16 salt, drawn once by each process
    8  count of what that process has sealed
    .. the encrypted record, and 16 of its tag

Salt and the operator's key make the key that encrypts (HKDF), and the count its nonce: no two
records have both in common, however many processes and machines share the operator's key, and
nothing has to be remembered for it. The head and the record's name are authenticated with it, so
that a record cannot be passed off as another one.
"""

import os
import secrets
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pcscf.errors import SealError

KEY_SIZE = 32
MAX_ID = 32
_VERSION = 1
_SALT_SIZE = 16
_COUNT_SIZE = 8
_MAX_COUNT = 2**32  # far below what would weaken GCM with records of some KB
_NONCE_START = bytes(4)
_PURPOSE = b"pcscf store record"
_MAX_CIPHERS = 256  # salts of earlier processes whose records are being read
_MAX_NAME = 100  # of a record, in an error


class Key:
    """An operator's key and what it is called, 1 to 32 ASCII characters; never shown."""

    __slots__ = ("id", "secret")

    def __init__(self, id: str, secret: bytes) -> None:  # noqa: A002 - that is what it is
        if not 0 < len(id.encode("ascii")) <= MAX_ID or len(secret) != KEY_SIZE:
            raise ValueError("a key has an id of 1 to 32 characters, and 32 octets")
        self.id = id
        self.secret = secret

    def __repr__(self) -> str:
        return f"Key({self.id})"


class _Sealed(NamedTuple):
    """The parts of a sealed record."""

    head: bytes
    id: bytes
    salt: bytes
    counter: bytes
    body: bytes


class Sealer:
    """Seals with the first of the keys, and opens what any of them has sealed."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._current = keys[0]
        self._secrets = {key.id.encode(): key.secret for key in keys}
        self._ciphers: dict[tuple[bytes, bytes], AESGCM] = {}
        self._begin()

    def seal(self, name: str, record: bytes) -> bytes:
        """Encrypt a record of that name."""
        if self._count == _MAX_COUNT or self._process != os.getpid():
            self._begin()
        count = self._count.to_bytes(_COUNT_SIZE)
        self._count += 1
        head = self._head + count
        return head + self._cipher.encrypt(_NONCE_START + count, record, head + name.encode())

    def open(self, name: str, sealed: bytes) -> bytes:
        """Decrypt what was sealed under that name. Raises SealError."""
        parts = _parts(sealed) or _refuse(name, "is no sealed record")
        secret = self._secrets.get(parts.id)
        if secret is None:
            _refuse(name, f"is sealed with key {parts.id.decode('ascii', 'replace')!r}, unknown")
        cipher = self._cipher_of(parts.id, secret, parts.salt)
        try:
            nonce, known = _NONCE_START + parts.counter, parts.head + name.encode()
            return cipher.decrypt(nonce, parts.body, known)
        except InvalidTag:
            _refuse(name, f"is damaged, or another key was called {parts.id.decode()!r}")

    def is_current(self, sealed: bytes) -> bool:
        """Say whether the key that seals now has sealed it."""
        parts = _parts(sealed)
        return parts is not None and parts.id == self._current.id.encode()

    def reseal(self, name: str, sealed: bytes) -> bytes:
        """Seal anew what an older key has sealed; what is current stays. Raises SealError."""
        return sealed if self.is_current(sealed) else self.seal(name, self.open(name, sealed))

    def _begin(self) -> None:
        """Draw a new salt. A forked process needs its own, or it would count as its parent does."""
        self._process = os.getpid()
        self._count = 0
        salt = secrets.token_bytes(_SALT_SIZE)
        id_ = self._current.id.encode()
        self._head = bytes((_VERSION, len(id_))) + id_ + salt
        self._cipher = self._cipher_of(id_, self._current.secret, salt)

    def _cipher_of(self, id_: bytes, secret: bytes, salt: bytes) -> AESGCM:
        found = self._ciphers.get((id_, salt))
        if found is None:
            if len(self._ciphers) >= _MAX_CIPHERS:
                self._ciphers.clear()
            derived = HKDF(SHA256(), KEY_SIZE, salt, _PURPOSE).derive(secret)
            found = self._ciphers[id_, salt] = AESGCM(derived)
        return found


def _parts(sealed: bytes) -> _Sealed | None:
    if len(sealed) < 2 or sealed[0] != _VERSION:
        return None
    end_of_id = 2 + sealed[1]
    end_of_salt = end_of_id + _SALT_SIZE
    end = end_of_salt + _COUNT_SIZE
    if len(sealed) < end:
        return None
    return _Sealed(
        sealed[:end],
        sealed[2:end_of_id],
        sealed[end_of_id:end_of_salt],
        sealed[end_of_salt:end],
        sealed[end:],
    )


def _refuse(name: str, why: str) -> NoReturn:
    raise SealError(f"record {name[:_MAX_NAME]!r} {why}") from None
