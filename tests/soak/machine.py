"""The P-CSCF of a soak: one process and its store, or two that share one.

What befalls them, and what they say.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from pcscf.store.key_file import add_key
from tests.netns.asking import AdminSocket
from tests.netns.lab import Lab
from tests.netns.pcscf_process import PcscfProcess, config, running
from tests.netns.site import SLACK
from tests.soak.accounts import Memory, SqliteFile, Store, differences, read_kernel, read_memory
from xfrm.kernel import XfrmKernel

REQID = 5060  # of the P-CSCF, by default
SETTLED = 5.0  # seconds in which all accounts have to agree again
LINGER = 8.0  # seconds: a set that is left is still there when all have to agree
PAUSE = 0.01  # seconds between two looks
SHOWN = 40  # lines of the log that are shown where something went wrong


class StoreAccount(Protocol):
    """A store as it is, beside the process that writes it."""

    def read(self) -> Store:
        """Read all records, as of one moment."""


class Machine:
    """What serves the phones: a process, with its kernel and its store."""

    def __init__(self, process: PcscfProcess, kernel: XfrmKernel, store: StoreAccount) -> None:
        self.store = store
        self._serves(process, kernel)

    def _serves(self, process: PcscfProcess, kernel: XfrmKernel) -> None:
        self.process, self._kernel = process, kernel
        self._admin = AdminSocket(process.socket)

    # -- what befalls it

    def crash(self, *, flushed: bool = False) -> None:
        """End it by SIGKILL, and start another process; ``flushed``: the kernel has lost all."""
        self.process.kill()
        if flushed:
            self.process.lab.pcscf.ip("xfrm state flush", "xfrm policy flush")
        self._start()

    def stop(self) -> None:
        """Have it end in order, and start another process."""
        status = self.process.stop()
        assert status == 0, f"it ended with status {status}"
        self._start()

    def take_over(self, how: str) -> None:
        """Have another machine serve the phones."""
        raise NotImplementedError(how)

    def upgrade(self) -> None:
        """Have it become the next program; phones keep their connections."""
        self.process.upgrade()

    def _start(self) -> None:
        raise NotImplementedError

    # -- what it says

    def memory(self) -> Memory:
        """Ask the process."""
        return read_memory(self._admin)

    def settle(self, wrong: Callable[[Memory], list[str]]) -> list[str]:
        """Wait until kernel, store and memory agree, and nothing is ``wrong`` with memory.

        Returns what is not as it should be after ``SETTLED`` seconds.
        """
        deadline = time.monotonic() + SETTLED
        while found := self._look(wrong):
            if time.monotonic() > deadline:
                break
            time.sleep(PAUSE)
        return found

    def _look(self, wrong: Callable[[Memory], list[str]]) -> list[str]:
        if self.process.process.poll() is not None:
            return ["the process has ended by itself"]
        memory = self.memory()
        found = differences(read_kernel(self._kernel), self.store.read(), memory)
        return found + wrong(memory)

    @property
    def last_words(self) -> list[str]:
        """The end of its log."""
        return self.process.log.splitlines()[-SHOWN:]


class Single(Machine):
    """One process with an SQLite file."""

    def __init__(self, process: PcscfProcess, kernel: XfrmKernel, store: SqliteFile) -> None:
        super().__init__(process, kernel, store)
        self.file = store

    def begin_anew(self) -> None:
        """End it with all that it had, and start another process with an empty store."""
        self.process.kill()
        self.file.close()
        for path in self.file.path.parent.glob(f"{self.file.path.name}*"):
            path.unlink()
        self._start()

    def _start(self) -> None:
        self.file.close()
        self.process.forget_log()
        self.process.start_again()


def settings(lab: Lab, directory: Path, store: str) -> str:
    """Write the configuration of an instance; ``store`` has the lines that say which store."""
    key_file = directory / "store.key"
    if not key_file.exists():
        add_key(str(key_file), datetime.now(UTC))
    return config(
        lab,
        security=f"sa_linger = {LINGER}\nsa_slack = {SLACK}",
        store=f'{store}\nkey_file = "{key_file}"\ninterval = 0.02\nsequence_interval = 1',
        guard='trusted = ["192.0.2.0/24", "2001:db8:1::/64"]',  # these phones misbehave
        stop="timeout = 1",
    )


@contextlib.contextmanager
def kernel_of(lab: Lab) -> Iterator[XfrmKernel]:
    """Look at the kernel of a lab's P-CSCF within the block."""
    with lab.pcscf.entered():
        kernel = XfrmKernel(REQID, ())
    try:
        yield kernel
    finally:
        kernel.close(keep=True)


@contextlib.contextmanager
def single(lab: Lab, directory: Path) -> Iterator[Single]:
    """Run a P-CSCF with an SQLite store within the block."""
    path = directory / "store.sqlite"
    text = settings(lab, directory, f'kind = "sqlite"\npath = "{path}"')
    with (
        contextlib.closing(SqliteFile(path)) as store,
        kernel_of(lab) as kernel,
        running(lab, directory, text) as process,
    ):
        yield Single(process, kernel, store)
