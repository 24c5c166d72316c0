"""The key log is written where it was asked for, and nobody else can read it."""

import io
import json
import os
import stat
import time

import pytest
import structlog

from pcscf import log
from pcscf.errors import StartError
from pcscf.net.key_log import KeyLog
from tests.net.server_bench import CK, IK, KEYS, SAS
from xfrm.keylog import read_line


@pytest.fixture(autouse=True)
def written():
    """The log so far, as text."""
    stream = io.StringIO()
    log.configure("debug", "json", stream)
    yield stream.getvalue
    structlog.reset_defaults()


def test_each_set_is_a_line_with_the_time_of_its_begin(tmp_path):
    path = tmp_path / "keys"
    for _ in range(2):  # a restart appends
        before = time.time_ns()
        subject = KeyLog(str(path))
        subject.write(SAS, KEYS)
        subject.close()
    *_, last = path.read_text().splitlines()
    sas = read_line(last)
    assert len(path.read_text().splitlines()) == 2
    assert {sa.keys for sa in sas} == {SAS.suite.keys(KEYS)}
    assert all(sa.time is not None and before <= sa.time <= time.time_ns() for sa in sas)


def test_the_file_is_for_its_owner_alone_whatever_the_umask(tmp_path):
    path = tmp_path / "keys"
    old = os.umask(0)
    try:
        KeyLog(str(path)).close()
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_its_use_is_warned_of(tmp_path, written):
    KeyLog(str(tmp_path / "keys")).close()
    (line,) = written().splitlines()
    event = json.loads(line)
    assert (event["event"], event["level"]) == ("keys_are_logged", "warning")
    assert event["file"] == str(tmp_path / "keys")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_may_read_or_write_is_refused(tmp_path, mode):
    path = tmp_path / "keys"
    path.touch()
    path.chmod(mode)
    with pytest.raises(StartError, match=rf"log.key_file: {path}: .* by others: chmod 600"):
        KeyLog(str(path))


def test_a_link_is_not_followed_and_a_pipe_not_waited_for(tmp_path):
    (tmp_path / "target").touch(mode=0o600)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", "pipe"):
        with pytest.raises(StartError, match=f"log.key_file: {tmp_path}/{name}: "):
            KeyLog(str(tmp_path / name))


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(StartError, match="no regular file"):
        KeyLog("/dev/null")
    with pytest.raises(StartError, match="Is a directory"):
        KeyLog(str(tmp_path))
    with pytest.raises(StartError, match="No such file"):
        KeyLog(str(tmp_path / "none" / "keys"))


def test_a_file_of_another_user_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "keys"
    path.touch(mode=0o600)
    someone_else = os.geteuid() + 1
    monkeypatch.setattr("os.geteuid", lambda: someone_else)
    with pytest.raises(StartError, match="belongs to another user"):
        KeyLog(str(path))


def test_a_full_disk_is_told_once_and_harms_no_registration(tmp_path, written, monkeypatch):
    subject = KeyLog(str(tmp_path / "keys"))
    monkeypatch.setattr(subject, "_descriptor", os.open("/dev/full", os.O_WRONLY))
    for _ in range(3):
        subject.write(SAS, KEYS)
    _, failed = written().splitlines()
    assert json.loads(failed)["event"] == "key_log_failed"
    assert CK.hex() not in written()
    assert IK.hex() not in written()
    subject.close()
