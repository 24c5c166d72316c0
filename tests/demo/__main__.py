"""Play the demonstration: ``python -m tests.demo DIRECTORY``, on a kernel with ESP.

Exit status 0 only if every claim holds.
"""

import contextlib
import os
import sys
import time
import traceback
from pathlib import Path

from tests.demo.evidence import claims, gather
from tests.demo.report import Report
from tests.demo.scenario import perform


def main(directory: Path) -> int:
    """Play, print, prove."""
    report = Report(colour="FORCE_COLOR" in os.environ)
    try:
        return 0 if demonstrate(directory, report) else 1
    except Exception as error:  # noqa: BLE001 - a line for people; the rest beside the captures
        with contextlib.suppress(OSError):
            (directory / "traceback").write_text(traceback.format_exc())
        report.failure(error, directory)
        return 1


def demonstrate(directory: Path, report: Report) -> bool:
    """Whether every claim holds."""
    start = time.monotonic()
    report.title("pcscf run --config pcscf.toml, in a network namespace of its own:")
    story = perform(directory, report.plain)
    evidence = gather(story, directory)
    if registered := story.tables.get("registered"):
        report.title("ip xfrm state of the P-CSCF with both phones registered, without keys:")
        report.states(registered.states)
    report.title("SIP on both sides of the P-CSCF, as pcscf decode reads it from the captures:")
    report.ladder(evidence.decoded, story.names, story.steps)
    report.title("What the captures and the kernel prove:")
    made = list(claims(evidence))
    for claim in made:
        report.claim(claim)
    report.kept(directory)
    report.verdict(made, time.monotonic() - start)
    return all(claim.holds for claim in made)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
