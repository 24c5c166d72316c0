"""CPU of a protected MESSAGE transaction: our P-CSCF beside Kamailio's stateful relay.

``python -m tests.bench.proxying`` prints the figures as JSON; it needs a kernel with ESP, so it
runs behind ``scripts/with-esp``; ``ask`` sees to that. The two take turns, and a ratio is of two
rounds that stand side by side. ``here`` is the same on this kernel, without ESP: both proxies
then do their SIP work and little else.
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

from tests.bench.cpu import spent
from tests.bench.relays import Place, Relay, in_lab, kamailio, on_loopback, ours
from tests.netns.lab import open_lab

OURS, THEIRS, PLAIN = "pcscf, ESP", "Kamailio (fm), ESP", "Kamailio (fm), in clear"
_ROOT = Path(__file__).parent.parent.parent
_ROUNDS, _MESSAGES, _WARM_UP = 7, 1_000, 500
_PROFILED = 25  # functions


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


def ask() -> ProxyFigures:
    """Measure on a kernel with ESP."""
    output = subprocess.run(
        [_ROOT / "scripts/with-esp", sys.executable, "-m", "tests.bench.proxying"],
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return ProxyFigures(json.loads(output)["cost"])


def measure(place: Place, directory: Path, rounds: int, messages: int) -> ProxyFigures:
    """Let them take turns."""
    cost: dict[str, list[float]] = {OURS: [], THEIRS: [], PLAIN: []}
    with contextlib.ExitStack() as stack:
        mine = stack.enter_context(ours(place, directory))
        theirs, plain = stack.enter_context(kamailio(place, directory))
        relays = {OURS: mine, THEIRS: theirs, PLAIN: plain}
        for relay in relays.values():
            relay.load.carry(_WARM_UP)
        for _ in range(rounds):
            for name, relay in relays.items():
                cost[name].append(round_of(relay, messages))
    return ProxyFigures(cost)


def round_of(relay: Relay, messages: int) -> float:
    """Microseconds of the proxy's CPU for one of ``messages`` transactions."""
    before = spent(relay.pids())
    relay.load.carry(messages)
    return (spent(relay.pids()) - before) / messages * 1e6


def here() -> ProxyFigures:
    """Measure on this kernel, without ESP: what the SIP costs where system calls are cheap."""
    with tempfile.TemporaryDirectory() as directory:
        return measure(on_loopback(), Path(directory), _ROUNDS, 3 * _MESSAGES)


def profile_here() -> str:
    """Tell where our time goes, on this kernel and without ESP."""
    with tempfile.TemporaryDirectory() as directory:
        return profile(on_loopback(), Path(directory), 5 * _MESSAGES)


def profile(place: Place, directory: Path, messages: int) -> str:
    """Tell where our time goes: the functions that take most of it, their own time first."""
    file = directory / "profile"
    with ours(place, directory, file) as relay:
        relay.load.carry(messages)
    lines = directory / "profile.txt"
    with lines.open("w") as output:
        stats = pstats.Stats(str(file), stream=output)
        stats.strip_dirs().sort_stats("tottime").print_stats(_PROFILED)
    return lines.read_text()


def main() -> None:
    """Print the figures of a kernel with ESP."""
    with tempfile.TemporaryDirectory() as directory, open_lab() as lab:
        figures = measure(in_lab(lab), Path(directory), _ROUNDS, _MESSAGES)
        sys.stdout.write(json.dumps(asdict(figures)))


if __name__ == "__main__":
    main()
