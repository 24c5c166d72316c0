"""Programs that stay, to run many short commands.

Starting a process is what costs most in user-mode-linux, and three times as much from a
pytest full of imports as from a shell (docs/testing.md).
"""

import shlex
import subprocess
from collections.abc import Iterator, Sequence

_END = "end-of-this-command"
_MOST_RUNS = 2000


class CommandError(Exception):
    """A command of the lab failed; the message has its output."""


class _Resident:
    """A process in the namespace of the thread that makes it; for one thread at a time."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ask(self, text: str) -> Iterator[str]:
        """Write ``text``, and give the lines that come."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(text)
        self._process.stdin.flush()
        return iter(self._process.stdout)

    def close(self) -> None:
        """End the process; one that has ended is fine."""
        self._process.kill()
        self._process.communicate()


class Shell(_Resident):
    """One ``sh``."""

    def __init__(self) -> None:
        super().__init__("sh")

    def run(self, command: Sequence[str], stdin: str = "") -> str:
        """Run a command to its end and return all it wrote; CommandError if it fails."""
        output = ""
        script = f"{shlex.join(command)} <<'{_END}'\n{stdin}\n{_END}\necho {_END} $?\n"
        for line in self.ask(script):
            text, end, status = line.partition(_END)
            output += text
            if end and not int(status):
                return output
            if end:
                break
        raise CommandError(f"{shlex.join(command)}: {output}")


class IpBatch(_Resident):
    """One ``ip -batch``, which ends with the first line that fails.

    Not for lists of states and policies: ``ip`` ends behind them. It never frees what it has
    allocated, some 10 KB a run: one that is ``worn`` is better replaced.
    """

    def __init__(self) -> None:
        super().__init__("stdbuf", "--output=L", "ip", "-batch", "-")
        self._runs = 0

    @property
    def worn(self) -> bool:
        """Whether it has run often."""
        return self._runs >= _MOST_RUNS

    def run(self, lines: Sequence[str]) -> None:
        """Run lines in order; CommandError if one fails."""
        self._runs += 1
        output = ""
        for line in self.ask("\n".join([*lines, "link show lo", ""])):
            if "link/loopback" in line:
                return
            output += line
        raise CommandError(f"ip: {output}")
