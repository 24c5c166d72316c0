"""Two machines that share a store: one serves, the other one stands by, and they change places."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from valkey import Valkey

from tests.netns.namespace import wait_until
from tests.netns.pair import LabValkey, Pair, give_back, take_away
from tests.netns.pcscf_process import PcscfProcess
from tests.soak.accounts import Memory, ValkeyHash, read_kernel
from tests.soak.machine import Machine, kernel_of, settings
from xfrm.kernel import XfrmKernel

LEASE = 1.5  # seconds
PATIENCE = 20.0  # seconds until somebody serves; a loaded guest is slow
BEGUN = SERVES, STANDS_BY = ("ready", "standing_by")  # what a process says when it is there


class Twins(Machine):
    """The process that serves is ``process``; the other one has no SA."""

    def __init__(
        self, processes: list[PcscfProcess], kernels: list[XfrmKernel], store: ValkeyHash
    ) -> None:
        super().__init__(processes[0], kernels[0], store)
        self._processes, self._kernels = processes, kernels

    @property
    def other(self) -> PcscfProcess:
        """The one that stands by."""
        (found,) = (one for one in self._processes if one is not self.process)
        return found

    def take_over(self, how: str) -> None:
        """Let the one that serves die with its machine, or stand still; it comes back later."""
        served, lab = self.process, self.process.lab
        if how == "paused":
            served.process.send_signal(signal.SIGSTOP)
        else:
            served.kill()
            take_away(lab)
        self._is_served_by([self.other])
        if how == "paused":
            served.process.send_signal(signal.SIGCONT)
            assert served.process.wait(PATIENCE) == 1, "it has not yielded"
        else:
            give_back(lab)
        served.forget_log()
        served.start_again(STANDS_BY)

    def _start(self) -> None:
        """Start another process in its place, for which the other one may have been too fast."""
        self.process.forget_log()
        self.process.start_again(*BEGUN)
        self._is_served_by(self._processes)

    def _is_served_by(self, ones: list[PcscfProcess]) -> None:
        """Wait until one of these serves, and go on with it."""
        wait_until(lambda: any(one.said(SERVES) for one in ones), "one serves", PATIENCE)
        (process,) = (one for one in ones if one.said(SERVES))
        self._serves(process, self._kernels[self._processes.index(process)])

    @property
    def _idle(self) -> XfrmKernel:
        return self._kernels[self._processes.index(self.other)]

    def _look(self, wrong: Callable[[Memory], list[str]]) -> list[str]:
        """As for one; and who stands by has nothing that could answer for the other."""
        found = super()._look(wrong)
        if self.other.said(SERVES):
            found.append("both machines serve")
        return found + [f"SA {sa} is with who stands by" for sa in read_kernel(self._idle)]


@contextlib.contextmanager
def twins(pair: Pair, directory: Path) -> Iterator[Twins]:
    """Run two P-CSCFs and a Valkey server within the block."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(LabValkey(pair.one, directory / "valkey"))
        with pair.one.core.entered():
            client = stack.enter_context(contextlib.closing(Valkey.from_url(server.url)))
            client.ping()
        kernels = [stack.enter_context(kernel_of(lab)) for lab in (pair.one, pair.two)]
        processes: list[PcscfProcess] = []
        for lab, name in (pair.one, "one"), (pair.two, "two"):
            (directory / name).mkdir()
            text = settings(lab, directory, store_of(server, name))
            process = PcscfProcess(lab, directory / name, text, says=BEGUN[len(processes)])
            stack.callback(process.close)
            processes.append(process)
        yield Twins(processes, kernels, ValkeyHash(client, f"pcscf:{pair.one.v4.pcscf_gm}"))


def store_of(server: LabValkey, name: str) -> str:
    """Write the settings of an instance's store."""
    return (
        f'kind = "valkey"\nurl = "{server.url}"\ninstance = "{name}"\nlease = {LEASE}\n'
        'takeover_device = "gm"\ntakeover_core_device = "core"'
    )
