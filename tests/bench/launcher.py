"""``pcscf``, profiled, or where the kernel has no ESP: what the bench runs besides the program.

``python -m tests.bench.launcher [--without-esp] [--profile FILE] -- COMMAND...``, where the
command is one of ``pcscf``'s. Without ESP it keeps the SAs in a dict and asks for no rights:
messages come to the protected ports in clear, and all that is SIP is done as with ESP.
"""

import argparse
import cProfile
import os
import sys
from collections.abc import Collection
from typing import Any

from pcscf import cli
from pcscf.config import Settings
from pcscf.net import start
from pcscf.net.checks import machine
from pcscf.net.handover import Bound
from xfrm.memory import MemoryKernel
from xfrm.model import SaId


class SilentMonitor:
    """An ExpireMonitor that never has anything to tell."""

    def __init__(self, *_: Any) -> None:
        self._readable, self._writable = os.pipe()

    def fileno(self) -> int:
        return self._readable

    def read(self) -> list[SaId]:
        return []

    def close(self) -> None:
        os.close(self._readable)
        os.close(self._writable)


def without_esp() -> None:
    """Have ``pcscf run`` take what is kept in a dict for the kernel."""
    replaced: dict[str, Any] = {
        "XfrmKernel": lambda reqid, _policies, selectors: MemoryKernel(reqid, selectors),
        "ExpireMonitor": SilentMonitor,
        "raise_capabilities": lambda: None,
    }
    for name, stand_in in replaced.items():
        setattr(start, name, stand_in)
    machine.before_start = _nothing_is_looked_at


def _nothing_is_looked_at(settings: Settings, held: Collection[Bound] = ()) -> None:
    """The machine is what it is."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--without-esp", action="store_true")
    parser.add_argument("--profile", metavar="FILE")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    if given.without_esp:
        without_esp()
    sys.argv = ["pcscf", *given.command]
    if not given.profile:
        cli.main()
        return
    profile = cProfile.Profile()
    try:
        profile.runcall(cli.main)
    finally:
        profile.dump_stats(given.profile)


if __name__ == "__main__":
    main()
