"""All of it in small, but for the kernel with ESP."""

from tests.bench import kernel, proxying, udp
from tests.bench.__main__ import measure
from tests.bench.report import sections
from tests.bench.test_report import KERNEL, RELAYED


def test_all_figures_come_together(monkeypatch) -> None:
    monkeypatch.setattr(kernel, "ask", lambda: KERNEL)
    monkeypatch.setattr(proxying, "ask", lambda: RELAYED)
    monkeypatch.setattr(proxying, "here", lambda: RELAYED)
    monkeypatch.setattr(udp, "carrying", lambda messages, phones, rounds: len(messages) / phones)
    figures = measure(phones=5, rounds=2, registered=(5, 20))
    assert figures.kernel is KERNEL
    assert figures.carrying == 4
    assert figures.octets.keys() == {5, 20}
    assert figures.handling.messages > figures.parsing
    assert all(row.figure > 0 for _, rows in sections(figures) for row in rows)
