"""Files with secrets are opened where they are ours alone; elsewhere it is said why not."""

import os
import stat
from pathlib import Path

import pytest

from pcscf.private_file import open_private

WRITE = os.O_RDWR | os.O_CREAT


def refusal(path, flags: int) -> str | None:
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its text is what is looked at
        open_private(str(path), flags)
    return caught.value.strerror


@pytest.fixture
def owned(tmp_path: Path, monkeypatch):
    """Make a file of another user's, as the kernel would tell of it."""

    def make(owner: int, mode: int) -> Path:
        path = tmp_path / "file"
        path.touch()
        path.chmod(mode)
        status = list(path.stat())
        status[stat.ST_UID] = owner
        monkeypatch.setattr("os.fstat", lambda _: os.stat_result(status))
        monkeypatch.setattr("os.geteuid", lambda: 1000)
        return path

    return make


def test_a_new_file_is_for_its_owner_alone_whatever_the_umask(tmp_path) -> None:
    old = os.umask(0)
    try:
        os.close(open_private(str(tmp_path / "new"), WRITE))
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600


def test_it_is_not_handed_on_to_other_programs(tmp_path) -> None:
    descriptor = open_private(str(tmp_path / "new"), WRITE)
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


@pytest.mark.parametrize("flags", [os.O_RDONLY, WRITE])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601])
def test_access_of_others_is_refused(tmp_path, mode: int, flags: int) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(mode)
    assert refusal(path, flags) == "can be read or written by others: chmod 600"


def test_a_link_is_read_through_but_not_written_through(tmp_path) -> None:
    (tmp_path / "target").touch(mode=0o600)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.close(open_private(str(tmp_path / "link"), os.O_RDONLY))
    assert refusal(tmp_path / "link", WRITE) == "Too many levels of symbolic links"


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert refusal(tmp_path / "pipe", os.O_RDONLY) == "is no regular file"
    assert refusal(tmp_path, os.O_RDONLY) == "is no regular file"


@pytest.mark.parametrize(
    ("owner", "mode", "flags", "expected"),
    [
        (1, 0o600, os.O_RDONLY, "belongs to another user"),
        (0, 0o600, WRITE, "belongs to another user"),
        (0, 0o444, os.O_RDONLY, "can be read or written by others: chmod 600"),
        (0, 0o460, os.O_RDONLY, "can be read or written by others: chmod 600"),
    ],
)
def test_a_file_of_another_user_is_refused(owned, owner, mode, flags, expected) -> None:
    assert refusal(owned(owner, mode), flags) == expected


def test_roots_file_may_be_read_as_one_of_its_group(owned) -> None:
    """That is how a container is handed a secret."""
    os.close(open_private(str(owned(0, 0o440)), os.O_RDONLY))
