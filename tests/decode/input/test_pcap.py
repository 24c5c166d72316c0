import io

import pytest

from pcscf.decode.input.octets import Octets
from pcscf.decode.input.pcap import PcapReader
from pcscf.decode.model import Frame
from pcscf.errors import CaptureError
from tests.decode.files import pcap, stored

FRAMES = stored(b"the first", b"", b"third")
TIME = FRAMES[0][0]


def read(file: bytes) -> tuple[list[Frame], list[str]]:
    reader = PcapReader(Octets(io.BytesIO(file)))
    return list(reader.frames()), reader.notes


@pytest.mark.parametrize("sign", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_every_variant(sign: str, nanoseconds: bool) -> None:
    frames, notes = read(pcap(FRAMES, sign=sign, nanoseconds=nanoseconds))
    assert [(one.time, one.data) for one in frames] == [(one[0], one[1]) for one in FRAMES]
    assert [one.number for one in frames] == [1, 2, 3]
    assert notes == []


@pytest.mark.parametrize("sign", ["<", ">"])
def test_the_modified_format_has_longer_records(sign: str) -> None:
    frames, _ = read(pcap(FRAMES, sign=sign, modified=True))
    assert [one.data for one in frames] == [b"the first", b"", b"third"]


def test_nanoseconds_are_kept() -> None:
    frames, _ = read(pcap([(123_456_789_012_345_678, b"x", 1)], nanoseconds=True))
    assert frames[0].time == 123_456_789_012_345_678


def test_what_the_snap_length_cut_is_counted() -> None:
    frames, _ = read(pcap([(0, b"cut", 90), (0, b"odd", 2)]))
    assert [one.missing for one in frames] == [87, 0]


def test_bits_above_the_link_type_are_none_of_it() -> None:
    assert read(pcap(FRAMES, link=0x2400_0071))[0][0].link == 113


def test_a_truncated_file_is_read_up_to_where_it_breaks() -> None:
    file = pcap(FRAMES)
    for size in range(24, len(file)):
        frames, notes = read(file[:size])
        whole = sum(size >= end for end in (49, 65, 86))
        assert len(frames) == whole
        assert notes == ([f"truncated after frame {whole}"] if size not in {24, 49, 65} else [])


def test_an_absurd_length_ends_it() -> None:
    frames, notes = read(pcap(FRAMES) + bytes(8) + b"\xff" * 8 + bytes(100))
    assert len(frames) == 3
    assert notes == ["damaged after frame 3: a frame of 4294967295 octets"]


def test_more_frames_than_are_read_at_a_time() -> None:
    frames, notes = read(pcap([(at, at.to_bytes(200, "big"), 200) for at in range(20_000)]))
    assert [int.from_bytes(one.data, "big") for one in frames] == list(range(20_000))
    assert notes == []


@pytest.mark.parametrize("file", [b"", pcap([])[:23], bytes(24)])
def test_no_file_header(file: bytes) -> None:
    with pytest.raises(CaptureError):
        PcapReader(Octets(io.BytesIO(file)))
