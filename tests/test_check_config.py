"""``pcscf check-config`` as it is read: by people, by a script, and by its exit status."""

import io
import json
import sys
from pathlib import Path

import pytest

from pcscf import check_config
from pcscf.check_config import check
from pcscf.net.checks.finding import Finding, error, ok, warning
from tests.minimal import MINIMAL

FINE = ok("ESP", "the kernel has all")
SLOW = warning("next hops", "no answer", "starting it")
LACKING = error("addresses", "192.0.2.1 is on no interface", "ip address add 192.0.2.1/24 dev eth0")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pcscf.toml"
    path.write_text(MINIMAL)
    return path


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the checks find, to be filled by a test."""
    found: list[Finding] = []
    monkeypatch.setattr(check_config, "look", lambda _: found)
    return found


@pytest.mark.parametrize(
    ("found", "status", "summary"),
    [
        ([FINE], 0, "ok, and this machine has all of it"),
        ([FINE, SLOW], 0, "ok, it would start; 1 warning"),
        ([SLOW, LACKING, LACKING], 1, "ok, but this machine lacks something: 2 errors"),
    ],
)
def test_the_status_and_the_last_line_say_it_all(
    file: Path,
    machine: list[Finding],
    capsys: pytest.CaptureFixture[str],
    *,
    found: list[Finding],
    status: int,
    summary: str,
) -> None:
    machine += found
    assert check(file) == status
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"{file}: {summary}"
    assert len(lines) == len(found) + 1


def test_a_line_has_level_aspect_and_what_mends(
    file: Path, machine: list[Finding], capsys: pytest.CaptureFixture[str]
) -> None:
    machine += [FINE, LACKING]
    check(file)
    assert capsys.readouterr().out.splitlines()[:2] == [
        "ok      ESP: the kernel has all",
        "error   addresses: 192.0.2.1 is on no interface "
        "(mended by: ip address add 192.0.2.1/24 dev eth0)",
    ]


def test_at_a_terminal_it_is_a_table(
    file: Path, machine: list[Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    machine.append(LACKING)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    assert check(file) == 1
    shown = terminal.getvalue()
    assert "ip address add 192.0.2.1/24 dev eth0" in shown
    assert "\x1b[" in shown
    assert "mended by" not in shown


def test_json_for_scripts(
    file: Path, machine: list[Finding], capsys: pytest.CaptureFixture[str]
) -> None:
    machine += [FINE, LACKING]
    assert check(file, as_json=True) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["settings"] == []
    assert answer["machine"][1] == {
        "level": "error",
        "about": "addresses",
        "text": LACKING.text,
        "mends": LACKING.mends,
    }


def test_wrong_settings_are_status_2_and_the_machine_is_not_looked_at(
    file: Path, machine: list[Finding], capsys: pytest.CaptureFixture[str]
) -> None:
    machine.append(FINE)
    file.write_text(MINIMAL + "[gaurd]\n")
    assert check(file) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"{file}: gaurd: unknown key\n")
    assert check(file, as_json=True) == 2
    said = capsys.readouterr()
    assert json.loads(said.out) == {"settings": [f"{file}: gaurd: unknown key"], "machine": []}


def test_the_settings_only(
    file: Path, machine: list[Finding], capsys: pytest.CaptureFixture[str]
) -> None:
    machine.append(LACKING)
    assert check(file, settings_only=True) == 0
    assert capsys.readouterr().out == f"{file}: ok\n"
