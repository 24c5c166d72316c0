"""NULL encryption recognised without keys (RFC 2410, RFC 4543): what is inside proves itself.

The layout is guessed from sizes: an IV, which only AES-GMAC has, and an ICV. A guess holds if
trailer and padding are in order and a checksum is right that covers everything in between,
that of UDP or TCP over the pseudo-header, or of an IP header in tunnel mode.
"""

import struct
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple

from pcscf.decode.model import Packet
from xfrm.errors import EspError
from xfrm.esp import EspPayload, read_header, without_padding

IPIP, TCP, UDP, IPV6 = 4, 6, 17, 41
_HEADER_SIZE: Final = 8  # SPI and sequence number
_TRAILER_SIZE: Final = 2
_UDP: Final = struct.Struct("!HHHH")
_TCP_SIZE: Final = 20
_IPV4_SIZE: Final = 20
_IPV6_SIZE: Final = 40


class NullLayout(NamedTuple):
    """Octets of IV and of ICV around a payload in plain."""

    iv_size: int
    icv_size: int

    @property
    def is_gmac(self) -> bool:
        """Whether it is that of AES-GMAC."""
        return self.iv_size > 0


# HMAC of 96 bit and AES-GMAC are those of TS 33.203 annex H; the others occur in labs.
_USUAL: Final = (NullLayout(0, 12), NullLayout(8, 16))
_UNUSUAL: Final = tuple(NullLayout(0, size) for size in (16, 0, 8, 20, 32))


def recognise(packet: Packet) -> NullLayout | None:
    """Find the layout of an ESP packet, or None if it is encrypted, or cut.

    A UDP checksum of zero, "not computed", proves nothing: then UDP's length has to do, and
    only for the usual layouts.
    """
    for layout in _USUAL:
        if _holds(packet, layout, without_checksum=True):
            return layout
    for layout in _UNUSUAL:
        if _holds(packet, layout, without_checksum=False):
            return layout
    return None


def proves_itself(packet: Packet, inside: EspPayload) -> bool:
    """Whether what was decrypted is no rubbish, where the ICV cannot tell; of UDP, IP and TCP."""
    proof = _PROOFS.get(inside.next_header)
    return proof is not None and proof(packet, inside.data, True)


def null_opener(layout: NullLayout) -> Callable[[bytes], EspPayload]:
    """Make a function that opens packets of this layout; it raises EspError as EspCodec does."""
    start = _HEADER_SIZE + layout.iv_size
    around = start + layout.icv_size

    def open_(packet: bytes) -> EspPayload:
        size = len(packet) - around
        if size < _TRAILER_SIZE or size % 4:
            raise EspError(f"{len(packet)} octets are no ESP packet of this layout")
        plain = packet[start : start + size]
        return EspPayload(read_header(packet).sequence, plain[-1], without_padding(plain))

    return open_


def _holds(packet: Packet, layout: NullLayout, *, without_checksum: bool) -> bool:
    payload = packet.payload
    end = len(payload) - layout.icv_size
    size = end - _HEADER_SIZE - layout.iv_size
    if size < _TRAILER_SIZE or size % 4 or payload[end - 1] not in _PROOFS:
        return False
    plain = payload[end - size : end]
    try:
        data = without_padding(plain)
    except EspError:
        return False
    return _PROOFS[plain[-1]](packet, data, without_checksum)


def _is_udp(packet: Packet, data: bytes, without_checksum: bool) -> bool:
    if len(data) < _UDP.size:
        return False
    source, destination, length, checksum = _UDP.unpack_from(data)
    if length != len(data) or not source or not destination:
        return False
    return _sums_up(packet, UDP, data) if checksum else without_checksum


def _is_tcp(packet: Packet, data: bytes, _without_checksum: bool) -> bool:
    offset = (data[12] >> 4) * 4 if len(data) >= _TCP_SIZE else 0
    return _TCP_SIZE <= offset <= len(data) and _sums_up(packet, TCP, data)


def _is_ipv4(_packet: Packet, data: bytes, _without_checksum: bool) -> bool:
    if len(data) < _IPV4_SIZE or data[0] >> 4 != 4:
        return False
    size = (data[0] & 15) * 4
    total = int.from_bytes(data[2:4], "big")
    return _IPV4_SIZE <= size <= total == len(data) and _sum(data[:size]) == 0


def _is_ipv6(_packet: Packet, data: bytes, _without_checksum: bool) -> bool:
    """Tell IPv6 in tunnel mode. Its header has no checksum: that of UDP or TCP has to do."""
    if len(data) < _IPV6_SIZE or data[0] >> 4 != 6:
        return False
    if int.from_bytes(data[4:6], "big") != len(data) - _IPV6_SIZE or data[6] not in (TCP, UDP):
        return False
    addresses, inner = data[8:40], data[_IPV6_SIZE:]
    return _sum(addresses + struct.pack("!IBB", len(inner), 0, data[6]) + inner) == 0


_PROOFS: Final[dict[int, Callable[[Packet, bytes, bool], bool]]] = {
    UDP: _is_udp,
    TCP: _is_tcp,
    IPIP: _is_ipv4,
    IPV6: _is_ipv6,
}


def _sums_up(packet: Packet, protocol: int, data: bytes) -> bool:
    """Check a checksum with its pseudo-header (RFC 768, RFC 9293 3.1, RFC 8200 8.1)."""
    head = _packed(packet.src) + _packed(packet.dst) + struct.pack("!IBB", len(data), 0, protocol)
    return _sum(head + data) == 0


def _sum(data: bytes) -> int:
    """Add 16-bit words in ones' complement; 0 is what a right checksum makes of it.

    Carries are added again, so it is the remainder by 2^16 - 1 of the octets as one number.
    """
    return int.from_bytes(data + bytes(len(data) % 2), "big") % 0xFFFF


@lru_cache(maxsize=1024)
def _packed(address: str) -> bytes:
    return ip_address(address).packed
