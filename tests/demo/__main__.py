"""Play the demonstration: ``python -m tests.demo DIRECTORY``, on a kernel with ESP.

Exit status 0 only if every claim holds.
"""

import os
import sys
import time
from pathlib import Path

from tests.demo.evidence import claims, gather, rungs
from tests.demo.report import Report
from tests.demo.scenario import perform
from tests.peers.aka import AkaError
from tests.peers.peer import PeerError


def main(directory: Path) -> int:
    """Play, print, prove."""
    start = time.monotonic()
    report = Report(colour="FORCE_COLOR" in os.environ)
    report.title("pcscf run --config pcscf.toml, in a network namespace of its own:")
    try:
        story = perform(directory, report.plain)
    except (PeerError, AkaError, AssertionError, RuntimeError, OSError) as error:
        report.failure(f"{type(error).__name__}: {error}; see {directory}")
        return 1
    evidence = gather(story, directory)
    report.title("ip xfrm state of the P-CSCF with both phones registered, without keys:")
    report.states(story.tables["registered"].states)
    report.title("SIP on both sides of the P-CSCF, from the captures:")
    report.ladder(rungs(evidence))
    report.title("What the captures and the kernel prove:")
    made = list(claims(evidence))
    for claim in made:
        report.claim(claim)
    report.plain(f"\nCaptures, log and configuration: {directory}")
    report.verdict(made, time.monotonic() - start)
    return 0 if all(claim.holds for claim in made) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
