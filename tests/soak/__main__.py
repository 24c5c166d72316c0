"""Soak the P-CSCF: ``scripts/with-esp .venv/bin/python -m tests.soak --steps N --seed S``.

With ``--core`` its decisions alone, which takes no kernel with ESP. Exit status 1, and what is
wrong, at the first violation.
"""

import argparse
import sys
import time

from tests.soak import alone
from tests.soak.run import soak
from tests.soak.violation import Violation


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Random histories.")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1, help="the same seed: the same steps")
    parser.add_argument("--phones", type=int, default=12, help="at most 66")
    parser.add_argument("--twins", action="store_true", help="two machines with one store")
    parser.add_argument(
        "--restarts", type=float, default=1.0, help="how often the process ends: 0.5 half as often"
    )
    parser.add_argument("--core", action="store_true", help="no process, no kernel, no sockets")
    return parser.parse_args(words)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(words: list[str] | None = None) -> int:
    """Run what the command line says."""
    args = _arguments(words)
    start = time.monotonic()
    try:
        if args.core:
            done = alone.soak(args.steps, args.seed, _say)
        else:
            given = (args.steps, args.seed, args.phones, _say)
            done = soak(*given, twins=args.twins, restarts=args.restarts)
    except Violation as violation:
        _say(f"VIOLATION: {violation}")
        return 1
    told = ", ".join(f"{number} {what}" for what, number in sorted(done.items()))
    took = time.monotonic() - start
    _say(f"seed {args.seed}: {args.steps} steps in {took:.0f} s, nothing wrong ({told})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
