"""Whether an upgrade can be: asked before anything ends, and refused in a line."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pcscf.net import upgrade
from pcscf.net.upgrade import Upgrade, in_the_way, misreads
from pcscf.store.writer import State
from tests.minimal import MINIMAL
from tests.net.support import looped, settings, until

OK = State("ok", "", 0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pcscf.toml"
    path.write_text(MINIMAL)
    return path


@pytest.fixture(autouse=True)
def _as_a_module(monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "pcscf", "run"])


@pytest.fixture
def becomes(tmp_path, monkeypatch) -> Callable[[str], None]:
    """Have another program in the place of this one."""
    script = tmp_path / "pcscf"

    def put(text: str) -> None:
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)
        monkeypatch.setattr(sys, "orig_argv", ["python", str(script), "run"])

    return put


@looped
async def test_a_program_that_reads_its_settings_is_taken(file):
    assert await misreads(file) == ""


@looped
async def test_what_the_new_program_says_of_its_settings_is_told(file):
    file.write_text(MINIMAL.replace("192.0.2.1", "here"))
    assert "gm.addresses[1]" in await misreads(file)


@looped
async def test_a_program_that_does_not_run_is_told(tmp_path, file, becomes, monkeypatch):
    becomes("echo $*; echo two >&2; exit 3")
    assert await misreads(file) == "two"
    becomes("echo $*; exit 2")
    assert await misreads(file) == f"check-config --settings-only {file}"
    becomes("exit 3")
    assert await misreads(file) == "the new program fails"
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "pcscf", "run"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    assert await misreads(file) == f"{tmp_path}/nothing: No such file or directory"


@looped
async def test_a_program_that_does_not_end_is_ended(tmp_path, file, becomes, monkeypatch):
    monkeypatch.setattr(upgrade, "_PATIENCE", 0.1)
    becomes(f"echo $$ > {tmp_path}/pid; sleep 99")
    assert await misreads(file) == "the new program has not read its settings within 0.1 s"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize(
    ("kind", "state", "reason"),
    [
        ("none", None, "without a store all phones would be forgotten: see store.key_file"),
        ("sqlite", State("down", "disk is full", 0), "the store is down: disk is full"),
        ("sqlite", State("behind", "7 wait", 0), "the store is behind: 7 wait"),
        ("sqlite", OK, ""),
        (
            "valkey",
            OK,
            "instances share the store: stop this one (SIGTERM), and another one goes on",
        ),
    ],
)
def test_phones_must_not_notice(kind, state, reason):
    store = {"kind": kind, "key_file": "/keys", "url": "valkey://127.0.0.1:1/0"}
    assert in_the_way(settings(store=store), state) == reason


@looped
async def test_it_is_wanted_once_nothing_is_in_the_way(file, written):
    reasons = ["a reason", ""]
    subject = Upgrade(file, lambda: reasons.pop(0))
    subject.ask()
    subject.ask()  # meanwhile
    await until(written)
    assert [(line["event"], line["reason"]) for line in written()] == [
        ("upgrade_refused", "a reason")
    ]
    assert (reasons, subject.wanted.is_set()) == ([""], False)
    subject.ask()
    await subject.wanted.wait()
    assert (written()[-1]["event"], written()[-1]["program"]) == ("upgrading", sys.executable)
    await subject.close()


@looped
async def test_who_ends_meanwhile_waits_for_no_trial(file, becomes):
    becomes("exec sleep 99")
    subject = Upgrade(file, str)
    await subject.close()
    subject.ask()
    await asyncio.sleep(0.05)
    await subject.close()
    assert not subject.wanted.is_set()
