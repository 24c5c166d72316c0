"""Tunnels on Gm's way: GTP-U (TS 29.281) and ESP in UDP (RFC 3948), by the UDP payload."""

import struct
from typing import Final

GTP_PORT: Final = 2152
NAT_PORT: Final = 4500

_PORTS: Final = struct.Struct("!HH").unpack_from
_UDP_HEADER: Final = 8
_ESP_HEADER: Final = 8
_NOT_ESP: Final = bytes(4)  # RFC 3948 2.2: where the SPI would be, before IKE

_G_PDU: Final = 255
_VERSION_AND_TYPE: Final = 0xF0
_VERSION_1_GTP: Final = 0x30
_GTP_HEADER: Final = 8
_OPTIONAL: Final = 7  # flags: extension header, sequence number, N-PDU number
_OPTIONAL_SIZE: Final = 4  # all three are there if one is
_HAS_EXTENSION: Final = 4
_MAX_EXTENSIONS: Final = 16


def find_esp(datagram: bytes) -> int:
    """Give the place of the ESP header in a UDP datagram, its header included; -1 if none is there.

    IKE, and keep-alives of a single octet, have the same port.
    """
    if NAT_PORT not in _PORTS(datagram) or len(datagram) < _UDP_HEADER + _ESP_HEADER:
        return -1
    return -1 if datagram.startswith(_NOT_ESP, _UDP_HEADER) else _UDP_HEADER


def find_user_packet(datagram: bytes) -> int:
    """Give the place of the user's IP packet in a UDP datagram of GTP-U; -1 if none is there.

    Signalling (echo, error indication, end marker) has none.
    """
    if GTP_PORT not in _PORTS(datagram) or len(datagram) < _UDP_HEADER + _GTP_HEADER:
        return -1
    flags, kind = datagram[_UDP_HEADER], datagram[_UDP_HEADER + 1]
    if flags & _VERSION_AND_TYPE != _VERSION_1_GTP or kind != _G_PDU:
        return -1
    place = _UDP_HEADER + _GTP_HEADER
    try:
        if flags & _OPTIONAL:
            place += _OPTIONAL_SIZE
        if flags & _HAS_EXTENSION:
            place = _behind_extensions(datagram, place)
        return place if datagram[place] >> 4 in {4, 6} else -1
    except IndexError:
        return -1


def _behind_extensions(datagram: bytes, place: int) -> int:
    """Walk along extension headers: length in words, content, type of the next (5.2.1).

    The type of the first is the octet before ``place``; type 0 says that there are no more.
    """
    for _ in range(_MAX_EXTENSIONS):
        if not datagram[place - 1]:
            break
        place += datagram[place] * 4
    return place
