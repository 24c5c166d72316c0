"""One network namespace: commands, sockets and packet loss inside it.

``Namespace.entered()`` moves the calling *thread*; what it opens or starts in there
(a socket, a process, a new thread) belongs to the namespace for good, so the block may be
left at once. Starting a process is what costs most in user-mode-linux: so there is no
``ip netns exec``, and short commands go to programs that stay.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.netns.capture import Capture
from tests.netns.shell import CommandError, IpBatch, Shell
from tests.netns.xfrm_listing import XfrmPolicy, XfrmState, parse_policies, parse_states

NETNS_DIR = Path("/run/netns")
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _ip(*lines: str) -> None:
    """Run lines of ``ip`` in no namespace of ours; the first that fails raises CommandError."""
    done = subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CommandError(f"ip: {done.stderr}")


@dataclass(eq=False, slots=True)
class Namespace:
    """A named network namespace that exists (see ``ip netns``)."""

    name: str
    _shell: Shell | None = None
    _batch: IpBatch | None = None

    def ip(self, *lines: str) -> None:
        """Run lines of ``ip`` in it, e.g. ``ns.ip("link set gm down", "addr flush dev gm")``.

        They are run in order; the first that fails raises CommandError.
        """
        if self._batch is not None and self._batch.worn:
            self._batch.close()
            self._batch = None
        if self._batch is None:
            with self.entered():
                self._batch = IpBatch()
        try:
            self._batch.run(lines)
        except CommandError:
            self._batch.close()
            self._batch = None
            raise

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a command to its end and return its output; CommandError if it fails."""
        if self._shell is None:
            with self.entered():
                self._shell = Shell()
        return self._shell.run(command, stdin)

    def popen(self, *command: str, **options: Any) -> subprocess.Popen[Any]:
        """Start a process in it. It is killed with the namespace, at the latest."""
        with self.entered():
            return subprocess.Popen(command, **options)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """The calling thread is in the namespace within the block."""
        with (
            Path("/proc/thread-self/ns/net").open("rb") as home,
            (NETNS_DIR / self.name).open("rb") as there,
        ):
            _set_netns(there.fileno())
            try:
                yield
            finally:
                _set_netns(home.fileno())

    def socket(
        self, address: tuple[str, int], kind: socket.SocketKind = socket.SOCK_DGRAM
    ) -> socket.socket:
        """Return a socket of the namespace bound to an address, with a time-out of 5 s."""
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with self.entered():
            made = socket.socket(family, kind)
        made.settimeout(5)
        if kind is socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        return made

    def xfrm_states(self) -> list[XfrmState]:
        """Return the SAs that ``ip xfrm state`` shows, with counters, without keys."""
        return parse_states(self.run("ip", "-s", "xfrm", "state"))

    def xfrm_policies(self) -> list[XfrmPolicy]:
        """Return the policies that ``ip xfrm policy`` shows."""
        return parse_policies(self.run("ip", "-s", "xfrm", "policy"))

    def xfrm_errors(self) -> dict[str, int]:
        """Return the XFRM error counters that are not zero, e.g. {"XfrmInTmplMismatch": 1}."""
        with self.entered():
            lines = Path("/proc/thread-self/net/xfrm_stat").read_text().splitlines()
        counters = dict(line.split() for line in lines)
        return {name: int(count) for name, count in counters.items() if int(count)}

    def counters(self) -> dict[str, int]:
        """Return the kernel's counters of IP, TCP and UDP, e.g. {"TcpAttemptFails": 1}."""
        with self.entered():
            net = Path("/proc/thread-self/net")
            old, lines = (net / "snmp").read_text(), (net / "snmp6").read_text().splitlines()
        found = {name: int(count) for name, count in map(str.split, lines)}
        rows = [line.split() for line in old.splitlines()]
        for (kind, *names), (_, *counts) in zip(rows[::2], rows[1::2], strict=True):
            found |= {f"{kind[:-1]}{name}": int(n) for name, n in zip(names, counts, strict=True)}
        return found

    @contextlib.contextmanager
    def capture(self, interface: str) -> Iterator[Capture]:
        """Capture what crosses an interface within the block; read it inside or behind it."""
        with self.entered():
            running = Capture(interface)
        try:
            yield running
        finally:
            running.stop()

    @contextlib.contextmanager
    def impaired(self, interface: str, netem: str) -> Iterator[None]:
        """Impair what leaves by an interface within the block, e.g. ``"loss 100%"``."""
        self.run("tc", "qdisc", "add", "dev", interface, "root", "netem", *netem.split())
        try:
            yield
        finally:
            self.run("tc", "qdisc", "del", "dev", interface, "root")

    def close(self) -> None:
        """End what runs short commands."""
        for resident in (self._shell, self._batch):
            if resident:
                resident.close()


def create(*names: str) -> list[Namespace]:
    """Make namespaces, with their links (loopback too) down."""
    _ip(*(f"netns add {name}" for name in names))
    return [Namespace(name) for name in names]


def destroy(*namespaces: Namespace) -> None:
    """End every process in them, then take them away with their links, SAs and policies."""
    inodes = {(NETNS_DIR / namespace.name).stat().st_ino for namespace in namespaces}
    for pid in _processes(inodes):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for namespace in namespaces:
        namespace.close()
    _ip(*(f"netns del {namespace.name}" for namespace in namespaces))


def _processes(inodes: set[int]) -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended while we look
            if (process / "ns/net").stat().st_ino in inodes:
                yield int(process.name)


def _set_netns(descriptor: int) -> None:
    # os.setns came with Python 3.12.
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 5.0) -> None:
    """Wait for something another process does; AssertionError when it stays out."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.01)
