"""Print the table of ``scripts/bench``, or the profile of a relayed MESSAGE (``--profile``).

The one argument is the directory of a compiled copy (``scripts/compile``): a MESSAGE is relayed
by that as well.
"""

import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console

from pcscf.net.start import settle_memory
from tests.bench import decoding, kernel, memory, proxying, sip, storing, udp, watching
from tests.bench.players import Recorder, register
from tests.bench.relays import ROOT
from tests.bench.report import AS_PYTHON, COMPILED, Figures, render
from tests.bench.storing import Cost
from tests.bench.timing import best


def measure(phones: int, rounds: int, registered: tuple[int, int], compiled: Path) -> Figures:
    """Weigh as many phones as ``registered`` says; time rounds of ``phones`` registering."""
    octets = dict(memory.per_phone(registered))
    recorder = Recorder()
    register(recorder, phones)
    installs = recorder.installs
    forms = {COMPILED: compiled, AS_PYTHON: ROOT}
    return Figures(
        echo=udp.echo(),
        handling=sip.handling(phones, rounds),
        parsing=sip.parsing(recorder.received, phones, rounds),
        carrying=udp.carrying(recorder.sent, phones, rounds),
        encoding=best(rounds, lambda: [kernel.encoding(each) for each in installs], phones),
        kernel=kernel.ask(),
        octets=octets,
        protected={form: proxying.ask(program) for form, program in forms.items()},
        plain={form: proxying.here(program) for form, program in forms.items()},
        decoded={suite: decoding.measure(suite) for suite in decoding.SUITES},
        watching=watching.watching(),
        kept={name: _afresh(keep, storing.BUSY, 50) for name, keep in storing.STORES.items()},
    )


def _afresh(keep: Callable[[int, int], Cost], in_batch: int, batches: int) -> Cost:
    """Measure in a process of its own: after 10,000 phones this one's memory is scattered."""
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawning, initializer=settle_memory) as pool:
        return pool.submit(keep, in_batch, batches).result()


if __name__ == "__main__":
    if "--profile" in sys.argv:
        sys.stdout.write(proxying.profile_here())
        sys.exit()
    compiled = Path(sys.argv[1]).resolve()
    settle_memory()  # as the server does
    Console().print(
        render(measure(phones=400, rounds=5, registered=(1_000, 10_000), compiled=compiled))
    )
