"""A lab with two machines that may be the P-CSCF, and a store that both reach.

::

    ue  [gm] --- Gm ---+--- [gm] one [core] ---+--- core --- [core] core, with a Valkey server
                       +--- [gm] two [core] ---+

Either link is a bridge, in ``ue`` and in ``core``. Addresses are those of ``lab``; those of the
P-CSCF are nobody's at first. The machines have addresses of their own, from .251 (::fb) on.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.netns.lab import Lab, _interface, _v4, _v6
from tests.netns.namespace import Namespace, create, destroy
from tests.store.valkey_process import ValkeyProcess

_OWN = 251  # of the first machine


@dataclass(frozen=True, slots=True)
class Pair:
    """Two machines, each as the P-CSCF of a lab: the rest of the two labs is the same."""

    one: Lab
    two: Lab


@contextlib.contextmanager
def open_pair(phones: int = 1) -> Iterator[Pair]:
    """Build it, and take it down with all that still runs in it."""
    token = f"{os.getpid()}-{secrets.token_hex(3)}"
    names = [f"{name}-{token}" for name in ("ue", "one", "two", "core")]
    ue, one, two, core = create(*names)
    try:
        first = Lab(ue, one, core, _v4(phones), _v6(phones))
        ue.ip("link set lo up", "link add gm type bridge")
        core.ip("link set lo up", "link add core type bridge")
        for number, machine in enumerate((one, two), 1):
            _join(machine, number, ue, core)
        ue.ip(*_interface("gm", *first.v4.phones, *first.v6.phones))
        core.ip(*_interface("core", first.v4.core, first.v6.core))
        yield Pair(first, Lab(ue, two, core, first.v4, first.v6))
    finally:
        destroy(ue, one, two, core)


def _join(machine: Namespace, number: int, ue: Namespace, core: Namespace) -> None:
    veth = "link add name {0} netns {1} type veth peer name {0}{2} netns {3}"
    own = _OWN - 1 + number
    machine.ip(
        "link set lo up",
        veth.format("gm", machine.name, number, ue.name),
        veth.format("core", machine.name, number, core.name),
        *_interface("gm", f"192.0.2.{own}", f"2001:db8:1::{own:x}"),
        *_interface("core", f"198.51.100.{own}", f"2001:db8:2::{own:x}"),
    )
    ue.ip(f"link set gm{number} master gm", f"link set gm{number} up")
    core.ip(f"link set core{number} master core", f"link set core{number} up")


def take_away(lab: Lab) -> None:
    """Cut a machine off."""
    lab.pcscf.ip("link set gm down", "link set core down")


def give_back(lab: Lab) -> None:
    """Join it again; IPv6 forgets its addresses with the link."""
    number = next(n for n in (_OWN, _OWN + 1) if f"192.0.2.{n}/" in lab.pcscf.run("ip", "address"))
    lab.pcscf.ip("link set gm up", "link set core up")
    for device, net in (("gm", 1), ("core", 2)):
        lab.pcscf.ip(f"addr replace 2001:db8:{net}::{number:x}/64 dev {device} nodad")


class LabValkey(ValkeyProcess):
    """A Valkey server in the core's namespace, at its address and at more of that machine's."""

    def __init__(self, lab: Lab, directory: Path, *more: str) -> None:
        bind = " ".join(["127.0.0.1", lab.v4.core, *more])
        super().__init__(directory, "--bind", bind, "--protected-mode", "no")
        self._lab = lab

    @property
    def url(self) -> str:
        return f"valkey://{self._lab.v4.core}:{self.port}/0"

    def start(self) -> None:
        with self._lab.core.entered():
            super().start()

    def command(self, *words: str) -> bytes:
        with self._lab.core.entered():
            return super().command(*words)
