"""What the demo prints: colours on a terminal, the same text without them elsewhere."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.color import ColorSystem
from rich.console import Console
from rich.text import Text

from pcscf.decode.output.ladder import Ladder
from pcscf.decode.output.reasons import reasons
from pcscf.decode.output.sinks import opened
from tests.decode.reading import Reading
from tests.demo.proof import Claim
from tests.demo.scenario import Step
from tests.netns.xfrm_listing import XfrmState

_SHOWN_FAULTS = 10


class Report:
    """Prints line by line; lines are never broken."""

    def __init__(self, *, colour: bool) -> None:
        self._colours = ColorSystem.STANDARD if colour else None
        self._console = Console(
            force_terminal=colour, color_system="standard" if colour else None, highlight=False
        )

    def title(self, text: str) -> None:
        """Print the heading of a part."""
        self.plain(f"\n{text}\n", "bold")

    def ladder(self, reading: Reading, names: Mapping[str, str], steps: Iterable[Step]) -> None:
        """Print what was decoded as ``pcscf decode`` does, under the steps of the story."""
        self._console.file.flush()
        with opened(None, secret=False) as sink:
            ladder = Ladder(sink, colours=self._colours, names=names, steps=steps)
            for message in reading.messages:
                ladder.message(message)
            for sa, reason in reasons(reading.sas):
                ladder.sa(sa, reason)
            ladder.end(reading.summary)

    def states(self, states: Iterable[XfrmState]) -> None:
        """Print SAs with their selectors."""
        for state in sorted(states, key=lambda one: (one.enc or "", one.src, one.selector)):
            ports = re.findall(r"[sd]port (\d+)", state.selector)
            ends = zip((state.src, state.dst), ports, strict=True)
            src, dst = (f"{host}:{port}" for host, port in ends)
            self.plain(f"  SPI 0x{state.spi:08x}  {src:<16} -> {dst:<16}  {state.auth} {state.enc}")

    def claim(self, claim: Claim) -> None:
        """Print a claim, and what speaks against it."""
        self.plain(
            f"  {'holds' if claim.holds else 'FAILS'}  {claim.text}",
            "green" if claim.holds else "bold red",
        )
        for fault in claim.faults[:_SHOWN_FAULTS]:
            self.plain(f"         {fault}", "red")
        if len(claim.faults) > _SHOWN_FAULTS:
            self.plain(f"         and {len(claim.faults) - _SHOWN_FAULTS} more", "red")

    def kept(self, directory: Path) -> None:
        """Print where all is, and how to look at it."""
        decode = f"  .venv/bin/pcscf decode {directory}/gm.pcap {directory}/core.pcap"
        self.plain(f"\nCaptures, log and configuration are in {directory}. To look at them:\n")
        self.plain(f"{decode} --method INVITE -v")
        self.plain(f"{decode} --format html --output {directory}/page.html\n")

    def failure(self, error: Exception, directory: Path) -> None:
        """Print what kept the demo from its end: of a log or a command's output the last line."""
        text = str(error).strip().rpartition("\n")[2]
        self.plain(f"FAILED: {type(error).__name__}: {text}; see {directory}", "bold red")

    def verdict(self, claims: list[Claim], seconds: float) -> None:
        """Print the last line."""
        holding = sum(claim.holds for claim in claims)
        style = "bold green" if holding == len(claims) else "bold red"
        self.plain(f"{holding} of {len(claims)} claims hold ({seconds:.0f} s)", style)

    def plain(self, text: str, style: str = "") -> None:
        """Print text as it is."""
        self._console.print(Text(text, style), soft_wrap=True)
