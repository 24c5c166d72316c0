"""The P-CSCF of a soak: its process and store, what befalls them, and what they say."""

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from pcscf.store.key_file import add_key
from tests.netns.asking import AdminSocket
from tests.netns.lab import Lab
from tests.netns.pcscf_process import PcscfProcess, config, running
from tests.netns.site import SLACK
from tests.soak.accounts import Memory, SqliteFile, differences, read_kernel, read_memory
from xfrm.kernel import XfrmKernel

REQID = 5060  # of the P-CSCF, by default
SETTLED = 5.0  # seconds in which all accounts have to agree again
LINGER = 8.0  # seconds: a set that is left is still there when all have to agree
PAUSE = 0.01  # seconds between two looks
SHOWN = 40  # lines of the log that are shown where something went wrong


class Machine:
    """One instance with a store of its own.

    Where several share a store, another kind of machine has the same methods, and one more for
    the takeover.
    """

    def __init__(self, process: PcscfProcess, kernel: XfrmKernel, store: SqliteFile) -> None:
        self.process, self.store = process, store
        self._kernel = kernel
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

    def begin_anew(self) -> None:
        """End it with all that it had, and start another process with an empty store."""
        self.process.kill()
        self.store.close()
        for path in self.store.path.parent.glob(f"{self.store.path.name}*"):
            path.unlink()
        self._start()

    def _start(self) -> None:
        self.store.close()
        self.process.forget_log()
        self.process.start_again()

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


@contextlib.contextmanager
def machine(lab: Lab, directory: Path) -> Iterator[Machine]:
    """Run a P-CSCF with an SQLite store within the block."""
    key_file, path = directory / "store.key", directory / "store.sqlite"
    add_key(str(key_file), datetime.now(UTC))
    text = config(
        lab,
        security=f"sa_linger = {LINGER}\nsa_slack = {SLACK}",
        store=f'kind = "sqlite"\npath = "{path}"\nkey_file = "{key_file}"\n'
        "interval = 0.02\nsequence_interval = 1",
        guard='trusted = ["192.0.2.0/24", "2001:db8:1::/64"]',  # these phones misbehave
        stop="timeout = 1",
    )
    store = SqliteFile(path)
    with lab.pcscf.entered():
        kernel = XfrmKernel(REQID, ())
    try:
        with running(lab, directory, text) as process:
            yield Machine(process, kernel, store)
    finally:
        store.close()
        kernel.close(keep=True)
