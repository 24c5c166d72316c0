"""ESP packets for tests: of the vectors, and sealed as a phone and a P-CSCF do."""

import struct
from ipaddress import ip_address
from typing import Any

from pcscf.decode.model import Packet, Sa
from tests.vectors import load
from xfrm.algorithms import SUITES, EspKeys, Suite
from xfrm.esp import EspCodec
from xfrm.model import AkaKeys

UE, PCSCF = "192.0.2.10", "198.51.100.5"
UE6, PCSCF6 = "2001:db8:1::10", "2001:db8:ff::5"
SPI = 0x6A0A0A0A
PORTS = (40001, 6100)
AKA = AkaKeys(bytes(range(16)), bytes(range(16, 32)))
OTHER_AKA = AkaKeys(bytes(range(32, 48)), bytes(range(48, 64)))
AES_CBC, GCM, GMAC, NULL = SUITES[:4]
SECOND = 1_000_000_000
VECTORS = load("esp")
SIP = b"MESSAGE sip:b@example.net SIP/2.0\r\nContent-Length: 0\r\n\r\n"


def suite_of(vector: dict[str, Any]) -> Suite:
    combined = {"gcm": GCM, "gmac": GMAC}
    return combined.get(vector.get("aead", "")) or Suite(vector["alg"], vector["ealg"])


def keys_of(vector: dict[str, Any]) -> EspKeys:
    milenage = load("aka-digest")["milenage"]
    aka = AkaKeys(bytes.fromhex(milenage["f3_ck"]), bytes.fromhex(milenage["f4_ik"]))
    return suite_of(vector).keys(aka)


def packet(data: bytes, number: int = 1, time: int | None = None) -> Packet:
    """Make a Packet of an IP packet without options or extension headers."""
    start, at = (20, 12) if data[0] >> 4 == 4 else (40, 8)
    size = 4 if start == 20 else 16
    src, dst = (str(ip_address(data[n : n + size])) for n in (at, at + size))
    when = number * SECOND if time is None else time
    protocol = data[9] if start == 20 else data[6]
    return Packet(number, when, src, dst, protocol, data[:start], data[start:])


def udp(data: bytes, ports: tuple[int, int] = PORTS, ends: tuple[str, str] = (UE, PCSCF)) -> bytes:
    """Make a UDP datagram with its checksum."""
    head = struct.pack("!HHHH", *ports, 8 + len(data), 0)
    pseudo = b"".join(ip_address(end).packed for end in ends) + struct.pack(
        "!HH", 17, 8 + len(data)
    )
    return head[:6] + checksum(pseudo + head + data) + data


def checksum(data: bytes) -> bytes:
    words = struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF or 0xFFFF)


class Sender:
    """One direction of an SA: seals datagrams into Packets."""

    def __init__(
        self,
        suite: Suite = AES_CBC,
        aka: AkaKeys = AKA,
        spi: int = SPI,
        ends: tuple[str, str] = (UE, PCSCF),
        ports: tuple[int, int] = PORTS,
    ) -> None:
        self.suite, self.spi, self.ends, self.ports = suite, spi, ends, ports
        self.keys = suite.keys(aka)
        self.codec = EspCodec(suite, self.keys)

    def sealed(self, data: bytes, sequence: int, next_header: int = 17) -> Packet:
        payload = self.codec.seal(self.spi, sequence, data, next_header)
        return Packet(sequence, sequence * SECOND, *self.ends, 50, b"header", payload)

    def send(self, sequence: int, data: bytes = SIP) -> Packet:
        return self.sealed(udp(data, self.ports, self.ends), sequence)

    def sa(self, **changes: Any) -> Sa:
        told: dict[str, Any] = {"suite": self.suite, "keys": self.keys, "ports": self.ports}
        return Sa(self.spi, *self.ends, **(told | changes))
