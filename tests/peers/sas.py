"""The phone's security associations: keys from CK and IK, and ``ip xfrm`` to install them.

Written from TS 33.203 Annex I and Annex M alone, so that a mistake in the
P-CSCF's derivation shows as packets that do not pass.
"""

import hashlib
import hmac
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

# An IPsec user of its own: states and policies match each other only by equal reqid.
REQID = 33203
TOP_PRIORITY = 1000
GUARD_PRIORITY = 2000


class Numbers(NamedTuple):
    """One side's SPIs and protected ports, in the order of the header's parameters."""

    spi_c: int
    spi_s: int
    port_c: int
    port_s: int


@dataclass(frozen=True, slots=True)
class PhoneSas:
    """What the phone knows of one security agreement; ``ue`` and ``pcscf`` are addresses."""

    ue: str
    pcscf: str
    alg: str
    ealg: str
    own: Numbers
    peer: Numbers
    ck: bytes = field(repr=False)
    ik: bytes = field(repr=False)


class SaInstaller(Protocol):
    """Brings SAs into effect; both calls return when they are (or are gone)."""

    def install(self, sas: PhoneSas) -> None:
        """Install four states and what makes them obligatory."""

    def remove(self, sas: PhoneSas) -> None:
        """Undo ``install``."""


class NoSas:
    """Installs nothing and remembers what it was asked for: tests without ESP."""

    def __init__(self) -> None:
        self.installed: list[PhoneSas] = []

    def install(self, sas: PhoneSas) -> None:
        """Remember ``sas``."""
        self.installed.append(sas)

    def remove(self, sas: PhoneSas) -> None:
        """Forget ``sas``."""
        self.installed.remove(sas)


def _salt(ck: bytes, ik: bytes, function: int, label: bytes) -> bytes:
    """TS 33.203 Annex I: the last four octets of the KDF's output (TS 33.220 Annex B)."""
    text = bytes([function]) + label + len(label).to_bytes(2, "big")
    return hmac.digest(ck + ik, text, hashlib.sha256)[-4:]


def transform(alg: str, ealg: str, ck: bytes, ik: bytes) -> str:
    """The algorithm part of an ``ip xfrm state add``, keys included: never print it."""
    if ealg == "aes-gcm":
        salt = _salt(ck, ik, 0x59, b"AES_GCM_SALT")
        return f"aead rfc4106(gcm(aes)) 0x{(ck + salt).hex()} 128"
    if alg == "aes-gmac":
        salt = _salt(ck, ik, 0x58, b"AES_GMAC_SALT")
        return f"aead rfc4543(gcm(aes)) 0x{(ik + salt).hex()} 128"
    auth = {
        "hmac-sha-1-96": f"hmac(sha1) 0x{ik.hex()}00000000",
        "hmac-md5-96": f"hmac(md5) 0x{ik.hex()}",
    }[alg]
    crypt = {
        "null": 'ecb(cipher_null) ""',
        "aes-cbc": f"cbc(aes) 0x{ck.hex()}",
        "des-ede3-cbc": f"cbc(des3_ede) 0x{(ck + ck[:8]).hex()}",
    }[ealg]
    return f"auth-trunc {auth} 96 enc {crypt}"


class Hop(NamedTuple):
    """One SA: its SPI and the only packets it is for, seen from the phone."""

    outbound: bool
    spi: int
    own_port: int
    peer_port: int


def hops(sas: PhoneSas) -> tuple[Hop, Hop, Hop, Hop]:
    """The four SAs of TS 33.203 section 7.1: an SPI is drawn by the side it ends at."""
    own, peer = sas.own, sas.peer
    return (
        Hop(outbound=True, spi=peer.spi_s, own_port=own.port_c, peer_port=peer.port_s),
        Hop(outbound=False, spi=own.spi_c, own_port=own.port_c, peer_port=peer.port_s),
        Hop(outbound=False, spi=own.spi_s, own_port=own.port_s, peer_port=peer.port_c),
        Hop(outbound=True, spi=peer.spi_c, own_port=own.port_s, peer_port=peer.port_c),
    )


