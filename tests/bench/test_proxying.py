"""The bench of proxying in small: both proxies as processes, on loopback and without ESP."""

import subprocess
from pathlib import Path

import pytest

from tests.bench import proxying
from tests.bench.proxying import OURS, PLAIN, THEIRS, Effort, ProxyFigures
from tests.bench.relays import on_loopback


def test_both_proxies_relay_and_their_cpu_is_counted(tmp_path: Path) -> None:
    figures = proxying.measure(on_loopback(), tmp_path, effort=Effort(2, 300, 100))
    assert figures.cost.keys() == {OURS, THEIRS, PLAIN}
    for name, rounds in figures.cost.items():
        assert len(rounds) == 2
        # A millisecond of CPU for a message would be a proxy at a standstill.
        assert all(0 < cost < 5_000 for cost in rounds), name


def test_ratios_are_of_rounds_side_by_side() -> None:
    figures = ProxyFigures({OURS: [3.0, 8.0, 4.0], THEIRS: [2.0, 2.0, 4.0], PLAIN: [1.0] * 3})
    assert figures.ratios() == [1.0, 1.5, 4.0]
    assert figures.spread() == (1.0, 1.5, 4.0)
    assert figures.spread(PLAIN) == (3.0, 4.0, 8.0)
    assert figures.best(OURS) == 3.0


def test_a_profile_names_our_functions(tmp_path: Path) -> None:
    text = proxying.profile(on_loopback(), tmp_path, messages=500)
    assert "sendto" in text
    assert "message.py" in text


def test_the_kernel_with_esp_is_asked_in_its_own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str | Path]] = []

    def run(command: list[str | Path], **_: object) -> "subprocess.CompletedProcess[str]":
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, '{"cost": {"pcscf": [1.5]}}')

    monkeypatch.setattr(subprocess, "run", run)
    assert proxying.ask(Path("a")) == ProxyFigures({OURS: [1.5]})
    assert str(asked[0][0]).endswith("scripts/with-esp")
    assert asked[0][-2:] == [proxying.__name__, Path("a")]
