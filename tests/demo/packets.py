"""From a pcap file to whole IPv4 packets. Nothing is dropped unseen."""

import socket
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

TCP, UDP, ESP = 6, 17, 50  # IP protocol numbers
ETHERTYPE_IPV4, ETHERTYPE_ARP, ETHERTYPE_IPV6 = 0x0800, 0x0806, 0x86DD
_ETHERNET, _IPV6 = 14, 40  # octets of header
_HOP_BY_HOP, _ICMPV6 = b"\0", b":"  # next headers 0 and 58
_LINK_MULTICAST = b"\xff\x02"  # ff02::/16, which no router passes on
_MORE_FRAGMENTS, _OFFSET = 0x2000, 0x1FFF  # RFC 791: flags and offset, in units of 8 octets
_NANOSECOND_PCAP = 0xA1B23C4D

Frame = tuple[float, bytes]


class Packet(NamedTuple):
    """One IPv4 packet, from its header on, and when it was seen (seconds since 1970)."""

    time: float
    octets: bytes

    @property
    def src(self) -> str:
        """The source address."""
        return socket.inet_ntoa(self.octets[12:16])

    @property
    def dst(self) -> str:
        """The destination address."""
        return socket.inet_ntoa(self.octets[16:20])

    @property
    def protocol(self) -> int:
        """What the payload is."""
        return self.octets[9]

    @property
    def payload(self) -> bytes:
        """All behind the IP header."""
        return self.octets[(self.octets[0] & 15) * 4 :]

    @property
    def ports(self) -> tuple[int, int] | None:
        """Source and destination port; None if it is neither UDP nor TCP."""
        if self.protocol not in {UDP, TCP} or len(self.payload) < 4:
            return None
        src, dst = struct.unpack_from("!HH", self.payload)
        return src, dst


class Traffic(NamedTuple):
    """What crossed a link; ``others`` are frames that gave no packet, ARP and its like left out."""

    packets: list[Packet]
    others: list[bytes]


def load(path: Path) -> list[Frame]:
    """Read the frames of a pcap file with nanosecond times, as ``Capture.write`` makes it."""
    data = path.read_bytes()
    if struct.unpack_from("=I", data) != (_NANOSECOND_PCAP,):
        raise ValueError(f"{path} is no pcap file of ours")
    return list(_frames(data))


def _frames(data: bytes) -> Iterator[Frame]:
    at = 24
    while at < len(data):
        seconds, nanoseconds, size, _ = struct.unpack_from("=IIII", data, at)
        yield seconds + nanoseconds / 10**9, data[at + 16 : at + 16 + size]
        at += 16 + size


def read(frames: Iterable[Frame]) -> Traffic:
    """Take the packets out of frames, fragments put together."""
    traffic = Traffic([], [])
    pieces: dict[tuple[bytes, ...], list[Packet]] = {}
    for time, frame in frames:
        if _is_of_the_link(frame):
            continue
        if _ethertype(frame) != ETHERTYPE_IPV4:
            traffic.others.append(frame)
            continue
        packet = _cut(time, frame[_ETHERNET:])
        if not _fragment(packet) & (_MORE_FRAGMENTS | _OFFSET):
            traffic.packets.append(packet)
            continue
        key = (packet.octets[12:20], packet.octets[9:10], packet.octets[4:6])
        pieces.setdefault(key, []).append(packet)
        if (whole := _joined(pieces[key])) is not None:
            traffic.packets.append(whole)
            del pieces[key]
    traffic.others.extend(piece.octets for parts in pieces.values() for piece in parts)
    return traffic


def _is_of_the_link(frame: bytes) -> bool:
    """ARP, and ICMPv6 to the link's multicast: an interface that has come up says what it hears."""
    if _ethertype(frame) != ETHERTYPE_IPV6:
        return _ethertype(frame) == ETHERTYPE_ARP
    packet = frame[_ETHERNET:]
    inside = packet[6:7]
    if inside == _HOP_BY_HOP:  # MLD has one (RFC 3810 5)
        inside = packet[_IPV6 : _IPV6 + 1]
    return packet[24:26] == _LINK_MULTICAST and inside == _ICMPV6


def _ethertype(frame: bytes) -> int:
    return int.from_bytes(frame[12:14], "big")


def _cut(time: float, octets: bytes) -> Packet:
    """Ethernet pads short frames."""
    return Packet(time, octets[: int.from_bytes(octets[2:4], "big")])


def _fragment(packet: Packet) -> int:
    return int.from_bytes(packet.octets[6:8], "big")


def _joined(pieces: list[Packet]) -> Packet | None:
    """One packet of its fragments, once all are there (the header checksum is not made anew)."""
    body = b""
    ordered = sorted(pieces, key=lambda piece: _fragment(piece) & _OFFSET)
    for piece in ordered:
        if (_fragment(piece) & _OFFSET) * 8 != len(body):
            return None
        body += piece.payload
    if _fragment(ordered[-1]) & _MORE_FRAGMENTS:
        return None
    head = bytearray(ordered[0].octets[: -len(ordered[0].payload)])
    head[2:4] = (len(head) + len(body)).to_bytes(2, "big")
    head[6:8] = bytes(2)
    return Packet(pieces[-1].time, bytes(head) + body)
