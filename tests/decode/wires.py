"""Frames for tests, built layer by layer, independently of what reads them."""

import ipaddress
import struct

UE, PCSCF = "192.0.2.1", "192.0.2.2"
UE6, PCSCF6 = "2001:db8::1", "2001:db8::2"

ESP, UDP, TCP = 50, 17, 6
FIN, SYN, RST, ACK = 1, 2, 4, 16


def packed(host: str) -> bytes:
    return ipaddress.ip_address(host).packed


def udp(data: bytes, src: int = 5060, dst: int = 5060, length: int | None = None) -> bytes:
    return struct.pack("!HHHH", src, dst, length or 8 + len(data), 0) + data


def tcp(
    data: bytes, sequence: int = 0, flags: int = ACK, *, ack: int = 0,
    src: int = 5060, dst: int = 5060, options: bytes = b"",
) -> bytes:  # fmt: skip
    offset = 5 + len(options) // 4
    numbers = struct.pack("!HHII", src, dst, sequence % (1 << 32), ack % (1 << 32))
    return numbers + struct.pack("!BBHHH", offset << 4, flags, 8192, 0, 0) + options + data


def esp(data: bytes = bytes(32), spi: int = 0x1000, sequence: int = 1) -> bytes:
    return struct.pack("!II", spi, sequence) + data


def ipv4(
    payload: bytes, protocol: int = UDP, src: str = UE, dst: str = PCSCF, *,
    ident: int = 1, offset: int = 0, more: bool = False, options: bytes = b"",
    total: int | None = None,
) -> bytes:  # fmt: skip
    """An IPv4 packet; ``offset`` of a fragment is in octets."""
    size = 20 + len(options)
    total = size + len(payload) if total is None else total
    words = more << 13 | offset // 8
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x40 | size // 4, 0, total, ident, words, 64, protocol, 0,
        packed(src), packed(dst),
    )  # fmt: skip
    return head + options + payload


def ipv6(
    payload: bytes, protocol: int = UDP, src: str = UE6, dst: str = PCSCF6, *,
    length: int | None = None,
) -> bytes:  # fmt: skip
    length = len(payload) if length is None else length
    return (
        struct.pack("!IHBB16s16s", 6 << 28, length, protocol, 64, packed(src), packed(dst))
        + payload
    )


def extension(following: int, payload: bytes, words: int = 0) -> bytes:
    """An IPv6 extension header of 8 * (words + 1) octets before a payload."""
    return bytes([following, words]) + bytes(6 + 8 * words) + payload


def fragment6(
    following: int, payload: bytes, offset: int = 0, *, more: bool = False, ident: int = 1
) -> bytes:
    return struct.pack("!BBHI", following, 0, offset | more, ident) + payload


def fragments4(payload: bytes, size: int, protocol: int = UDP, ident: int = 1) -> list[bytes]:
    """Cut a payload into IPv4 packets of at most ``size`` octets of it."""
    return [
        ipv4(
            payload[at : at + size], protocol, offset=at, more=at + size < len(payload), ident=ident
        )
        for at in range(0, len(payload), size)
    ]


def fragments6(payload: bytes, size: int, protocol: int = UDP, ident: int = 1) -> list[bytes]:
    return [
        ipv6(
            fragment6(
                protocol, payload[at : at + size], at, more=at + size < len(payload), ident=ident
            ),
            44,
        )
        for at in range(0, len(payload), size)
    ]


def ethernet(packet: bytes, tags: tuple[int, ...] = (), kind: int | None = None) -> bytes:
    """An Ethernet frame; ``tags`` are the EtherTypes of VLAN tags, outermost first."""
    kind = kind or (0x0800 if packet[:1] and packet[0] >> 4 == 4 else 0x86DD)
    words = b"".join(struct.pack("!HH", tag, 7) for tag in tags)
    return bytes(12) + words + struct.pack("!H", kind) + packet


def gtp(packet: bytes, *, sequence: bool = False, extensions: tuple[bytes, ...] = ()) -> bytes:
    """A G-PDU; an extension is its type and its content, of 4n - 2 octets."""
    optional = b""
    if sequence or extensions:
        optional = bytes(3)
        for one in extensions:
            optional += one[:1] + bytes([(len(one) + 1) // 4]) + one[1:]
        optional += b"\0"
    flags = 0x30 | (2 if sequence else 0) | (4 if extensions else 0)
    return struct.pack("!BBHI", flags, 255, len(optional) + len(packet), 0x99) + optional + packet
