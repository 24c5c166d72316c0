"""What this process may do: its capabilities, and how many files it may have open."""

import resource
from collections.abc import Iterator
from pathlib import Path

from pcscf.net.capabilities import STATUS, Capabilities, remedy
from pcscf.net.checks.finding import Finding, error, ok, warning


def capabilities(status: Path = STATUS) -> Iterator[Finding]:
    """CAP_NET_ADMIN, permitted at least: the process makes it effective itself."""
    if mends := remedy(Capabilities.read(status)):
        yield error("capabilities", "CAP_NET_ADMIN is missing", mends)
    else:
        yield ok("capabilities", "CAP_NET_ADMIN is there")


def takeover(device: str, status: Path = STATUS) -> Iterator[Finding]:
    """CAP_NET_RAW, with which neighbours are told; nothing where no device gets addresses."""
    if device and not Capabilities.read(status).may_be_raw:
        yield error(
            "capabilities",
            "CAP_NET_RAW is missing: store.takeover_device needs it",
            "what gives CAP_NET_ADMIN gives this one too",
        )


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
