import io
import struct

import pytest

from pcscf.decode.input import pcapng as module
from pcscf.decode.input.octets import Octets
from pcscf.decode.input.pcapng import PcapngReader
from pcscf.decode.input.reader import Secret
from pcscf.decode.model import Frame
from pcscf.errors import CaptureError
from tests.decode.files import (
    block,
    enhanced,
    interface,
    obsolete,
    option,
    pcapng,
    secrets,
    section,
    simple,
    stored,
)

FRAMES = stored(b"the first", b"", b"third")


def open_file(file: bytes) -> PcapngReader:
    return PcapngReader(Octets(io.BytesIO(file)))


def read(file: bytes) -> tuple[list[Frame], list[str]]:
    reader = open_file(file)
    return list(reader.frames()), reader.notes


@pytest.mark.parametrize("sign", ["<", ">"])
def test_both_byte_orders(sign: str) -> None:
    frames, notes = read(pcapng(FRAMES, sign=sign))
    assert [(one.number, one.time, one.data) for one in frames] == [
        (at, time, data) for at, (time, data, _) in enumerate(FRAMES, 1)
    ]
    assert notes == []


@pytest.mark.parametrize(
    ("resolution", "offset", "ticks", "time"),
    [
        (None, None, 1_500_000, 1_500_000_000),
        (6, None, 1_500_000, 1_500_000_000),
        (9, None, 1_500_000_007, 1_500_000_007),
        (3, None, 1_500, 1_500_000_000),
        (0, None, 7, 7_000_000_000),
        (12, None, 1_500_000_000_999, 1_500_000_000),
        (0x80 | 20, None, 3 << 19, 1_500_000_000),
        (0x80, None, 7, 7_000_000_000),
        (9, 1_700_000_000, 5, 1_700_000_000_000_000_005),
        (9, -2, 3_000_000_000, 1_000_000_000),
        (9, -2, 1, 0),  # no time before 1970
        (0, 1 << 62, 1 << 62, (1 << 63) - 1),  # nor after 2262
        (127, None, 1 << 62, 0),
        (255, None, 1 << 62, 0),
    ],
)
def test_times_of_any_resolution_and_offset(
    resolution: int | None, offset: int | None, ticks: int, time: int
) -> None:
    described = interface(resolution=resolution, offset=offset)
    frames, _ = read(section() + described + enhanced(ticks, b"x"))
    assert [one.time for one in frames] == [time]


def test_several_interfaces_and_sections() -> None:
    frames, notes = read(
        section()
        + interface(1)
        + interface(101, resolution=9)
        + enhanced(1, b"a", index=1)
        + enhanced(1, b"b")
        + section(">")
        + interface(113, ">")
        + enhanced(2, b"c", ">")
    )
    assert [(one.number, one.link, one.time, one.data) for one in frames] == [
        (1, 101, 1, b"a"),
        (2, 1, 1000, b"b"),
        (3, 113, 2000, b"c"),
    ]
    assert notes == []


def test_blocks_of_the_older_kinds() -> None:
    frames, notes = read(
        section()
        + interface(snap=4)
        + obsolete(5, b"obsolete")
        + simple(b"simp", original=6)
        + simple(b"abc")
    )
    assert [(one.time, one.data, one.missing) for one in frames] == [
        (5000, b"obsolete", 0),
        (5000, b"simp", 2),
        (5000, b"abc", 0),
    ]
    assert notes == []


def test_what_the_snap_length_cut_is_counted() -> None:
    frames, _ = read(section() + interface() + enhanced(0, b"cut", original=90))
    assert frames[0].missing == 87


def test_unknown_blocks_and_options_are_passed_over() -> None:
    frames, notes = read(
        section()
        + block(4, b"names")
        + block(0x80000BAD, bytes(5000))
        + interface()
        + block(5, bytes(12))
        + enhanced(0, b"x", options=option(1, b"a comment") + option(0, b""))
        + block(0x0BAD, b"")
    )
    assert ([one.data for one in frames], notes) == ([b"x"], [])


def test_secrets_are_kept() -> None:
    reader = open_file(
        section() + secrets(0x544C534B, b"first") + interface() + secrets(7, b"second!!")
    )
    assert list(reader.frames()) == []
    assert reader.secrets == [Secret(0x544C534B, b"first"), Secret(7, b"second!!")]


def test_secrets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_SECRETS", 10)
    reader = open_file(section() + secrets(1, b"12345678") * 3)
    list(reader.frames())
    assert [one.data for one in reader.secrets] == [b"12345678"]
    assert reader.notes == ["secrets beyond 10 octets were left out"]


def test_interfaces_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_INTERFACES", 2)
    assert read(section() + interface() * 3)[1] == ["damaged after frame 0: too many interfaces"]


def test_frames_of_an_unknown_interface_are_left_out() -> None:
    frames, notes = read(
        section()
        + simple(b"x")
        + interface()
        + enhanced(0, b"y", index=1)
        + enhanced(0, b"z")
        + section()
        + enhanced(0, b"of the section before")
    )
    assert [one.data for one in frames] == [b"z"]
    assert notes == ["frames of an interface that is not described were left out"]


def test_a_truncated_file_is_read_up_to_where_it_breaks() -> None:
    file = pcapng(FRAMES)
    ends = [len(pcapng(FRAMES[:count])) for count in range(4)]
    for size in range(len(section()), len(file)):
        frames, notes = read(file[:size])
        assert len(frames) == sum(size >= end for end in ends[1:])
        boundary = size in {*ends, len(section())}
        assert notes == ([] if boundary else [f"truncated after frame {len(frames)}"])


def edited(file: bytes, place: int, value: int) -> bytes:
    return file[:place] + struct.pack("<I", value) + file[place + 4 :]


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (edited(block(6, bytes(32)), 4, 8), "a block of 8 octets"),
        (edited(block(6, bytes(32)), 4, 45), "a block of 45 octets"),
        (edited(block(6, bytes(32)), 4, 0xFFFFFFF0), "a block of 4294967280 octets"),
        (edited(block(6, bytes(32)), 40, 48), "the two lengths of a block differ"),
        (block(6, bytes(8)), "a block too short for its kind"),
        (edited(enhanced(0, b"x"), 20, 90), "a frame of 90 octets"),
        (enhanced(0, bytes(300_000)), "a frame of 300000 octets"),
        (block(10, struct.pack("<II", 1, 90)), "secrets of 90 octets"),
        (b"\x0a\x0d\x0d\x0a" + bytes(24), "a section header without byte order"),
    ],
)
def test_what_is_not_as_it_should_be_ends_it(tail: bytes, reason: str) -> None:
    frames, notes = read(pcapng(FRAMES) + tail + pcapng(FRAMES))
    assert len(frames) == 3
    assert notes == [f"damaged after frame 3: {reason}"]


def test_a_block_larger_than_what_is_read_at_a_time() -> None:
    frames, notes = read(section() + block(0x0BAD, bytes(5 << 20)) + interface() + simple(b"abc"))
    assert ([one.data for one in frames], notes) == ([b"abc"], [])


@pytest.mark.parametrize("file", [b"", section()[:27], block(0x0A0D0D0A, bytes(16))])
def test_no_section_header(file: bytes) -> None:
    with pytest.raises(CaptureError):
        open_file(file)
