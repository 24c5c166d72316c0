"""Directories that take a file, or do not."""

import os
from pathlib import Path

import pytest

from pcscf.net.checks import files
from pcscf.net.checks.finding import Level


def test_a_directory_that_takes_it(tmp_path: Path) -> None:
    (finding,) = files.writable("log.key_file", str(tmp_path / "keys"))
    assert finding.level is Level.OK
    assert not (tmp_path / "keys").exists()


def test_one_that_is_not_there(tmp_path: Path) -> None:
    (finding,) = files.writable("log.key_file", str(tmp_path / "none" / "keys"))
    assert finding.level is Level.ERROR
    assert finding.mends.startswith(f"install -d -m 0750 {tmp_path}/none")


def test_one_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    (finding,) = files.writable("admin.socket", str(tmp_path / "socket"))
    assert (finding.level, finding.mends) == (Level.ERROR, f"chown {os.geteuid()} {tmp_path}")


def test_no_file_no_finding() -> None:
    assert list(files.writable("log.key_file", "")) == []
