"""Print the table of ``scripts/bench``."""

import json
import subprocess
import sys
from pathlib import Path

from tests.bench import cpu, memory

_ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    """Measure and print."""
    decide, parsing, sending, echo = cpu.decide(), cpu.parsing(), cpu.sending(), cpu.echo()
    command = [str(_ROOT / "scripts/with-esp"), sys.executable, "-m", "tests.bench.kernel"]
    how = subprocess.run([command[0], "--how"], capture_output=True, text=True, check=True)
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    kernel = json.loads(done.stdout.strip().splitlines()[-1])
    print("CPU microseconds for a whole registration (two REGISTERs, four SAs)")
    _row("parse", parsing)
    _row("decide and rewrite", decide - parsing)
    _row("SIP work (both)", decide)
    _row("send four datagrams", sending)
    print(f"SA set-up for one phone, kernel: {how.stdout.strip()}")
    _row("four SAs in one send", kernel["batched"])
    _row("one by one", kernel["one by one"])
    _row("of which encoding", kernel["encode"])
    _row("remove", kernel["remove"])
    print("memory of one registered phone, octets")
    for count in (1_000, 10_000):
        _row(f"at {count:,} phones", memory.per_phone(count))
    print("yardstick")
    _row("bare UDP echo of 1,000 octets", echo)


def _row(name: str, value: float) -> None:
    print(f"  {name:<34}{value:>9.1f}")


main()
