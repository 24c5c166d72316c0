"""A Valkey server of a test's own, on a loopback port: started, paused, killed and started again.

Debian's redis-tools brings the server's program as ``redis-check-rdb``, which it is if it is called
so; under the name of the server it is the server. The package of that name adds a service, and
nothing that a test needs.
"""

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

_SERVERS = ("valkey-server", "redis-server", "valkey-check-rdb", "redis-check-rdb")
_PATIENCE = 20.0


def program() -> str:
    """Find a server on this machine."""
    found = next(filter(None, map(shutil.which, _SERVERS)), None)
    if found is None:
        raise FileNotFoundError("no Valkey or Redis server: apt-get install redis-tools")
    return found


class ValkeyProcess:
    """A server that keeps what it confirms in ``directory``, each write on its own.

    It runs within a ``with`` block, from its first answer on.
    """

    def __init__(self, directory: Path, *options: str) -> None:
        self._directory = directory
        self._options = options
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        return f"valkey://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._directory.mkdir(exist_ok=True)
        options = [
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._directory)),
            *("--save", "", "--appendonly", "yes", "--appendfsync", "always"),
            *("--daemonize", "no", "--loglevel", "warning", "--logfile", "server.log"),
            *self._options,
        ]
        self._process = subprocess.Popen(
            ["valkey-server", *options], executable=program(), cwd=self._directory
        )
        wait_until(self._answers, "the Valkey server answers")

    def command(self, *words: str) -> bytes:
        """Give a command over a connection of its own; return the first line of the answer."""
        line = b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words)
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(b"*%d\r\n%s" % (len(words), line))
            return connection.makefile("rb").readline().strip()

    def pause(self) -> None:
        """Stop it where it stands: its port takes connections, and nothing answers."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Remove what it has kept; it begins with nothing."""
        shutil.rmtree(self._directory)
        self._directory.mkdir()

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self._directory / "server.log").read_text()
        try:
            return self.command("PING") == b"+PONG"
        except OSError:
            return False


def wait_until(condition, what: str) -> None:
    """Wait for another process."""
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.01)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
