"""CPU of a protected MESSAGE transaction: our P-CSCF beside Kamailio's stateful relay.

``python -m tests.bench.proxying DIR`` prints the figures as JSON, of the program in DIR; it needs
a kernel with ESP, so it runs behind ``scripts/with-esp``; ``ask`` sees to that. They take turns;
a ratio is of two that stand side by side. Before the first, each has worked for some seconds: in
the kernel with ESP its oldest transactions have ended then, and it holds no more than before.
``here`` is the same on this kernel, without ESP: both then do their SIP work and little else.
"""

import contextlib
import json
import pstats
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench.cpu import spent
from tests.bench.relays import ROOT, Place, Relay, in_lab, kamailio, on_loopback, ours
from tests.bench.timing import microseconds
from tests.netns.lab import open_lab

OURS, THEIRS, PLAIN = "pcscf", "Kamailio (fm)", "Kamailio (fm), in clear"
_PROFILED, _PROFILED_MESSAGES = 25, 5_000  # functions that are told, of a load of its own


class Effort(NamedTuple):
    """How many rounds of how many messages, behind a warm-up of so many."""

    rounds: int
    messages: int
    warm_up: int


# Where CPU is counted in ticks of 10 ms, as by user-mode-linux, it takes that many messages.
_ENOUGH = Effort(rounds=7, messages=5_000, warm_up=8_000)


@dataclass(frozen=True, slots=True)
class ProxyFigures:
    """Microseconds of CPU a transaction, by proxy, one figure a round."""

    cost: dict[str, list[float]]

    def best(self, name: str) -> float:
        """The round with the least noise."""
        return min(self.cost[name])

    def ratios(self, of: str = THEIRS) -> list[float]:
        """Ours over ``of``, round by round, the smallest first."""
        pairs = zip(self.cost[OURS], self.cost[of], strict=True)
        return sorted(mine / theirs for mine, theirs in pairs)

    def spread(self, of: str = THEIRS) -> tuple[float, float, float]:
        """Smallest, median and largest ratio."""
        ratios = self.ratios(of)
        return ratios[0], median(ratios), ratios[-1]


def ask(program: Path) -> ProxyFigures:
    """Measure the program of a directory on a kernel with ESP."""
    output = subprocess.run(
        [ROOT / "scripts/with-esp", sys.executable, "-m", "tests.bench.proxying", program],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return ProxyFigures(json.loads(output)["cost"])


def measure(
    place: Place,
    directory: Path,
    program: Path = ROOT,
    effort: Effort = _ENOUGH,
) -> ProxyFigures:
    """Let them take turns."""
    cost: dict[str, list[float]] = {OURS: [], THEIRS: [], PLAIN: []}
    with contextlib.ExitStack() as stack:
        mine = stack.enter_context(ours(place, directory, program))
        theirs, plain = stack.enter_context(kamailio(place, directory))
        relays = {OURS: mine, THEIRS: theirs, PLAIN: plain}
        for relay in relays.values():
            relay.load.carry(effort.warm_up)
        for _ in range(effort.rounds):
            for name, relay in relays.items():
                cost[name].append(_turn_of(relay, effort.messages))
    return ProxyFigures(cost)


def _turn_of(relay: Relay, messages: int) -> float:
    """Microseconds of the proxy's CPU, user and system, for a transaction."""
    before = spent(relay.pids())
    relay.load.carry(messages)
    return microseconds(spent(relay.pids()) - before, messages)


def here(program: Path) -> ProxyFigures:
    """Measure on this kernel, without ESP: what the SIP costs where system calls are cheap."""
    with tempfile.TemporaryDirectory() as directory:
        return measure(on_loopback(), Path(directory), program)


def profile_here() -> str:
    """Tell where our time goes, on this kernel and without ESP."""
    with tempfile.TemporaryDirectory() as directory:
        return profile(on_loopback(), Path(directory), _PROFILED_MESSAGES)


def profile(place: Place, directory: Path, messages: int) -> str:
    """Tell where our time goes: the functions that take most of it, their own time first."""
    file = directory / "profile"
    with ours(place, directory, profile=file) as relay:
        relay.load.carry(messages)
    lines = directory / "profile.txt"
    with lines.open("w") as output:
        stats = pstats.Stats(str(file), stream=output)
        stats.strip_dirs().sort_stats("tottime").print_stats(_PROFILED)
    return lines.read_text()


def main() -> None:
    """Print the figures of a kernel with ESP."""
    with tempfile.TemporaryDirectory() as directory, open_lab() as lab:
        figures = measure(in_lab(lab), Path(directory), Path(sys.argv[1]))
        sys.stdout.write(json.dumps(asdict(figures)))


if __name__ == "__main__":
    main()
