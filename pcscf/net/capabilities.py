"""The rights that this process needs of the kernel, and what mends it if it lacks them.

CAP_NET_ADMIN is for SAs and policies. CAP_NET_RAW serves the diagnosis, where we have it, and
who takes addresses over has to have it: neighbours are told.
In a container neither is in effect at first: the interpreter's file capabilities only permit them
(capabilities(7)), and we raise them ourselves.
"""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from pcscf.errors import StartError

NET_ADMIN, NET_RAW = 12, 13  # linux/capability.h
_VERSION_3 = 0x20080522
STATUS = Path("/proc/self/status")

Capset = Callable[["Capabilities"], None]


class Capabilities(NamedTuple):
    """The sets of a process, each a bit mask, and whether no_new_privs is on."""

    effective: int
    permitted: int
    inheritable: int
    bounding: int
    no_new_privs: bool

    @classmethod
    def read(cls, status: Path = STATUS) -> Self:
        """Read them from a ``status`` of /proc."""
        lines = [line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line]
        sets = {name: text for name, text in lines if name.startswith("Cap")}
        eff, prm, inh, bnd = (int(sets[f"Cap{one}"], 16) for one in ("Eff", "Prm", "Inh", "Bnd"))
        return cls(eff, prm, inh, bnd, dict(lines).get("NoNewPrivs", "0") == "1")

    @property
    def may_be_raw(self) -> bool:
        """Whether CAP_NET_RAW is permitted."""
        return _has(self.permitted, NET_RAW)


def capset(wanted: Capabilities) -> None:
    """Give the calling thread these sets; threads that it starts have them too. OSError."""
    words = [
        mask >> shift & 0xFFFFFFFF
        for shift in (0, 32)
        for mask in (wanted.effective, wanted.permitted, wanted.inheritable)
    ]
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(*words)
    if ctypes.CDLL(None, use_errno=True).capset(header, data):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def raise_capabilities(status: Path = STATUS, capset: Capset = capset) -> None:
    """Put CAP_NET_ADMIN into effect, and CAP_NET_RAW where it is permitted.

    StartError names what is missing, and what mends it.
    """
    held = Capabilities.read(status)
    if mends := remedy(held):
        raise StartError(f"CAP_NET_ADMIN is missing: {mends}")
    needed = held.permitted & (1 << NET_ADMIN | 1 << NET_RAW)
    if held.effective & needed == needed:
        return
    try:
        capset(held._replace(effective=held.effective | needed))
    except OSError as error:
        raise StartError(f"CAP_NET_ADMIN cannot be put into effect: {error}") from None


def remedy(held: Capabilities) -> str:
    """Say what mends a missing CAP_NET_ADMIN; nothing where it is permitted."""
    if _has(held.permitted, NET_ADMIN):
        return ""
    if not _has(held.bounding, NET_ADMIN):
        return (
            "this container or unit may not have it: docker run --cap-add NET_ADMIN, in compose "
            "cap_add: [NET_ADMIN], in Kubernetes securityContext.capabilities.add, in systemd "
            "CapabilityBoundingSet="
        )
    if held.no_new_privs:
        return (
            "no_new_privs voids the capability of the interpreter's file: leave out "
            "no-new-privileges, in Kubernetes allowPrivilegeEscalation: true"
        )
    return (
        "run as root, or with AmbientCapabilities=CAP_NET_ADMIN, or with an interpreter of its own "
        "after: setcap cap_net_admin,cap_net_raw+p PYTHON"
    )


def _has(mask: int, number: int) -> bool:
    return bool(mask >> number & 1)
