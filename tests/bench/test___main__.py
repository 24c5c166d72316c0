"""All of it in small, but for the kernel with ESP."""

from dataclasses import replace
from pathlib import Path

from tests.bench import decoding, kernel, proxying, udp
from tests.bench.__main__ import measure
from tests.bench.decoding import SUITES
from tests.bench.relays import ROOT
from tests.bench.report import AS_PYTHON, COMPILED, sections
from tests.bench.test_report import DECODED, KERNEL, RELAYED


def test_all_figures_come_together(monkeypatch, tmp_path: Path) -> None:
    relayed = {tmp_path: RELAYED, ROOT: replace(RELAYED)}
    monkeypatch.setattr(kernel, "ask", lambda: KERNEL)
    monkeypatch.setattr(proxying, "ask", lambda program: relayed[program])
    monkeypatch.setattr(proxying, "here", lambda program: relayed[program])
    monkeypatch.setattr(decoding, "measure", dict.fromkeys(SUITES, DECODED).get)
    monkeypatch.setattr(udp, "carrying", lambda messages, phones, rounds: len(messages) / phones)
    figures = measure(phones=5, rounds=2, registered=(5, 20), compiled=tmp_path)
    assert figures.kernel is KERNEL
    assert figures.carrying == 4
    for form, program in (COMPILED, tmp_path), (AS_PYTHON, ROOT):
        assert figures.protected[form] is figures.plain[form] is relayed[program]
    assert figures.decoded == dict.fromkeys(SUITES, DECODED)
    assert figures.kept.keys() == {"SQLite", "Valkey"}
    assert figures.octets.keys() == {5, 20}
    assert figures.handling.messages > figures.parsing
    assert all(row.figure > 0 for _, rows in sections(figures) for row in rows)