def selector(sas: PhoneSas, hop: Hop) -> str:
    """Addresses and ports of a hop's packets, as ``ip xfrm`` spells them."""
    if hop.outbound:
        return f"src {sas.ue} dst {sas.pcscf} sport {hop.own_port} dport {hop.peer_port}"
    return f"src {sas.pcscf} dst {sas.ue} sport {hop.peer_port} dport {hop.own_port}"


def state_id(sas: PhoneSas, hop: Hop) -> str:
    """What names a state: both addresses, protocol and SPI."""
    src, dst = (sas.ue, sas.pcscf) if hop.outbound else (sas.pcscf, sas.ue)
    return f"src {src} dst {dst} proto esp spi {hop.spi}"


def install_lines(sas: PhoneSas) -> list[str]:
    """Four states, and for each the policy that lets its packets through only inside ESP."""
    keys = transform(sas.alg, sas.ealg, sas.ck, sas.ik)
    lines = []
    for hop in hops(sas):
        sel = selector(sas, hop)
        window = "" if hop.outbound else "replay-window 32 "
        lines.append(
            f"xfrm state add {state_id(sas, hop)} mode transport reqid {REQID} {window}"
            f"{keys} sel {sel}"
        )
        lines.append(
            f"xfrm policy add {sel} dir {_direction(hop)} priority {TOP_PRIORITY} "
            f"tmpl proto esp mode transport reqid {REQID}"
        )
    return lines


def remove_lines(sas: PhoneSas) -> list[str]:
    """The reverse of ``install_lines``."""
    lines = []
    for hop in hops(sas):
        lines.append(f"xfrm policy delete {selector(sas, hop)} dir {_direction(hop)}")
        lines.append(f"xfrm state delete {state_id(sas, hop)}")
    return lines


def _direction(hop: Hop) -> str:
    return "out" if hop.outbound else "in"


def guard_lines(verb: str, ue: str, port: int) -> list[str]:
    """Policies that block whatever else comes to or leaves a protected port."""
    any_host = "::/0" if ":" in ue else "0.0.0.0/0"
    tail = f" action block priority {GUARD_PRIORITY}" if verb == "add" else ""
    return [
        f"xfrm policy {verb} src {any_host} dst {ue} dport {port} dir in{tail}",
        f"xfrm policy {verb} src {ue} dst {any_host} sport {port} dir out{tail}",
    ]


class IpXfrm:
    """The real installer, through ``ip -batch`` in a network namespace (None: this one).

    The server port outlives a set of SAs (TS 33.203 7.4), so the policies that
    guard a port are counted and go with the last set that uses it.
    """

    def __init__(self, namespace: str | None = None) -> None:
        self._command = ["ip", *(["-n", namespace] if namespace else []), "-batch", "-"]
        self._guarded: Counter[tuple[str, int]] = Counter()

    def install(self, sas: PhoneSas) -> None:
        """Guard the ports, then install states and policies; RuntimeError if refused."""
        fresh = [port for port in sas.own[2:] if not self._guarded[sas.ue, port]]
        guards = [line for port in fresh for line in guard_lines("add", sas.ue, port)]
        self._run(guards + install_lines(sas))
        self._guarded.update((sas.ue, port) for port in sas.own[2:])

    def remove(self, sas: PhoneSas) -> None:
        """Remove states and policies, and the guards of ports that no other set uses."""
        self._guarded.subtract((sas.ue, port) for port in sas.own[2:])
        free = [port for port in sas.own[2:] if not self._guarded[sas.ue, port]]
        guards = [line for port in free for line in guard_lines("delete", sas.ue, port)]
        self._run(remove_lines(sas) + guards)

    def _run(self, lines: list[str]) -> None:
        # Through standard input: an argument list with keys is open to every user.
        done = subprocess.run(
            self._command,
            input="\n".join(lines) + "\n",
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"ip xfrm refused: {done.stderr.strip()}")
