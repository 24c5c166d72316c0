"""A soak from its first step to its last: step, look; and what is told where something is wrong."""

import subprocess
import time
from collections import Counter, deque
from collections.abc import Callable
from itertools import count, islice

from tests.netns.shell import CommandError
from tests.peers.peer import PeerError
from tests.soak.player import Player, playing
from tests.soak.script import Script, Step
from tests.soak.violation import Violation

REMEMBERED = 25  # steps that are told of where something is wrong
PROBED = 2  # phones looked at after each step
ROUND = 50  # steps after which all are
TOLD = 250  # steps after which there is a line

FAILURES = (
    *(AssertionError, PeerError, OSError, ValueError, LookupError),
    *(CommandError, subprocess.TimeoutExpired),
)

Say = Callable[[str], object]


class Soak:
    """One run; ``history`` are its last steps."""

    def __init__(self, player: Player, script: Script, seed: int) -> None:
        self.player = player
        self._script, self._seed = script, seed
        self.history: deque[str] = deque(maxlen=REMEMBERED)
        self.done: Counter[str] = Counter()

    def run(self, steps: int, say: Say) -> None:
        """Take so many steps. Raises Violation."""
        start = time.monotonic()
        for number, step in zip(count(1), islice(self._script, steps), strict=False):
            self._take(number, step)
            if number % TOLD == 0:
                say(f"{number} steps, {time.monotonic() - start:.0f} s")
        self._look_at_all()

    def _take(self, number: int, step: Step) -> None:
        self.history.append(f"{number}: {step}")
        self.done[step.what] += 1
        probed = self._script.probes(PROBED)
        self.watched(lambda: self.player.perform(step))
        for one in probed:
            self.probe(one)
        self.look()
        if number % ROUND == 0:
            self._look_at_all()

    def _look_at_all(self) -> None:
        for one in range(len(self.player.phones)):
            self.probe(one)
        self.watched(self.player.let_go_of_the_past)
        self.look()

    def probe(self, number: int) -> None:
        """See that a phone is served, or refused. Raises Violation."""
        self.watched(lambda: self.player.probe(number), f"phone {number}")

    def look(self) -> None:
        """See kernel, store, memory and phones agree. Raises Violation."""
        if found := self.player.differences():
            raise self._violation(found)

    def watched(self, act: Callable[[], None], who: str = "") -> None:
        """Do something of which any failure is a violation."""
        try:
            act()
        except FAILURES as error:
            told = f"{type(error).__name__}: {error}"
            found = [f"{who}: {told}" if who else told]
            raise self._violation(found + self.player.differences()) from error

    def _violation(self, found: list[str]) -> Violation:
        step = self.history[-1] if self.history else "before the first step"
        lines = [f"seed {self._seed}, step {step}", *(f"  {line}" for line in found)]
        lines += ["the last steps:", *(f"  {line}" for line in self.history)]
        lines += ["the end of the log:", *(f"  {line}" for line in self.player.machine.last_words)]
        return Violation("\n".join(lines))


def soak(
    steps: int, seed: int, phones: int, say: Say, *, twins: bool = False, restarts: float = 1.0
) -> Counter[str]:
    """Run it all; return how often each step was taken. Raises Violation.

    ``twins``: two machines with one store, and takeovers.
    """
    script = Script(seed, phones, takeovers=twins, restarts=restarts)
    found: Violation | None = None
    try:
        with playing(script.members, twins=twins) as player:
            run = Soak(player, script, seed)
            try:
                run.run(steps, say)
            except Violation as violation:
                found = violation
                raise
    except Exception:
        if found is not None:  # taking down may fail as well, and would hide it
            raise found from None
        raise
    return run.done
