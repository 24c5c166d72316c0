"""Debian's Kamailio as a process in a lab's namespace: a core, or a relay to compare with."""

import contextlib
import hashlib
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from secrets import token_bytes
from typing import Any, Protocol

from tests.netns.lab import Lab
from tests.netns.namespace import Namespace, wait_until
from tests.peers.aka import HomeSubscriber
from tests.peers.registrar import Spelling
from tests.peers.subscription import Subscription

CONFIGURATIONS = Path(__file__).parent.parent / "kamailio"
PORT = 5060
VECTORS = 8  # registrations of one card that a core can challenge
_START = 20.0  # seconds
# Megabytes. It keeps a transaction of 8 KB for five seconds and more.
_SHARED_MB, _PRIVATE_MB = 512, 8


class Runs(Protocol):
    """Where processes can be started."""

    def popen(self, *command: str, **options: Any) -> "subprocess.Popen[Any]":
        """Start one."""


class Kamailio:
    """One running Kamailio with the allocator ``fm``; its log is a file.

    ``listen`` are sockets as ``udp:192.0.2.1:5060``; ``children`` processes read each UDP one.
    """

    def __init__(
        self,
        namespace: Runs,
        directory: Path,
        text: str,
        listen: Iterable[str],
        children: int = 1,
    ) -> None:
        file = directory / "kamailio.cfg"
        file.write_text(text)
        self._log = directory / "kamailio.log"
        sockets = [option for one in listen for option in ("-l", one)]
        with self._log.open("wb") as log:
            self.process: subprocess.Popen[Any] = namespace.popen(
                *("kamailio", "-DD", "-E", "-f", str(file), *sockets),
                *("-n", str(children), "-N", str(children)),
                *("-x", "fm", "-X", "fm", "-m", str(_SHARED_MB), "-M", str(_PRIVATE_MB)),
                *("-Y", str(directory), "-w", str(directory)),
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                # Debian keeps it in sbin, which only root's PATH has.
                env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"},
            )
        wait_until(lambda: "ready" in self.log or self._has_ended, "Kamailio is ready", _START)
        assert not self._has_ended, self.log

    @property
    def _has_ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def log(self) -> str:
        """All it has said so far."""
        return self._log.read_text(errors="replace")

    @property
    def pids(self) -> list[int]:
        """All its processes."""
        parent = str(self.process.pid)
        found = [self.process.pid]
        for entry in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it ended while we look
                pid, _, rest = entry.read_text().partition(" ")
                if rest.rpartition(")")[2].split()[1] == parent:
                    found.append(int(pid))
        return found

    def close(self) -> None:
        """End it, with its children, which are left if it does not end by itself."""
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        with contextlib.suppress(ProcessLookupError):  # nobody is left
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@contextlib.contextmanager
def running(
    namespace: Namespace,
    directory: Path,
    text: str,
    listen: Iterable[str],
    children: int = 1,
) -> Iterator[Kamailio]:
    """Run a Kamailio within the block."""
    kamailio = Kamailio(namespace, directory, text, listen, children)
    try:
        yield kamailio
    finally:
        kamailio.close()


def scscf(cards: Iterable[Subscription]) -> str:
    """The configuration of a core that knows these cards, each for ``VECTORS`` registrations."""
    tables = "\n".join(line for card in cards for line in _tables(card))
    own = CONFIGURATIONS / "scscf.cfg"
    return f'include_file "{own}"\nevent_route[htable:mod-init] {{\n{tables}\n}}\n'


def sockets(lab: Lab) -> list[str]:
    """Where a core listens in a lab, UDP and TCP of both families."""
    hosts = (lab.v4.core, f"[{lab.v6.core}]")
    return [f"{transport}:{host}:{PORT}" for host in hosts for transport in ("udp", "tcp")]


def _tables(card: Subscription) -> Iterator[str]:
    home = HomeSubscriber(card.functions)
    for number in range(1, VECTORS + 1):
        vector = home.vector(token_bytes(16))
        secret = hashlib.md5(
            f"{card.impi}:{card.realm}:".encode() + vector.expected.res, usedforsecurity=False
        )
        challenge = Spelling().write(card.realm, vector).replace('"', '\\"')
        yield _entry("challenge", f"{card.impi}::{number}", challenge)
        yield _entry("secret", f"{card.impi}::{number}", secret.hexdigest())
    yield _entry("impus", card.impi, ", ".join(f"<{impu}>" for impu in card.impus))
    for impu in card.impus:
        yield _entry("user", impu, card.impus[0])


def _entry(table: str, key: str, value: str) -> str:
    return f'    $sht({table}=>{key}) = "{value}";'
