import stat
from pathlib import Path

import pytest

from pcscf.decode.output.sinks import is_terminal, opened
from pcscf.errors import PcscfError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_standard_output(capfdbinary) -> None:
    with opened(None, secret=False) as sink:
        sink.write(b"octets\n")
    assert capfdbinary.readouterr().out == b"octets\n"


def test_standard_output_that_the_shell_has_closed(monkeypatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(PcscfError, match="standard output is closed"), opened(None, secret=False):
        pass
    assert not is_terminal(None)


def test_a_file_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("something longer")
    with opened(path, secret=False) as sink:
        sink.write(b"octets")
    assert path.read_bytes() == b"octets"


def test_a_file_with_keys_is_its_owners_alone(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    old.touch(0o666)
    old.chmod(0o666)
    for path in (new, old):
        with opened(path, secret=True):
            assert mode(path) == 0o600
    with opened(tmp_path / "plain", secret=False):
        assert mode(tmp_path / "plain") & 0o044


def test_the_input_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_text("capture")
    (tmp_path / "link").symlink_to(path)
    for inputs in (["-", "nowhere", str(path)], [str(tmp_path / "link")]):
        with (
            pytest.raises(PcscfError, match="is what is to be decoded"),
            opened(path, secret=False, inputs=inputs),
        ):
            pass
    assert path.read_text() == "capture"


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(
            PcscfError, match=r"/none/out: cannot be written: No such file or directory$"
        ),
        opened(tmp_path / "none" / "out", secret=False),
    ):
        pass
