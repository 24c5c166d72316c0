"""Print the table of ``scripts/bench``, or the profile of a relayed MESSAGE (``--profile``)."""

import sys

from rich.console import Console

from pcscf.net.start import settle_memory
from tests.bench import kernel, memory, proxying, sip, udp
from tests.bench.players import Recorder, register
from tests.bench.report import Figures, render
from tests.bench.timing import best


def measure(phones: int, rounds: int, registered: tuple[int, int]) -> Figures:
    """Weigh as many phones as ``registered`` says; time rounds of ``phones`` registering."""
    octets = dict(memory.per_phone(registered))
    recorder = Recorder()
    register(recorder, phones)
    installs = recorder.installs
    return Figures(
        echo=udp.echo(),
        handling=sip.handling(phones, rounds),
        parsing=sip.parsing(recorder.received, phones, rounds),
        carrying=udp.carrying(recorder.sent, phones, rounds),
        encoding=best(rounds, lambda: [kernel.encoding(each) for each in installs], phones),
        kernel=kernel.ask(),
        octets=octets,
        protected=proxying.ask(),
        plain=proxying.here(),
    )


if __name__ == "__main__":
    if "--profile" in sys.argv:
        sys.stdout.write(proxying.profile_here())
        sys.exit()
    settle_memory()  # as the server does
    Console().print(render(measure(phones=400, rounds=5, registered=(1_000, 10_000))))
