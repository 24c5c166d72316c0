"""IP packets out of octets: IPv4 with options (RFC 791), IPv6 with extension headers (RFC 8200)."""

import socket
import struct
from typing import Final, NamedTuple

from pcscf.decode.model import Packet

_IPV4: Final = struct.Struct("!BxHHHxBxx4s4s").unpack_from
_IPV6: Final = struct.Struct("!4xHBx16s16s").unpack_from
_FRAGMENT: Final = struct.Struct("!BxHI").unpack_from
_LENGTH_AND_NEXT: Final = struct.Struct("!HB").pack
_MAX_LENGTH: Final = 0xFFFF
_IPV4_SIZE: Final = 20
_IPV6_SIZE: Final = 40
_FRAGMENT_SIZE: Final = 8
_MORE: Final = 0x2000  # IPv4's flag; IPv6 has it in the lowest bit
_OFFSET: Final = 0x1FFF  # in units of eight octets

_FRAGMENT_HEADER: Final = 44
_AUTHENTICATION: Final = 51
# Hop-by-hop, routing, authentication, destination, mobility, HIP, shim6.
_EXTENSIONS: Final = {0, 43, _AUTHENTICATION, 60, 135, 139, 140}
_MAX_EXTENSIONS: Final = 16


class Fragment(NamedTuple):
    """A part of a packet: ``piece.payload`` belongs at ``offset``, in octets, of the whole.

    Of an IPv6 packet ``piece.protocol`` is what the whole payload begins with.
    """

    piece: Packet
    ident: int
    offset: int
    more: bool  # False: it is the last part


class _Texts(dict[bytes, str]):
    """Addresses as text, each made once; a bounded number of them."""

    _ROOM: Final = 65536

    def __missing__(self, address: bytes) -> str:
        if len(self) >= self._ROOM:
            self.clear()
        family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
        text = self[address] = socket.inet_ntop(family, address)
        return text


_texts: Final = _Texts()


def read_ip(number: int, time: int, data: bytes, at: int = 0) -> Packet | Fragment | None:
    """Read the IP packet at ``at``; None if there is none. ``number`` and ``time`` are the frame's.

    What follows the packet's own length (Ethernet padding) is left out; what is lacking of that
    length is ``missing``. A length of 0 is what a network card with segmentation offload leaves:
    such a packet goes to the end.
    """
    try:
        first, total, ident, fragment, protocol, src, dst = _IPV4(data, at)
        if first >> 4 != 4:
            return _read_ipv6(number, time, data, at) if first >> 4 == 6 else None
    except (struct.error, IndexError):
        return None  # too short for its headers
    size = len(data)
    start = at + (first & 15) * 4
    end = at + total if total else size
    if start < at + _IPV4_SIZE or start > end or start > size:
        return None
    packet = Packet(
        number, time, _texts[src], _texts[dst], protocol, data[at:start], data[start:end],
        end - size if end > size else 0,
    )  # fmt: skip
    if not fragment & (_MORE | _OFFSET):
        return packet
    return Fragment(packet, ident, (fragment & _OFFSET) * 8, bool(fragment & _MORE))


def _read_ipv6(number: int, time: int, data: bytes, at: int) -> Packet | Fragment | None:
    length, protocol, src, dst = _IPV6(data, at)
    size = len(data)
    start = at + _IPV6_SIZE
    end = start + length if length else size
    offset = ident = 0
    if protocol in _EXTENSIONS:
        protocol, start = _behind_extensions(protocol, data, start)
    if protocol == _FRAGMENT_HEADER:
        protocol, offset, ident = _FRAGMENT(data, start)
        start += _FRAGMENT_SIZE
        if not offset & ~6:  # whole all the same: an atomic fragment (RFC 6946)
            protocol, start = _behind_extensions(protocol, data, start)
    if start > min(end, size):
        return None
    packet = Packet(
        number, time, _texts[src], _texts[dst], protocol, data[at:start], data[start:end],
        end - size if end > size else 0,
    )  # fmt: skip
    if not offset & ~6:
        return packet
    return Fragment(packet, ident, offset & ~7, bool(offset & 1))


def behind_extensions(packet: Packet) -> Packet:
    """Move the extension headers that a payload begins with into the header.

    That is where those behind IPv6's fragment header are, once its fragments are put together.
    """
    if packet.protocol not in _EXTENSIONS or packet.header[0] >> 4 != 6:
        return packet
    payload = packet.payload
    try:
        protocol, start = _behind_extensions(packet.protocol, payload, 0)
    except IndexError:
        return packet
    header = packet.header + payload[:start]
    return packet._replace(protocol=protocol, header=header, payload=payload[start:])


def write_ip(packet: Packet) -> bytes:
    """Make the octets of a packet: its header with lengths, protocol and checksum that are right.

    IPv4 options are kept. IPv6 extension headers are not: what is decrypted or put together has
    no fragment header any more.
    """
    payload = packet.payload
    size = len(payload) + packet.missing
    if packet.header[0] >> 4 == 6:
        head = packet.header[:4], _LENGTH_AND_NEXT(_fitting(size), packet.protocol)
        return b"".join((*head, packet.header[7:_IPV6_SIZE], payload))
    header = bytearray(packet.header)
    struct.pack_into("!H", header, 2, _fitting(len(header) + size))
    struct.pack_into("!H", header, 6, 0)  # it is no fragment
    header[9] = packet.protocol
    struct.pack_into("!H", header, 10, 0)
    struct.pack_into("!H", header, 10, _checksum(header))
    return bytes(header) + payload


def _fitting(length: int) -> int:
    """Give a length as its field has it: 0, up to the end, where it is too large."""
    return length if length <= _MAX_LENGTH else 0


def _checksum(header: bytes | bytearray) -> int:
    """Give the internet checksum of a header whose checksum field is 0 (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total > _MAX_LENGTH:
        total = (total & _MAX_LENGTH) + (total >> 16)
    return total ^ _MAX_LENGTH


def _behind_extensions(protocol: int, data: bytes, at: int) -> tuple[int, int]:
    """Give the first protocol that is no extension header, and its place.

    Raises IndexError if the headers go beyond the data. Where there are absurdly many, one of
    them is taken for the protocol, and nobody will know it.
    """
    for _ in range(_MAX_EXTENSIONS):
        if protocol not in _EXTENSIONS:
            break
        units = data[at + 1]
        size = units * 4 + 8 if protocol == _AUTHENTICATION else units * 8 + 8
        protocol = data[at]
        at += size
    return protocol, at
