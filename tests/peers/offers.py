"""Security-Client texts as phones write them, and what is read from Security-Server.

An ``Offer`` makes the header's values out of the phone's ``Numbers``. The
differences between vendors are those seen on Gm: number of entries, blanks,
order of parameters, and which defaults are left out.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.peers.sas import Numbers
from tests.peers.text import parameters, split

Offer = Callable[[Numbers], list[str]]
Verify = Callable[[list[str]], list[str]]

ALGS = ("hmac-md5-96", "hmac-sha-1-96")
EALGS = ("des-ede3-cbc", "aes-cbc", "null")


def own(template: str, entries: Iterable[tuple[str, str]], joint: str = ",") -> Offer:
    """An offer with one entry per (alg, ealg), each spelled by ``template``.

    The template names alg, ealg, spi_c, spi_s, port_c and port_s in braces.
    """
    pairs = list(entries)

    def offer(numbers: Numbers) -> list[str]:
        return [
            joint.join(
                template.format(alg=alg, ealg=ealg, **numbers._asdict()) for alg, ealg in pairs
            )
        ]

    return offer


PLAIN = (
    "ipsec-3gpp; alg={alg}; ealg={ealg}; prot=esp; mod=trans; "
    "spi-c={spi_c}; spi-s={spi_s}; port-c={port_c}; port-s={port_s}"
)
SIX = [(alg, ealg) for ealg in EALGS for alg in ALGS]

# Six entries in one header line, all parameters, no blanks.
samsung = own(PLAIN.replace(" ", ""), SIX)
# Six entries with blanks; prot and mod left to their defaults.
xiaomi = own(
    "ipsec-3gpp; alg={alg}; ealg={ealg}; spi-c={spi_c}; spi-s={spi_s}; "
    "port-c={port_c}; port-s={port_s}",
    SIX,
    ", ",
)
# ealg comes first, null before the others, ports before SPIs.
nokia = own(
    "ipsec-3gpp;ealg={ealg};alg={alg};port-c={port_c};port-s={port_s};"
    "spi-c={spi_c};spi-s={spi_s};mod=trans;prot=esp",
    [(alg, ealg) for ealg in reversed(EALGS) for alg in reversed(ALGS)],
)
null_only = own(PLAIN, [("hmac-sha-1-96", "null")])
sha1_aes = own(PLAIN, [("hmac-sha-1-96", "aes-cbc")])
# TS 33.203 Annex H: alg=null goes with aes-gcm only, and aes-gmac without ealg.
gcm = own(PLAIN, [("null", "aes-gcm"), ("aes-gmac", "null")])

PROFILES: dict[str, Offer | None] = {
    "samsung": samsung,
    "xiaomi": xiaomi,
    "nokia": nokia,
    "null-only": null_only,
    "sha1-aes": sha1_aes,
    "gcm": gcm,
    "none": None,
}


def several_lines(offer: Offer) -> Offer:
    """The same entries, one header line each (RFC 3329 section 2.2 makes them equal)."""
    return lambda numbers: [entry for value in offer(numbers) for entry in split(value)]


def with_media_security(offer: Offer) -> Offer:
    """A media plane entry in front, as some phones send it (TS 33.328)."""
    return lambda numbers: ["sdes-srtp;mediasec", *offer(numbers)]


class Mechanism(NamedTuple):
    """One entry of a Security-* header; absent parameters have their defaults."""

    name: str
    alg: str
    ealg: str
    prot: str
    mod: str
    q: float
    numbers: Numbers

    @property
    def kind(self) -> tuple[str, ...]:
        """What has to be alike for an entry to have been offered."""
        return (self.name, self.alg, self.ealg, self.prot, self.mod)


def read(values: Iterable[str]) -> list[Mechanism]:
    """The ipsec-3gpp entries of Security-Client or -Server; ValueError if one lacks a number."""
    entries = [entry for value in values for entry in split(value)]
    return [_entry(entry) for entry in entries if _name(entry) == "ipsec-3gpp"]


def _name(entry: str) -> str:
    return entry.partition(";")[0].strip().lower()


def _entry(entry: str) -> Mechanism:
    found = {name: value.lower() for name, value in parameters(entry).items()}
    try:
        numbers = Numbers(*(int(found[key]) for key in ("spi-c", "spi-s", "port-c", "port-s")))
        alg = found["alg"]
    except KeyError as error:
        raise ValueError(f"no {error.args[0]} in {entry!r}") from None
    return Mechanism(
        "ipsec-3gpp",
        alg,
        found.get("ealg", "null"),
        found.get("prot", "esp"),
        found.get("mod", "trans"),
        float(found.get("q", "-1")),
        numbers,
    )


def choose(offered: list[str], server: list[str]) -> Mechanism:
    """The server's entry of the highest q that the phone offered (RFC 3329 section 2.4)."""
    kinds = {mechanism.kind for mechanism in read(offered)}
    usable = [mechanism for mechanism in read(server) if mechanism.kind in kinds]
    if not usable:
        raise ValueError("Security-Server has nothing that was offered")
    return max(usable, key=lambda mechanism: mechanism.q)


# What a phone may do to the Security-Verify that it owes.


def mirrored(server: list[str]) -> list[str]:
    """As it must be: what Security-Server said, line by line."""
    return server


def left_out(server: list[str]) -> list[str]:
    """No Security-Verify at all."""
    return []


def altered(server: list[str]) -> list[str]:
    """Bidding down: the first entry's integrity algorithm is another one."""
    first = server[0]
    swapped = first.replace("sha-1", "md5") if "sha-1" in first else first.replace("md5", "sha-1")
    return [swapped if swapped != first else first.replace("alg=", "alg=x"), *server[1:]]


def shortened(server: list[str]) -> list[str]:
    """The last entry is missing."""
    return [", ".join([entry for value in server for entry in split(value)][:-1])]


def respelled(server: list[str]) -> list[str]:
    """The same list with parameters in reverse order, other blanks, one line for all."""
    entries = [split(entry, ";") for value in server for entry in split(value)]
    return [" , ".join(" ;  ".join([name, *reversed(rest)]) for name, *rest in entries)]


def reordered(server: list[str]) -> list[str]:
    """The entries in reverse order; with more than one that is another list."""
    return [", ".join(reversed([entry for value in server for entry in split(value)]))]
