"""What Wireshark writes we read, and what we write it reads; about SIP in clear both agree."""

import gzip
from pathlib import Path

import pytest

from pcscf.decode.input.capture import open_capture
from pcscf.decode.input.messages import Messages
from pcscf.decode.input.unwrap import Unwrapper
from pcscf.decode.input.writer import PcapngWriter
from pcscf.decode.model import Frame, SipMessage
from tests.decode import files
from tests.decode.frames import FRAMES, PACKETS, TIME, sip
from tests.decode.wires import PCSCF, UDP, UE, ipv4, udp
from tests.decode.wireshark import convert, merge, tshark


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wireshark") / "original.pcapng"
    path.write_bytes(files.pcapng(files.stored(*FRAMES, time=TIME)))
    return path


def frames(path: Path) -> list[Frame]:
    with open_capture(str(path)) as capture:
        read = list(capture)
    assert capture.notes == []
    return read


def messages(path: Path) -> list[SipMessage]:
    unwrapper, messages, found = Unwrapper(), Messages(), []
    for frame in frames(path):
        packet = unwrapper.frame(frame)
        found += messages.feed(packet) if packet else []
    return found + messages.finish()


@pytest.mark.parametrize("kind", ["pcap", "nsecpcap", "modpcap", "pcapng"])
@pytest.mark.parametrize("packed", [False, True])
def test_what_editcap_writes_is_read(
    original: Path, tmp_path: Path, kind: str, packed: bool
) -> None:
    path = convert(original, kind, tmp_path / "converted")
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    unit = 1 if kind in {"nsecpcap", "pcapng"} else 1000
    expected = [one._replace(time=one.time // unit * unit) for one in frames(original)]
    assert frames(path) == expected


def test_what_editcap_cuts_is_missing(original: Path, tmp_path: Path) -> None:
    path = convert(original, "pcap", tmp_path / "cut", "-s", "64")
    assert [(len(one.data), one.missing) for one in frames(path)] == [
        (min(len(one), 64), max(len(one) - 64, 0)) for one in FRAMES
    ]


def test_what_mergecap_puts_together_is_read(original: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw.pcap"
    raw.write_bytes(
        files.pcap(files.stored(*PACKETS, time=TIME + 500_000), files.RAW, nanoseconds=True)
    )
    merged = frames(merge([original, raw], tmp_path / "merged"))
    assert [one.number for one in merged] == list(range(1, len(FRAMES) + len(PACKETS) + 1))
    assert [one.data for one in merged if one.link == files.EN10MB] == FRAMES
    assert [one.data for one in merged if one.link == files.RAW] == PACKETS
    assert sorted(one.time for one in merged) == [one.time for one in merged]


def test_both_find_the_same_messages_in_the_same_frames(original: Path) -> None:
    ours = [(one.number, one.parsed.call_id) for one in messages(original) if one.parsed]
    seen = tshark(original, "frame.number", "sip.Call-ID", only="sip")
    theirs = [(int(number), call) for number, calls in seen for call in calls.split(",")]
    assert sorted(ours) == sorted(theirs)
    assert len(ours) == 14


def test_what_we_write_is_read_by_wireshark(original: Path, tmp_path: Path) -> None:
    path = tmp_path / "written.pcapng"
    unwrapper = Unwrapper()
    with path.open("wb") as out:
        writer = PcapngWriter(out)
        writer.write_secrets(0x7A7A7A7A, b"anything")
        for frame in frames(original):
            packet = unwrapper.frame(frame)
            if packet is not None and packet.protocol == UDP:
                writer.write_packet(packet, f"frame {frame.number}")
        writer.write_frame(frames(original)[0])
    assert [one[0] for one in tshark(path, "sip.Call-ID", only="sip")] == [
        "plain", "six", "options", "extension", "fragments", "fragments6", "gtp", "gtp6", "ipip",
        "vlan", "qinq", "plain",
    ]  # fmt: skip
    seen = tshark(path, "frame.time_epoch", "ip.src", "ip.dst", "frame.comment")
    assert seen[0] == [f"{TIME // 10**9}.{TIME % 10**9}", UE, PCSCF, "frame 1"]
    assert seen[-1][1:3] == [UE, PCSCF]
    wrong = tshark(path, "frame.number", only="_ws.malformed || ip.len > frame.cap_len")
    assert wrong == []


def test_checksums_are_right_for_wireshark(tmp_path: Path) -> None:
    path = tmp_path / "written.pcapng"
    packet = Unwrapper().ip(1, TIME, ipv4(udp(sip("a"), 5062), options=b"\x94\x04\0\0"))
    assert packet is not None
    with path.open("wb") as out:
        writer = PcapngWriter(out)
        writer.write_packet(packet)
        writer.write_packet(packet._replace(payload=packet.payload + b"xyz"))
    assert tshark(path, "ip.len", "ip.checksum.status") == [
        [str(24 + len(packet.payload)), "1"], [str(27 + len(packet.payload)), "1"],
    ]  # fmt: skip
