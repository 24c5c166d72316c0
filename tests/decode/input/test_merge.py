import struct
from pathlib import Path

from pcscf.decode.input.capture import FileCapture, open_capture
from pcscf.decode.input.merge import merged
from tests.decode.fake_decoder import write_pcap


def nothing(kind: int, data: bytes) -> None:
    raise AssertionError


def test_one_capture_keeps_its_numbers_and_its_order(tmp_path: Path) -> None:
    with open_capture(str(write_pcap(tmp_path / "a", [(3, b"x"), (1, b"y")]))) as capture:
        assert [(one.number, one.data) for one in merged([capture], nothing)] == [
            (1, b"x"), (2, b"y"),
        ]  # fmt: skip


def test_several_are_read_in_the_order_of_time(tmp_path: Path) -> None:
    first = write_pcap(tmp_path / "a", [(1, b"a"), (4, b"b")])
    second = write_pcap(tmp_path / "b", [(2, b"c"), (3, b"d"), (9, b"e")])
    captures = [open_capture(str(path)) for path in (first, second)]
    assert [(one.number, one.data) for one in merged(captures, nothing)] == [
        (1, b"a"), (2, b"c"), (3, b"d"), (4, b"b"), (5, b"e"),
    ]  # fmt: skip
    for capture in captures:
        capture.close()


def block(kind: int, body: bytes) -> bytes:
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def test_secrets_come_before_the_frames_behind_them(tmp_path: Path) -> None:
    packet = block(6, struct.pack("<IIIII", 0, 0, 0, 4, 4) + b"data")
    (tmp_path / "a").write_bytes(
        block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
        + block(1, struct.pack("<HHI", 101, 0, 0))
        + packet
        + block(10, struct.pack("<II", 7, 4) + b"keys")
        + packet
    )
    capture: FileCapture = open_capture(str(tmp_path / "a"))
    told: list[object] = []
    frames = merged([capture], lambda kind, data: told.append((kind, data)))
    told.append(next(frames).number)
    told.append(next(frames).number)
    capture.close()
    assert told == [1, (7, b"keys"), 2]
