"""What Wireshark writes we read, and what we write it reads; about SIP in clear both agree."""

import gzip
from pathlib import Path

import pytest

from pcscf.decode.capture import open_capture
from pcscf.decode.messages import Messages
from pcscf.decode.model import Frame, SipMessage
from pcscf.decode.unwrap import Unwrapper
from pcscf.decode.writer import PcapngWriter
from tests.decode import files
from tests.decode.wires import (
    ESP,
    PCSCF,
    SYN,
    TCP,
    UDP,
    UE,
    esp,
    ethernet,
    extension,
    fragments4,
    fragments6,
    gtp,
    ipv4,
    ipv6,
    tcp,
    udp,
)
from tests.decode.wireshark import convert, merge, tshark

TIME = 1_700_000_000_123_456_789


def sip(call: str, body: int = 0) -> bytes:
    head = f"MESSAGE sip:b@example SIP/2.0\r\nCall-ID: {call}\r\nCSeq: 1 MESSAGE\r\n"
    return f"{head}Content-Length: {body}\r\n\r\n".encode() + b"x" * body


def in_a_stream(data: bytes, first: int = 1000) -> list[bytes]:
    """A connection's segments, of 300 octets each."""
    segments = [tcp(b"", first - 1, SYN)]
    segments += [tcp(data[at : at + 300], first + at) for at in range(0, len(data), 300)]
    return [ipv4(one, TCP) for one in segments]


STREAM = in_a_stream(sip("tcp-1", 700) + sip("tcp-2") + sip("tcp-3", 200))
PACKETS = [
    ipv4(udp(sip("plain"))),
    ipv6(udp(sip("six"))),
    ipv4(udp(sip("options")), options=b"\x94\x04\0\0"),
    ipv6(extension(UDP, udp(sip("extension"))), 60),
    *fragments4(udp(sip("fragments", 2000)), 800, ident=5),
    *fragments6(udp(sip("fragments6", 2000)), 800, ident=5),
    ipv4(udp(gtp(ipv4(udp(sip("gtp")))), 2152, 2152), src="10.0.0.1"),
    ipv4(udp(gtp(ipv6(udp(sip("gtp6"))), sequence=True, extensions=(b"\x85\0\0",)), 2152, 2152)),
    ipv4(ipv4(udp(sip("ipip"))), 4),
    ipv4(udp(b"\x80\x08" + bytes(170), 4000, 4002)),
    *STREAM[:3],
    STREAM[4],
    STREAM[3],
    STREAM[4],
    *STREAM[5:],
    ipv4(esp(), ESP),
]
FRAMES = [ethernet(one) for one in PACKETS] + [
    ethernet(ipv4(udp(sip("vlan"))), (0x8100,)),
    ethernet(ipv4(udp(sip("qinq"))), (0x88A8, 0x8100)),
]


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
