"""What this process may do: its capabilities, and how many files it may have open."""

import resource
from collections.abc import Iterator
from pathlib import Path

from pcscf.net.checks.finding import Finding, error, ok, warning

_CAP_NET_ADMIN = 12  # linux/capability.h
_MENDS = "docker run --cap-add NET_ADMIN, or AmbientCapabilities=CAP_NET_ADMIN in the unit, or root"


def capabilities(status: Path = Path("/proc/self/status")) -> Iterator[Finding]:
    """CAP_NET_ADMIN, permitted at least: the process makes it effective itself."""
    fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
    if int(fields["CapPrm"], 16) >> _CAP_NET_ADMIN & 1:
        yield ok("capabilities", "CAP_NET_ADMIN is there")
    else:
        yield error("capabilities", "CAP_NET_ADMIN is missing", _MENDS)


def open_files(needed: int) -> Iterator[Finding]:
    """As many descriptors as there may be connections on the three sides."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= needed:
        yield ok("open files", f"{needed} connections fit")
        return
    yield warning(
        "open files",
        f"{hard} may be open, but limits.max_connections allows {needed} connections",
        f"LimitNOFILE={needed} in the unit, docker run --ulimit nofile={needed}, or ulimit -Hn",
    )
