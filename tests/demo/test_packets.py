import socket
import struct
from pathlib import Path

import pytest

from tests.demo.forge import CLEAR, PHONE_CLEAR, REGISTER, framed, pcap, tcp, udp
from tests.demo.packets import TCP, UDP, Packet, load, read


def pieces(whole: Packet, size: int) -> list[Packet]:
    """The fragments of a packet; ``size`` is a multiple of 8."""
    head, body = whole.octets[:20], whole.payload
    made = []
    for start in range(0, len(body), size):
        part = bytearray(head + body[start : start + size])
        more = 0x2000 if start + size < len(body) else 0
        struct.pack_into("!H", part, 2, len(part))
        struct.pack_into("!H", part, 6, more | start // 8)
        made.append(Packet(whole.time, bytes(part)))
    return made


def test_what_a_packet_says() -> None:
    packet = udp(PHONE_CLEAR, CLEAR, REGISTER, at=1.5)
    assert (packet.src, packet.dst, packet.protocol) == (PHONE_CLEAR.host, CLEAR.host, UDP)
    assert packet.ports == (5060, 5060)
    assert packet.payload[8:] == REGISTER
    assert tcp(PHONE_CLEAR, CLEAR, 1).protocol == TCP


def test_padding_of_ethernet_is_cut_off() -> None:
    packet = udp(PHONE_CLEAR, CLEAR, b"x")
    assert read([framed(packet)]) == ([packet], [])


def test_fragments_are_put_together_in_any_order() -> None:
    whole = udp(PHONE_CLEAR, CLEAR, bytes(range(100)))
    for parts in (pieces(whole, 40), pieces(whole, 40)[::-1]):
        (joined,), others = read(map(framed, parts))
        assert joined.payload == whole.payload
        assert joined.ports == (5060, 5060)
        assert others == []


def test_nothing_is_dropped_unseen() -> None:
    """Fragments without their rest and other protocols are shown."""
    lonely = pieces(udp(PHONE_CLEAR, CLEAR, bytes(100)), 40)[1]
    strange = (0.0, bytes(12) + b"\x86\xdd" + bytes(40))
    assert read([framed(lonely), strange]) == ([], [strange[1], lonely.octets])


def ipv6(next_header: int, dst: str, payload: bytes = b"") -> bytes:
    head = struct.pack("!IHBB", 0x60000000, len(payload), next_header, 1)
    addresses = bytes(16) + socket.inet_pton(socket.AF_INET6, dst)
    return bytes(12) + b"\x86\xdd" + head + addresses + payload


HOP_BY_HOP = bytes([58, 0, 5, 2, 0, 0, 1, 0])  # with the router alert of MLD


def test_what_an_interface_says_to_its_link_is_no_traffic() -> None:
    arp = bytes(12) + b"\x08\x06" + bytes(46)
    report = ipv6(0, "ff02::16", HOP_BY_HOP + bytes([143]) + bytes(27))
    solicitation = ipv6(58, "ff02::1:ff00:1", bytes([135]) + bytes(23))
    assert read((0.0, one) for one in (arp, report, solicitation)) == ([], [])


@pytest.mark.parametrize(
    "frame",
    [
        ipv6(17, "ff02::1", b"datagram"),
        ipv6(0, "ff02::1", bytes([17]) + HOP_BY_HOP[1:] + b"datagram"),
        ipv6(58, "2001:db8:1::1", bytes([128]) + bytes(7)),
        ipv6(58, "ff05::2", bytes(8)),
        ipv6(58, "ff02::1")[:18],
    ],
)
def test_other_ipv6_is_not_passed_over(frame: bytes) -> None:
    assert read([(0.0, frame)]) == ([], [frame])


def test_load_reads_what_a_capture_writes(tmp_path: Path) -> None:
    frames = [(1_700_000_000.25, b"frame"), (1_700_000_000.5, b"another")]
    path = tmp_path / "one.pcap"
    path.write_bytes(pcap(*frames))
    assert load(path) == frames
    path.write_bytes(bytes(24))
    with pytest.raises(ValueError, match="no pcap"):
        load(path)
