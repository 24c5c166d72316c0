"""Packets made for the tests of the demo."""

import socket
import struct

from tests.demo.packets import TCP, UDP, Packet
from tests.demo.wiretap import Sa
from tests.peers.text import Address
from xfrm.algorithms import Suite
from xfrm.model import AkaKeys
from xfrm.scapy_esp import ScapyEsp

UE, PCSCF = "192.0.2.10", "192.0.2.1"
CLEAR = Address(PCSCF, 5060)
PHONE_CLEAR, PHONE = Address(UE, 5060), Address(UE, 20001)  # PHONE: a protected port
PS = Address(PCSCF, 6100)
CK, IK = bytes(range(16)), bytes(range(16, 32))
AES = Suite("hmac-sha-1-96", "aes-cbc")
NULL = Suite("hmac-sha-1-96", "null")
CALL_ID = "call-1"
INVITE = (
    f"INVITE sip:b@home.example SIP/2.0\r\nCall-ID: {CALL_ID}\r\nCSeq: 1 INVITE\r\n"
    "Content-Length: 3\r\n\r\nsdp"
).encode()
REGISTER = b"REGISTER sip:home.example SIP/2.0\r\nContent-Length: 0\r\n\r\n"


def sa(suite: Suite = NULL, spi: int = 1_000_000_001) -> Sa:
    """The phone's SA to the P-CSCF's server port."""
    return Sa(spi, PHONE, PS, suite, suite.keys(AkaKeys(CK, IK)))


def ip(protocol: int, src: str, dst: str, payload: bytes, *, at: float = 0.0) -> Packet:
    """An IPv4 packet."""
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0,
        socket.inet_aton(src), socket.inet_aton(dst),
    )  # fmt: skip
    return Packet(at, head + payload)


def udp(src: Address, dst: Address, data: bytes, *, at: float = 0.0) -> Packet:
    """A datagram."""
    head = struct.pack("!HHHH", src.port, dst.port, 8 + len(data), 0)
    return ip(UDP, src.host, dst.host, head + data, at=at)


def tcp(
    src: Address,
    dst: Address,
    sequence: int,
    data: bytes = b"",
    *,
    syn: bool = False,
    at: float = 0,
) -> Packet:
    """A segment."""
    flags = 0x02 if syn else 0x18
    head = struct.pack("!HHIIBBHHH", src.port, dst.port, sequence, 0, 5 << 4, flags, 9999, 0, 0)
    return ip(TCP, src.host, dst.host, head + data, at=at)


def sealed(inner: Packet, under: Sa, sequence: int = 1) -> Packet:
    """A packet in ESP."""
    oracle = ScapyEsp(under.suite, under.keys, under.spi)
    return Packet(inner.time, oracle.seal(inner.octets, sequence))


def flipped(packet: Packet, place: int = -20) -> Packet:
    """A packet with one bit of one octet turned."""
    octets = bytearray(packet.octets)
    octets[place] ^= 1
    return Packet(packet.time, bytes(octets))


def framed(packet: Packet) -> tuple[float, bytes]:
    """A packet as it is captured, padded by Ethernet."""
    return packet.time, (bytes(12) + b"\x08\x00" + packet.octets).ljust(60, b"\0")


def pcap(*frames: tuple[float, bytes]) -> bytes:
    """A capture file with nanosecond times."""
    records = (
        struct.pack("=IIII", int(at), round(at % 1 * 10**9), len(frame), len(frame)) + frame
        for at, frame in frames
    )
    return struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1) + b"".join(records)
