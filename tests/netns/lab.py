"""A small IMS access network made of namespaces, on a kernel that can do ESP.

::

    ue  [gm] ---- Gm ---- [gm] pcscf [core] ---- [core] core

    Gm      192.0.2.0/24      2001:db8:1::/64     P-CSCF .1, phones from .10 (::a) on
    core    198.51.100.0/24   2001:db8:2::/64     P-CSCF .1, the core .2

All phones live in the namespace ``ue``, each with an address of its own. Nothing routes
between the links: only the P-CSCF process joins them. Addresses and names of interfaces
never change; names of the namespaces differ from lab to lab.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from tests.netns.namespace import Namespace, create, destroy

FIRST_PHONE = 10
MAX_PHONES = 200


@dataclass(frozen=True, slots=True)
class Addresses:
    """The lab's addresses of one family."""

    pcscf_gm: str
    pcscf_core: str
    core: str
    phones: tuple[str, ...]

    @property
    def ue(self) -> str:
        """The first phone's address."""
        return self.phones[0]


@dataclass(frozen=True, slots=True)
class Lab:
    """Three namespaces with their links up and every address usable."""

    ue: Namespace
    pcscf: Namespace
    core: Namespace
    v4: Addresses
    v6: Addresses

    def addresses(self, version: int) -> Addresses:
        """Return the addresses of IP version 4 or 6, for parametrised tests."""
        return {4: self.v4, 6: self.v6}[version]


@contextlib.contextmanager
def open_lab(phones: int = 1) -> Iterator[Lab]:
    """Build a lab, and take it down with all that still runs in it."""
    assert 0 < phones <= MAX_PHONES
    token = f"{os.getpid()}-{secrets.token_hex(3)}"
    ue, pcscf, core = create(f"ue-{token}", f"pcscf-{token}", f"core-{token}")
    try:
        lab = Lab(ue, pcscf, core, _v4(phones), _v6(phones))
        _join(lab)
        _give_addresses(lab)
        yield lab
    finally:
        destroy(ue, pcscf, core)


def _v4(phones: int) -> Addresses:
    numbers = range(FIRST_PHONE, FIRST_PHONE + phones)
    return Addresses(
        pcscf_gm="192.0.2.1",
        pcscf_core="198.51.100.1",
        core="198.51.100.2",
        phones=tuple(f"192.0.2.{number}" for number in numbers),
    )


def _v6(phones: int) -> Addresses:
    numbers = range(FIRST_PHONE, FIRST_PHONE + phones)
    return Addresses(
        pcscf_gm="2001:db8:1::1",
        pcscf_core="2001:db8:2::1",
        core="2001:db8:2::2",
        phones=tuple(f"2001:db8:1::{number:x}" for number in numbers),
    )


def _join(lab: Lab) -> None:
    veth = "link add name {0} netns {1} type veth peer name {0} netns {2}"
    lab.pcscf.ip(
        veth.format("gm", lab.ue.name, lab.pcscf.name),
        veth.format("core", lab.pcscf.name, lab.core.name),
    )


def _give_addresses(lab: Lab) -> None:
    pcscf_gm = _interface("gm", lab.v4.pcscf_gm, lab.v6.pcscf_gm)
    pcscf_core = _interface("core", lab.v4.pcscf_core, lab.v6.pcscf_core)
    lab.ue.ip("link set lo up", *_interface("gm", *lab.v4.phones, *lab.v6.phones))
    lab.pcscf.ip("link set lo up", *pcscf_gm, *pcscf_core)
    lab.core.ip("link set lo up", *_interface("core", lab.v4.core, lab.v6.core))


def _interface(name: str, *addresses: str) -> list[str]:
    # No link-local address and no SLAAC; and with nodad no wait: IPv6 works at once.
    up = f"link set {name} addrgenmode none up"
    return [up, *(_address_line(address, name) for address in addresses)]


def _address_line(address: str, interface: str) -> str:
    length, nodad = ("64", " nodad") if ":" in address else ("24", "")
    return f"addr add {address}/{length} dev {interface}{nodad}"
