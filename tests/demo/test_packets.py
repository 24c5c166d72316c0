import struct
from pathlib import Path

import pytest

from tests.demo.forge import CLEAR, PHONE_CLEAR, REGISTER, framed, tcp, udp
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
    """Only ARP: fragments without their rest and other protocols are shown."""
    lonely = pieces(udp(PHONE_CLEAR, CLEAR, bytes(100)), 40)[1]
    strange = (0.0, bytes(12) + b"\x86\xdd" + bytes(40))
    arp = (0.0, bytes(12) + b"\x08\x06" + bytes(46))
    assert read([framed(lonely), strange, arp]) == ([], [strange[1], lonely.octets])


def test_load_reads_what_a_capture_writes(tmp_path: Path) -> None:
    time, frame = 1_700_000_000.25, b"frame"
    header = struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
    record = struct.pack("=IIII", int(time), 250_000_000, len(frame), len(frame)) + frame
    path = tmp_path / "one.pcap"
    path.write_bytes(header + record + record)
    assert load(path) == [(time, frame)] * 2
    path.write_bytes(bytes(24))
    with pytest.raises(ValueError, match="no pcap"):
        load(path)
