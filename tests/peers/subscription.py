"""Who the phones are: the data that card and home network share."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers.milenage import Milenage


@dataclass(frozen=True, slots=True)
class Subscription:
    """One private identity with its keys (16 octets each) and public identities.

    The first of ``impus`` is the default one; those in ``barred`` are registered
    too, but are named to nobody (TS 24.229 5.4.1.2.2F).
    """

    impi: str
    k: bytes = field(repr=False)
    opc: bytes = field(repr=False)
    impus: tuple[str, ...]
    barred: frozenset[str] = frozenset()

    @property
    def realm(self) -> str:
        """The home domain."""
        return self.impi.rpartition("@")[2]

    @property
    def domain_uri(self) -> str:
        """The Request-URI of a REGISTER."""
        return f"sip:{self.realm}"

    @property
    def functions(self) -> Milenage:
        """The AKA functions of this card."""
        return Milenage(self.k, self.opc)


def subscriber(number: int = 1, realm: str = "ims.mnc001.mcc001.3gppnetwork.org") -> Subscription:
    """A subscriber of the test network; equal numbers give equal ones."""
    user = f"00101{number:010d}"
    msisdn = f"+1555{number:07d}"
    impus = (f"sip:{user}@{realm}", f"sip:{msisdn}@{realm}", f"tel:{msisdn}")
    key = bytes.fromhex("465b5ce8b199b49faa5f0a2e") + number.to_bytes(4, "big")
    opc = bytes.fromhex("cd63cb71954a9f4e48a5994e37a02baf")
    return Subscription(f"{user}@{realm}", key, opc, impus)


def load(path: Path) -> list[Subscription]:
    """Read a JSON list of objects with impi, k, opc (hexadecimal), impus and, if any, barred."""
    return [
        Subscription(
            entry["impi"],
            bytes.fromhex(entry["k"]),
            bytes.fromhex(entry["opc"]),
            tuple(entry["impus"]),
            frozenset(entry.get("barred", ())),
        )
        for entry in json.loads(path.read_text("utf-8"))
    ]


def save(path: Path, subscriptions: list[Subscription]) -> None:
    """Write what ``load`` reads."""
    entries = [
        {
            "impi": one.impi,
            "k": one.k.hex(),
            "opc": one.opc.hex(),
            "impus": list(one.impus),
            "barred": sorted(one.barred),
        }
        for one in subscriptions
    ]
    path.write_text(json.dumps(entries, indent=1) + "\n", "utf-8")
