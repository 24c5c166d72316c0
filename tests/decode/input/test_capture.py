import gzip
import os
import threading
from pathlib import Path

import pytest

from pcscf.decode.input.capture import open_capture
from pcscf.decode.input.reader import Secret
from pcscf.errors import CaptureError
from tests.decode.files import pcap, pcapng, secrets, section, stored

FRAMES = stored(b"one", b"two")
DATA = [b"one", b"two"]
FORMATS = [pcap(FRAMES), pcap(FRAMES, sign=">"), pcapng(FRAMES), pcapng(FRAMES, sign=">")]


@pytest.mark.parametrize("file", FORMATS + [gzip.compress(one) for one in FORMATS])
def test_formats_are_recognised(tmp_path: Path, file: bytes) -> None:
    path = tmp_path / "capture"
    path.write_bytes(file)
    with open_capture(str(path)) as capture:
        assert capture.progress.size == len(file)
        assert [one.data for one in capture] == DATA
        assert capture.notes == []
        assert capture.progress == (len(file), len(file))


def test_secrets_and_notes_grow_while_frames_are_read(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(section() + secrets(7, b"abcd") + pcapng(FRAMES)[:-1])
    with open_capture(str(path)) as capture:
        assert (capture.secrets, capture.notes) == ([], [])
        assert [one.data for one in capture] == [b"one"]
        assert capture.secrets == [Secret(7, b"abcd")]
        assert capture.notes == ["truncated after frame 1"]


def test_frames_of_a_pipe_come_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    file = pcap(FRAMES)
    writer = threading.Thread(target=path.write_bytes, args=(file[:50],))
    writer.start()
    with path.open("rb+", buffering=0) as held, open_capture(str(path)) as capture:
        assert capture.progress.size is None
        frames = iter(capture)
        assert next(frames).data == b"one"
        held.write(file[50:])
        assert next(frames).data == b"two"
    writer.join()


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcapng(FRAMES))
    with path.open("rb") as stdin:
        monkeypatch.setattr("pcscf.decode.input.capture._STDIN", stdin.fileno())
        with open_capture("-") as capture:
            assert [one.data for one in capture] == DATA
        os.fstat(stdin.fileno())  # it is not ours to close


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (b"", "the file is empty"),
        (b"GIF89a", "no pcap or pcapng file"),
        (b"\xd4", "no pcap or pcapng file"),
        (pcap([])[:20], "the file header is incomplete"),
        (section()[:20], "the section header is incomplete"),
        (gzip.compress(b"text"), "no pcap or pcapng file"),
        (gzip.compress(b""), "the file is empty"),
        (gzip.compress(pcap([]))[:12], "truncated gzip"),
        (b"\x1f\x8bnot gzip", "damaged gzip"),
    ],
)
def test_what_cannot_be_read_at_all(tmp_path: Path, file: bytes, reason: str) -> None:
    path = tmp_path / "capture"
    path.write_bytes(file)
    with pytest.raises(CaptureError) as error:
        open_capture(str(path))
    assert str(error.value) == f"{path}: {reason}"


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"/none: No such file or directory$"):
        open_capture(str(tmp_path / "none"))
    with pytest.raises(CaptureError, match=r": Is a directory$"):
        open_capture(str(tmp_path))
    with pytest.raises(CaptureError, match=r": there can be no such file$"):
        open_capture("a\0b")
    with pytest.raises(CaptureError) as error:
        open_capture("new\nline\udcff")
    assert str(error.value) == "'new\\nline\\udcff': No such file or directory"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_file_that_is_left_early_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(b"no capture")
    before = open_files()
    with pytest.raises(CaptureError):
        open_capture(str(path))
    path.write_bytes(FORMATS[0])
    with open_capture(str(path)) as capture:
        next(iter(capture))
    assert open_files() == before
