"""Raw sockets that see ESP before XFRM looks for an SA: whose packets those are that have none.

The kernel hands a copy of every packet of the protocol to a raw socket first, and drops it
for want of an SA afterwards. One socket for each address of ours; being bound, it gets what
is sent to that address and no other. A filter cuts each copy behind the SPI, so nothing of
a packet's content comes here. Needs CAP_NET_RAW.
"""

import ctypes
import socket
import struct
from collections.abc import Iterable
from typing import Final

from xfrm.model import SaId

ESP: Final = 50
_LONGEST_IPV4_HEADER: Final = 60
_SPI: Final = 4  # octets, the first of ESP (RFC 4303 2)
_SNAP: Final = _LONGEST_IPV4_HEADER + _SPI
_BUFFER: Final = 1 << 18  # octets: some hundred packets, which is what one read takes
_SO_ATTACH_FILTER: Final = 26
_RETURN: Final = 0x06  # BPF_RET | BPF_K: accept so many octets


def open_raw_esp(addresses: Iterable[str]) -> "RawEsp":
    """Open the sockets. Raises OSError; PermissionError where CAP_NET_RAW is missing."""
    raw = RawEsp()
    try:
        for address in addresses:
            raw.add(address)
    except OSError:
        raw.close()
        raise
    return raw


class RawEsp:
    """The sockets; ``read`` them now and then, what overflows meanwhile is lost."""

    def __init__(self) -> None:
        self._sockets: list[tuple[str, socket.socket]] = []

    def add(self, address: str) -> None:
        """Listen at one more address of ours."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, ESP)
        self._sockets.append((address, made))
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        _attach_filter(made, _SNAP)
        made.bind((address, 0))
        while _receive(made):  # what came for other addresses before it was bound
            pass

    def read(self, most: int) -> list[tuple[str, SaId]]:
        """Give source, and destination and SPI, of at most so many packets to each address."""
        heard: list[tuple[str, SaId]] = []
        for address, sock in self._sockets:
            for _ in range(most):
                received = _receive(sock)
                if received is None:
                    break
                data, source = received
                spi = read_spi(data, has_header=":" not in address)
                if spi is not None:
                    heard.append((source, SaId(address, spi)))
        return heard

    def close(self) -> None:
        """Close them."""
        for _, sock in self._sockets:
            sock.close()
        self._sockets.clear()


def read_spi(data: bytes, *, has_header: bool) -> int | None:
    """Read the SPI off a packet; of IPv4 a raw socket gives the IP header too (raw(7))."""
    at = 4 * (data[0] & 0x0F) if has_header and data else 0
    return int.from_bytes(data[at : at + _SPI], "big") if len(data) >= at + _SPI else None


def _receive(sock: socket.socket) -> tuple[bytes, str] | None:
    """Take one packet, and the address it came from; None if there is none."""
    try:
        data, (source, *_) = sock.recvfrom(_SNAP)
    except OSError:
        return None
    return data, source


def _attach_filter(sock: socket.socket, size: int) -> None:
    """Have the kernel keep the first octets of each packet, by a program of one instruction."""
    program = ctypes.create_string_buffer(struct.pack("=HBBI", _RETURN, 0, 0, size))
    sock.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", 1, ctypes.addressof(program))
    )
