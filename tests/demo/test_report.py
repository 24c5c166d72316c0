from pathlib import Path

import pytest

from pcscf.decode import Summary
from tests.decode.reading import Reading
from tests.decode.samples import MESSAGE, START, UE, an_sa, seen
from tests.demo.proof import Claim
from tests.demo.report import Report
from tests.netns.xfrm_listing import XfrmState

LONG = "x" * 300


@pytest.mark.parametrize("colour", [False, True])
def test_lines_are_not_broken_and_colours_are_asked_for(
    colour: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    reading = Reading([seen(MESSAGE, sa=an_sa())], [an_sa()], Summary(messages=1, shown=1))
    report = Report(colour=colour)
    report.title(LONG)
    report.ladder(reading, {UE.host: "ue1"}, [(START, "[bold]one")])
    report.kept(Path(LONG))
    printed = capsys.readouterr().out
    assert "[bold]one" in printed  # no markup
    assert printed.index(LONG) < printed.index("ue1:6101 -> 192.0.2.1:5063")
    assert f"pcscf decode {LONG}/gm.pcap {LONG}/core.pcap" in printed
    assert "ESP 0x00001a2b" in printed
    assert "1 SIP messages." in printed
    assert ("\x1b[" in printed) is colour


def test_a_claim_that_fails_shows_why(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(colour=False)
    faults = tuple(f"fault {number}" for number in range(15))
    report.claim(Claim("all is well"))
    report.claim(Claim("all is lost", faults))
    report.verdict([Claim("a"), Claim("b", faults)], 4.4)
    printed = capsys.readouterr().out
    assert "  holds  all is well\n  FAILS  all is lost\n         fault 0\n" in printed
    assert "and 5 more" in printed
    assert "1 of 2 claims hold (4 s)" in printed


def test_a_failure_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Report(colour=False).failure(AssertionError("a log\nof lines\nthe reason\n"), Path("kept"))
    assert capsys.readouterr().out == "FAILED: AssertionError: the reason; see kept\n"


def test_sas_with_their_ends(capsys: pytest.CaptureFixture[str]) -> None:
    selector = "src 192.0.2.10/32 dst 192.0.2.1/32 sport 20001 dport 6100"
    auth, enc = "hmac(sha1)", "cbc(aes)"
    state = XfrmState(
        "192.0.2.10", "192.0.2.1", 1000, 7, "transport", auth, 96, enc, selector, 0, 0, 0
    )
    Report(colour=False).states([state])
    assert " ".join(capsys.readouterr().out.split()) == (
        "SPI 0x000003e8 192.0.2.10:20001 -> 192.0.2.1:6100 hmac(sha1) cbc(aes)"
    )
