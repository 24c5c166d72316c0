"""The file of keys: what is read, what is refused in which words, and how keys are added."""

import os
import stat
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pcscf.errors import SealError
from pcscf.store.key_file import add_key, read_keys

NOW = datetime(2031, 5, 7, tzinfo=UTC)
ONE = f"one {b64encode(bytes(range(32))).decode()}\n"
TWO = f"two {b64encode(bytes(range(32, 64))).decode()}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def write(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def refusal(path: Path) -> str:
    with pytest.raises(SealError) as caught:
        read_keys(str(path))
    return str(caught.value).removeprefix(f"{path}: ")


def test_keys_are_read_in_their_order(path) -> None:
    keys = read_keys(write(path, f"# of May\n\n{TWO}  {ONE}"))
    assert [(key.id, key.secret) for key in keys] == [
        ("two", bytes(range(32, 64))),
        ("one", bytes(range(32))),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{ONE}{ONE}", "line 2: a second key of the same id"),
        (f"\n# c\n{ONE.strip()}x\n", "line 3: not an id and 32 octets in base64"),
        ("one AAAA\n", "line 1: not an id and 32 octets in base64"),
        (ONE.replace(" ", ""), "line 1: not an id and 32 octets in base64"),
        ("o/ne" + ONE[3:], "line 1: not an id and 32 octets in base64"),
        ("a" * 33 + ONE[3:], "line 1: not an id and 32 octets in base64"),
    ],
)
def test_a_line_that_is_no_key_is_named_and_not_shown(path, text: str, words: str) -> None:
    write(path, text)
    assert refusal(path) == words


def test_a_file_without_keys_says_how_to_make_one(path) -> None:
    assert refusal(path) == f"there is no such file: pcscf store new-key {path}"
    write(path, "# none\n")
    assert refusal(path) == f"holds no key: pcscf store new-key {path}"


def test_a_file_that_others_may_read_is_refused(path) -> None:
    write(path, ONE)
    path.chmod(0o644)
    assert refusal(path) == "can be read or written by others: chmod 600"


def test_a_file_of_anything_is_refused_without_reading_it_all(path) -> None:
    write(path, "#" * 70_000)
    assert refusal(path) == "too large for a file of keys"
    path.write_bytes(bytes(range(256)))
    assert refusal(path).startswith("line ")


def test_a_new_file_has_one_key_and_is_for_its_owner_alone(path) -> None:
    old = os.umask(0)
    try:
        key = add_key(str(path), NOW)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (read,) = read_keys(str(path))
    assert (read.id, read.secret) == (key.id, key.secret)
    assert key.id.startswith("2031-05-07.")
    assert len(set(key.secret)) > 8


def test_a_further_key_comes_first_and_the_others_stay_as_they_are(path) -> None:
    write(path, f"# of May\n{TWO}{ONE}".rstrip())
    added = add_key(str(path), NOW)
    assert [key.id for key in read_keys(str(path))] == [added.id, "two", "one"]
    assert path.read_text().startswith("# of May\n")
    last = add_key(str(path), NOW, last=True)
    assert [key.id for key in read_keys(str(path))] == [added.id, "two", "one", last.id]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_empty_file_gets_its_first_key(path) -> None:
    write(path, "")
    assert [add_key(str(path), NOW).id] == [key.id for key in read_keys(str(path))]


def test_a_link_stays_a_link(tmp_path, path) -> None:
    (tmp_path / "link").symlink_to(path)
    write(path, ONE)
    add_key(str(tmp_path / "link"), NOW)
    assert (tmp_path / "link").is_symlink()
    assert len(read_keys(str(path))) == 2


def test_what_cannot_be_read_is_not_written_over(path) -> None:
    write(path, "passwords of mine\n")
    with pytest.raises(SealError, match="line 1: not an id"):
        add_key(str(path), NOW)
    assert path.read_text() == "passwords of mine\n"


def test_a_key_that_cannot_be_written_leaves_the_file_as_it_was(path, monkeypatch) -> None:
    write(path, ONE)

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(SealError, match="No space left on device"):
        add_key(str(path), NOW)
    assert path.read_text() == ONE
    assert [each.name for each in path.parent.iterdir()] == ["keys"]


def test_a_directory_that_is_not_there_is_told(tmp_path) -> None:
    with pytest.raises(SealError, match="No such file or directory"):
        add_key(str(tmp_path / "none" / "keys"), NOW)
