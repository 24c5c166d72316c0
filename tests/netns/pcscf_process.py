"""The real P-CSCF as a process in a lab's namespace."""

import contextlib
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tests.netns.lab import Lab
from tests.netns.namespace import wait_until

_READY = ("ready",)
_START = 20.0  # seconds; a loaded guest with one CPU is slow


class PcscfProcess:
    """One ``pcscf run``. Its log is a file, so nothing blocks on a full pipe."""

    def __init__(self, lab: Lab, directory: Path, config: str, *, says: str = "") -> None:
        self.lab = lab
        self._config = directory / "pcscf.toml"
        self._config.write_text(config)
        self._log = directory / "pcscf.log"
        given = tomllib.loads(config).get("admin", {}).get("socket")
        self.socket = Path(given or directory / "admin.sock")
        self._file: IO[bytes] = self._log.open("wb")
        self.process = self._start((says,) if says else _READY)

    def _start(self, says: tuple[str, ...]) -> subprocess.Popen[bytes]:
        command = (sys.executable, "-m", "pcscf", "run", "--config", str(self._config))
        before = self.said(*says)
        process: subprocess.Popen[bytes] = self.lab.pcscf.popen(
            *command,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PCSCF_ADMIN__SOCKET": str(self.socket)},
        )
        wait_until(
            lambda: self.said(*says) > before or process.poll() is not None,
            f"the P-CSCF says {' or '.join(says)}",
            _START,
        )
        assert process.poll() is None, self.log
        return process

    def said(self, *events: str) -> int:
        """How often its log has one of these events, on the console or in JSON."""
        log = self.log
        forms = [form for one in events for form in (f" {one} ", f'"event": "{one}"')]
        return sum(map(log.count, forms))

    @property
    def log(self) -> str:
        """All it has said so far."""
        return self._log.read_text(errors="replace")

    def forget_log(self) -> None:
        """Begin the log anew: for long runs, between two processes."""
        self._file.seek(0)
        self._file.truncate()

    @property
    def resident(self) -> int:
        """Resident memory, octets."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) << 10

    def held(self) -> dict[str, int]:
        """What it holds at present, by its own account."""
        before = self.log.count(" held ")
        self.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: self.log.count(" counted") > before, "it tells what it holds")
        line = [line for line in self.log.splitlines() if " held " in line][-1]
        pairs = (word.split("=") for word in line.partition(" held ")[2].split())
        return {name: int(number) for name, number in pairs}

    def reload(self, config: str) -> str:
        """Give it other settings (SIGHUP); return what it says of them."""
        before = self.log
        self._config.write_text(config)
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: " reload" in self.log[len(before) :], "it has read its settings")
        return self.log[len(before) :]

    @contextlib.contextmanager
    def configured(self, config: str) -> Iterator[None]:
        """Have another configuration in its file within the block; it is not told."""
        before = self._config.read_text()
        self._config.write_text(config)
        yield
        self._config.write_text(before)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self.process.kill()
        self.process.wait(10)

    def start_again(self, *says: str) -> None:
        """Start a new process with the same configuration, after ``kill`` or ``stop``.

        ``says`` are events of which one is waited for; that it is ready, if none is given.
        """
        self.process = self._start(says or _READY)

    def upgrade(self) -> None:
        """Have it go on as the program that is installed now (SIGUSR2): the same process."""
        before = self.said(*_READY)
        self.process.send_signal(signal.SIGUSR2)
        wait_until(
            lambda: self.said(*_READY) > before or self.process.poll() is not None,
            "the new program serves",
            3 * _START,
        )
        assert self.process.poll() is None, self.log

    def stop(self) -> int:
        """Ask it to end (SIGTERM); return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def close(self) -> None:
        """End it if it still runs."""
        if self.process.poll() is None:
            self.stop()
        self._file.close()


def config(lab: Lab, *, next_hops: tuple[str, ...] = (), **sections: str) -> str:
    """Write a configuration for a lab; ``sections`` are further TOML lines by section name."""
    hops = next_hops or (f"udp:{lab.v4.core}:5060",)
    lines = {
        "gm": f'addresses = ["{lab.v4.pcscf_gm}", "{lab.v6.pcscf_gm}"]',
        "core": f'addresses = ["{lab.v4.pcscf_core}", "{lab.v6.pcscf_core}"]\n'
        f"port = 5060\nnext_hops = {list(hops)}".replace("'", '"'),
        "core.health": "interval = 0",  # a core sees the phones' requests, and no OPTIONS
        "network": 'visited_network = "visited.example"',
        "guard": "overload_lag = 100\noverload_lag_severe = 100",  # the machine may be busy
    }
    # Its SUBSCRIBE would stand among all else; several run in one namespace, and so at one
    # port. Tests of it say otherwise.
    sections = {"reg_event": "enabled = false", "admin": 'http = ""', **sections}
    for name, text in sections.items():
        section = name.replace("__", ".")
        lines[section] = f"{lines[section]}\n{text}" if section in lines else text
    return "\n".join(f"[{name}]\n{text}" for name, text in lines.items()) + "\n"


@contextlib.contextmanager
def running(lab: Lab, directory: Path, text: str) -> Iterator[PcscfProcess]:
    """Run a P-CSCF with this configuration within the block."""
    process = PcscfProcess(lab, directory, text)
    try:
        yield process
    finally:
        process.close()
