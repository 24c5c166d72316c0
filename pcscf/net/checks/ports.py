"""Whether our ports are free, and if not, who has them."""

import errno
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from pcscf.core.flow import Endpoint, Transport
from pcscf.net.checks.finding import Finding, error, ok, warning
from pcscf.net.plan import Bind
from pcscf.net.sockets import bound

_PROC = Path("/proc")
_SHOWN = 3  # of the ports that one program has
_HEX = 16
_OURS = "pcscf"


class Holder(NamedTuple):
    """A program that has a port; pid 0 if it is hidden from us."""

    name: str
    pid: int

    def __str__(self) -> str:
        """As people say it."""
        return f"{self.name} (pid {self.pid})" if self.pid else self.name


UNKNOWN = Holder("another program", 0)


def free(binds: Iterable[Bind], *, by_us: bool = False, proc: Path = _PROC) -> Iterator[Finding]:
    """Bind each port for a moment. Addresses that are not there are another check's.

    ``by_us``: a P-CSCF that runs here already may have them.
    """
    taken: dict[Holder, list[str]] = {}
    number = 0
    for _, transport, local, shared in binds:
        try:
            bound(transport, local, shared=shared).close()
            number += 1
        except OSError as refusal:
            if refusal.errno == errno.EADDRINUSE:
                where = f"{transport} {local}"
                taken.setdefault(holder(transport, local, proc), []).append(where)
            elif refusal.errno == errno.EACCES:
                yield error(
                    "ports",
                    f"{transport} {local} is below 1024, which takes a right",
                    "CAP_NET_BIND_SERVICE, or sysctl -w net.ipv4.ip_unprivileged_port_start=1",
                )
    for who, places in taken.items():
        if by_us and who.name == _OURS:
            yield ok("ports", f"{len(places)} sockets are those of {who}, which runs here")
        else:
            yield _in_use(who, places)
    if number and not taken:
        yield ok("ports", f"{number} sockets can be bound")


def _in_use(who: Holder, where: list[str]) -> Finding:
    shown = ", ".join(where[:_SHOWN])
    more = f" and {len(where) - _SHOWN} more" if len(where) > _SHOWN else ""
    mends = (
        f"kill {who.pid}, or other ports" if who.pid else "stopping it (ss -lntup), or other ports"
    )
    verb = "are" if len(where) > 1 else "is"
    return error("ports", f"{shown}{more} {verb} in use by {who}", mends)


def not_given_out(ports: Iterable[int], proc: Path = _PROC) -> Iterator[Finding]:
    """Our ports outside of the range from which the kernel serves other programs."""
    net = proc / "sys/net/ipv4"
    try:
        first, last = map(int, (net / "ip_local_port_range").read_text().split())
        reserved = _ranges((net / "ip_local_reserved_ports").read_text())
    except (OSError, ValueError):
        return
    exposed = sorted(
        {port for port in ports if first <= port <= last and not _within(port, reserved)}
    )
    if exposed:
        listed = ",".join(map(str, exposed))
        yield warning(
            "ports",
            f"the kernel may give {exposed[0]} to another program first ({first}-{last})",
            f"sysctl -w net.ipv4.ip_local_reserved_ports={listed}",
        )


def _ranges(text: str) -> list[tuple[int, int]]:
    """Read 8080,9148-9150."""
    parts = (part.partition("-") for part in text.strip().split(",") if part)
    return [(int(first), int(last or first)) for first, _, last in parts]


def _within(port: int, ranges: list[tuple[int, int]]) -> bool:
    return any(first <= port <= last for first, last in ranges)


# Who has a port


def holder(transport: Transport, local: Endpoint, proc: Path = _PROC) -> Holder:
    """Find the program by the socket's inode; of other users' programs /proc tells root alone."""
    inodes = _inodes(transport, local, proc)
    return next(_owners(inodes, proc), UNKNOWN) if inodes else UNKNOWN


def _inodes(transport: Transport, local: Endpoint, proc: Path) -> set[str]:
    """Give the sockets at an address, or at all addresses, and a port."""
    found: set[str] = set()
    for version in ("", "6"):
        try:
            lines = (proc / f"net/{transport.lower()}{version}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            host, _, port = fields[1].partition(":")
            if int(port, _HEX) == local.port and _covers(host, local.host):
                found.add(fields[9])
    return found


def _covers(written: str, host: str) -> bool:
    """Whether an address as /proc/net writes it is this one, or all."""
    return not int(written, _HEX) or written.upper() == _as_in_proc(host)


def _as_in_proc(host: str) -> str:
    """Write an address in words of four octets, each in the machine's (little-endian) order."""
    octets = ip_address(host).packed
    words = (octets[at : at + 4] for at in range(0, len(octets), 4))
    return "".join(bytes(reversed(word)).hex().upper() for word in words)


def _owners(inodes: set[str], proc: Path) -> Iterator[Holder]:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in sorted(proc.glob("[0-9]*")):
        if _has_open(process, wanted):
            yield Holder(_name(process), int(process.name))


def _has_open(process: Path, wanted: set[str]) -> bool:
    try:
        return any(str(one.readlink()) in wanted for one in (process / "fd").iterdir())
    except OSError:  # it has ended, or belongs to another user
        return False


def _name(process: Path) -> str:
    """Name a program; of an interpreter that is the script."""
    try:
        words = (process / "cmdline").read_text(errors="replace").split("\0")
        name = (process / "comm").read_text(errors="replace").strip()
    except OSError:
        return "a program"
    is_ours = any(Path(word).name == _OURS for word in words[:3])
    return _OURS if is_ours else name
