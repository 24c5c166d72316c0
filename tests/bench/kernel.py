"""Four SAs in a real kernel: all in one send, against one after the other.

``python -m tests.bench.kernel SETS ROUNDS`` prints the figures as JSON. It needs a kernel
with ESP and a network namespace that nobody else uses; ``ask`` sees to both.
"""

import json
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from math import inf
from pathlib import Path
from socket import socket
from typing import Any

from pcscf.core.effects import InstallSas
from tests.bench.players import Recorder, register
from tests.bench.timing import IN_UML, microseconds, seconds
from tests.bench.udp import echo
from xfrm import wire
from xfrm.kernel import XfrmKernel
from xfrm.model import SelectorMode

BATCHED, ONE_BY_ONE, REMOVED = "in one batch", "one by one", "removed in one batch"
_ROOT = Path(__file__).parent.parent.parent
_REQID = 7
_SETS = 20
_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class KernelFigures:
    """Of one set: microseconds and netlink sends of each way; and the same kernel's UDP echo."""

    in_uml: bool
    release: str
    cost: dict[str, float]
    sends: dict[str, int]
    echo: float


class CountedSends:
    """A netlink socket that counts."""

    def __init__(self, inner: socket) -> None:
        self._inner = inner
        self.count = 0

    def send(self, data: bytes) -> int:
        self.count += 1
        return self._inner.send(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def ask(sets: int = _SETS, rounds: int = _ROUNDS) -> KernelFigures:
    """Measure on a kernel with ESP, whichever that is, in a namespace of our own."""
    python = [sys.executable, "-m", "tests.bench.kernel", str(sets), str(rounds)]
    with_loopback = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    command = [str(_ROOT / "scripts/with-esp"), "unshare", "--net", *with_loopback, *python]
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return KernelFigures(**json.loads(done.stdout))


def measure(sets: int, rounds: int) -> KernelFigures:
    """Install and remove the SA sets of some phones in turns."""
    recorder = Recorder()
    register(recorder, sets)
    kernel = XfrmKernel(_REQID, ())
    try:
        sends = _sends(kernel, recorder.installs[0])  # it loads the kernel's modules, too
        cost = _cost(kernel, recorder.installs, rounds)
    finally:
        for install in recorder.installs:
            kernel.remove(install.sa_set)
        kernel.close()
    return KernelFigures(IN_UML, platform.release(), cost, sends, echo())


def encoding(install: InstallSas) -> list[bytes]:
    """What ``XfrmKernel.install`` does before it sends."""
    sas = install.sa_set.associations(install.keys, _REQID, SelectorMode.STRICT, install.lifetime)
    return [wire.new_sa(sa, number) for number, sa in enumerate(sas)]


def _steps(kernel: XfrmKernel) -> list[tuple[str, Callable[[InstallSas], None]]]:
    """Both ways; what one step has installed is removed by the next."""

    def in_one_batch(install: InstallSas) -> None:
        kernel.install(install.sa_set, install.keys, install.lifetime)

    def one_by_one(install: InstallSas) -> None:
        for sa in kernel._associations(install.sa_set, install.keys, install.lifetime):
            (answer,) = kernel._netlink.ask(wire.new_sa, [sa])
            assert answer.code == 0, answer

    def remove(install: InstallSas) -> None:
        kernel.remove(install.sa_set)

    return [(BATCHED, in_one_batch), (REMOVED, remove), (ONE_BY_ONE, one_by_one), (REMOVED, remove)]


def _sends(kernel: XfrmKernel, install: InstallSas) -> dict[str, int]:
    netlink, sends = kernel._netlink, {}
    plain = netlink._socket
    for name, act in _steps(kernel):
        netlink._socket = counted = CountedSends(plain)  # type: ignore[assignment]
        act(install)
        sends[name] = counted.count
    netlink._socket = plain
    return sends


def _cost(kernel: XfrmKernel, installs: list[InstallSas], rounds: int) -> dict[str, float]:
    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, act in _steps(kernel):
            spent = seconds(partial(list, map(act, installs)))
            best[name] = min(best.get(name, inf), spent)
    return {name: microseconds(spent, len(installs)) for name, spent in best.items()}


if __name__ == "__main__":
    json.dump(asdict(measure(*map(int, sys.argv[1:]))), sys.stdout)
