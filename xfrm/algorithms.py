"""The one table of algorithms: 3GPP, kernel, scapy and Wireshark names, keys and sizes.

A ``Transform`` is one row, a ``Suite`` the pair of rows that ``alg`` and ``ealg``
of a Security-Client entry ask for (RFC 3329 appendix A, TS 33.203 annex H).
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from xfrm.model import AkaKeys


class Role(Enum):
    """What a transform does."""

    AUTHENTICATION = "authentication"
    ENCRYPTION = "encryption"
    COMBINED = "combined"  # one key for both: AES-GCM, AES-GMAC


@dataclass(frozen=True, slots=True)
class Transform:
    """One row of the table.

    ``derive`` makes the ESP key of CK and IK (TS 33.203 annex I); for a combined
    transform it is the key followed by the salt, as the kernel takes it.
    Sizes are in octets unless the name says bits. ``wireshark`` is empty where
    Wireshark has no such transform. ``modules`` are kernel modules that bring it.
    """

    name: str
    role: Role
    kernel: str
    scapy: str
    wireshark: str
    derive: "Callable[[AkaKeys], bytes]"
    key_size: int
    icv_bits: int = 0
    iv_size: int = 0
    block_size: int = 1
    modules: tuple[str, ...] = ()
    legacy: bool = False


def _salt(aka: "AkaKeys", label: bytes) -> bytes:
    """Last four octets of the key derivation of TS 33.203 annex I (function of TS 33.220 B.2)."""
    text = label + len(label[1:]).to_bytes(2, "big")
    return hmac.digest(aka.ck + aka.ik, text, hashlib.sha256)[-4:]


TRANSFORMS: Final = (
    Transform(
        name="hmac-sha-1-96",
        role=Role.AUTHENTICATION,
        kernel="hmac(sha1)",
        scapy="HMAC-SHA1-96",
        wireshark="HMAC-SHA-1-96 [RFC2404]",
        derive=lambda aka: aka.ik + bytes(4),  # 160 bit: IK and 32 zero bits
        key_size=20,
        icv_bits=96,
        modules=("authenc", "hmac", "sha1_generic"),
    ),
    Transform(
        name="hmac-md5-96",
        role=Role.AUTHENTICATION,
        kernel="hmac(md5)",
        scapy="HMAC-MD5-96",
        wireshark="HMAC-MD5-96 [RFC2403]",
        derive=lambda aka: aka.ik,
        key_size=16,
        icv_bits=96,
        modules=("authenc", "hmac", "md5"),
        legacy=True,
    ),
    Transform(
        name="null",
        role=Role.ENCRYPTION,
        kernel="ecb(cipher_null)",
        scapy="NULL",
        wireshark="NULL",
        derive=lambda _: b"",
        key_size=0,
        modules=("crypto_null",),
    ),
    Transform(
        name="aes-cbc",
        role=Role.ENCRYPTION,
        kernel="cbc(aes)",
        scapy="AES-CBC",
        wireshark="AES-CBC [RFC3602]",
        derive=lambda aka: aka.ck,
        key_size=16,
        iv_size=16,
        block_size=16,
        modules=("cbc", "aes_generic", "echainiv"),
    ),
    Transform(
        name="des-ede3-cbc",
        role=Role.ENCRYPTION,
        kernel="cbc(des3_ede)",
        scapy="3DES",
        wireshark="TripleDES-CBC [RFC2451]",
        derive=lambda aka: aka.ck + aka.ck[:8],  # K1 K2 K1; the parity bits do not matter
        key_size=24,
        iv_size=8,
        block_size=8,
        modules=("cbc", "des_generic", "echainiv"),
        legacy=True,
    ),
    Transform(
        name="aes-gcm",
        role=Role.COMBINED,
        kernel="rfc4106(gcm(aes))",
        scapy="AES-GCM",
        wireshark="AES-GCM with 16 octet ICV [RFC4106]",
        derive=lambda aka: aka.ck + _salt(aka, b"\x59AES_GCM_SALT"),
        key_size=20,
        icv_bits=128,
        iv_size=8,
        modules=("gcm", "ctr", "aes_generic", "seqiv"),
    ),
    Transform(
        name="aes-gmac",
        role=Role.COMBINED,
        kernel="rfc4543(gcm(aes))",
        scapy="AES-NULL-GMAC",
        wireshark="",
        derive=lambda aka: aka.ik + _salt(aka, b"\x58AES_GMAC_SALT"),
        key_size=20,
        icv_bits=128,
        iv_size=8,
        modules=("gcm", "ctr", "aes_generic", "seqiv"),
    ),
)


@dataclass(frozen=True, slots=True)
class EspKeys:
    """The keys of one SA. Never printed.

    ``auth`` is the key of the HMAC, ``crypt`` that of the cipher. A combined
    transform has one key and its salt, both in ``crypt``; ``auth`` is empty then.
    """

    auth: bytes = field(repr=False)
    crypt: bytes = field(repr=False)


_AUTH: Final = {row.name: row for row in TRANSFORMS if row.role is Role.AUTHENTICATION}
_CRYPT: Final = {row.name: row for row in TRANSFORMS if row.role is Role.ENCRYPTION}
# TS 33.203 annex H: aes-gcm goes with alg null only, aes-gmac with ealg null only.
_COMBINED: Final = {
    ("null", "aes-gcm"): next(row for row in TRANSFORMS if row.name == "aes-gcm"),
    ("aes-gmac", "null"): next(row for row in TRANSFORMS if row.name == "aes-gmac"),
}


@dataclass(frozen=True, slots=True)
class Suite:
    """A pair of ``alg`` and ``ealg`` as Security-Client spells them, in lower case.

    Raises ValueError for a pair that the table does not have.
    """

    alg: str
    ealg: str

    def __post_init__(self) -> None:
        """Refuse a pair without algorithms, so that every lookup below succeeds."""
        known = self.alg in _AUTH and self.ealg in _CRYPT
        if not known and (self.alg, self.ealg) not in _COMBINED:
            raise ValueError(f"no such pair of algorithms: {self.name}")

    @property
    def name(self) -> str:
        """Both names, for people and metrics: ``hmac-sha-1-96/aes-cbc``."""
        return f"{self.alg}/{self.ealg}"

    @property
    def combined(self) -> Transform | None:
        """The one transform that does both, or None."""
        return _COMBINED.get((self.alg, self.ealg))

    @property
    def auth(self) -> Transform | None:
        """The HMAC, or None where a combined transform does its work."""
        return _AUTH.get(self.alg)

    @property
    def crypt(self) -> Transform:
        """The cipher (it may be the null cipher), or the combined transform."""
        return self.combined or _CRYPT[self.ealg]

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """The rows at work, one or two."""
        return (self.crypt,) if self.auth is None else (self.auth, self.crypt)

    @property
    def legacy(self) -> bool:
        """Whether TS 33.203 has removed one of the two (MD5, 3DES)."""
        return any(row.legacy for row in self.transforms)

    @property
    def icv_size(self) -> int:
        """Octets of integrity check value at the end of a packet."""
        return sum(row.icv_bits for row in self.transforms) // 8

    @property
    def iv_size(self) -> int:
        """Octets of IV in front of the payload."""
        return self.crypt.iv_size

    @property
    def alignment(self) -> int:
        """What payload, padding and trailer together are a multiple of (RFC 4303 2.4)."""
        return max(4, self.crypt.block_size)

    @property
    def modules(self) -> tuple[str, ...]:
        """Kernel modules that bring these algorithms, beside esp4 and esp6."""
        return tuple(dict.fromkeys(name for row in self.transforms for name in row.modules))

    @property
    def scapy(self) -> tuple[str, str]:
        """``crypt_algo`` and ``auth_algo`` of scapy's SecurityAssociation."""
        return self.crypt.scapy, self.auth.scapy if self.auth else "NULL"

    @property
    def wireshark(self) -> tuple[str, str] | None:
        """Encryption and authentication as Wireshark's esp_sa table spells them, if it can."""
        if not self.crypt.wireshark:
            return None
        return self.crypt.wireshark, self.auth.wireshark if self.auth else "NULL"

    def keys(self, aka: "AkaKeys") -> EspKeys:
        """ESP keys of CK and IK, the same for all four SAs (TS 33.203 annex I)."""
        auth = self.auth
        return EspKeys(auth.derive(aka) if auth else b"", self.crypt.derive(aka))


SUITES: Final = tuple(
    Suite(alg, ealg)
    for alg, ealg in (
        ("hmac-sha-1-96", "aes-cbc"),
        ("null", "aes-gcm"),
        ("aes-gmac", "null"),
        ("hmac-sha-1-96", "null"),
        ("hmac-sha-1-96", "des-ede3-cbc"),
        ("hmac-md5-96", "aes-cbc"),
        ("hmac-md5-96", "des-ede3-cbc"),
        ("hmac-md5-96", "null"),
    )
)

_BY_NAME: Final = {(suite.alg, suite.ealg): suite for suite in SUITES}


def suite_named(alg: str, ealg: str) -> Suite | None:
    """Find the suite of two names in any case, or None if one of them or the pair is unknown."""
    return _BY_NAME.get((alg.lower(), ealg.lower()))
