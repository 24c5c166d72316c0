"""What the README shows is what there is."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pcscf import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
SESSION = re.compile(r"^    \$ pcscf (?P<words>.+)\n(?P<shown>(?:    .+\n|\n)+)", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
LEFT_OUT = "..."

SESSIONS = [(found["words"], found["shown"]) for found in SESSION.finditer(README)]


def passages(shown: str) -> list[str]:
    """Give what stands between the marks of what was left out."""
    lines = [line.removeprefix("    ") for line in shown.splitlines()]
    parts = re.split(rf"^{re.escape(LEFT_OUT)}$", "\n".join(lines), flags=re.MULTILINE)
    return [part.strip("\n") for part in parts if part.strip("\n")]


@pytest.mark.parametrize(("words", "shown"), SESSIONS, ids=[words for words, _ in SESSIONS])
def test_a_command_prints_what_is_shown(
    monkeypatch: pytest.MonkeyPatch, words: str, shown: str
) -> None:
    monkeypatch.chdir(ROOT)
    printed = CliRunner().invoke(cli.app, words.split()).stdout
    at = 0
    for passage in passages(shown):
        found = f"\n{printed}".find(f"\n{passage}\n", at)
        assert found >= 0, f"not printed, or in another order:\n{passage}"
        at = found + len(passage)
    if LEFT_OUT not in shown.splitlines()[0]:
        assert printed.startswith(passages(shown)[0])


def test_there_is_something_to_see() -> None:
    assert any("gm.pcap" in words and "core.pcap" in words for words, _ in SESSIONS)
    assert all("ESP packets" in shown for _, shown in SESSIONS)


def test_what_is_linked_is_there() -> None:
    links = LINK.findall(README)
    assert "docs/decode.png" in links
    assert [link for link in links if not (ROOT / link).is_file()] == []
