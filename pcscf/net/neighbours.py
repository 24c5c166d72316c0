"""Telling neighbours that an address is here now.

By an ARP announcement (RFC 5227 3) or an unsolicited Neighbor Advertisement (RFC 4861 7.2.6). Both
take CAP_NET_RAW.
"""

import contextlib
import socket
import struct
from ipaddress import ip_address
from types import TracebackType
from typing import Final, Self

from pcscf.errors import StartError

_ETHERNET: Final = 1  # of linux/if_arp.h
_ETH_P_ARP: Final = 0x0806
_ETH_P_IP: Final = 0x0800
_BROADCAST: Final = b"\xff" * 6
_ARP_REQUEST: Final = 1
_ADVERTISEMENT: Final = 136  # of ICMPv6
_OVERRIDE: Final = 0x2000_0000
_LINK_LAYER_ADDRESS: Final = 2  # the target's, in units of 8 octets
_ALL_NODES: Final = "ff02::1"
_HOPS: Final = 255  # RFC 4861 7.1.2: a router would have made it less


class Herald:
    """Tells of one address on one device, if that has neighbours. Raises StartError."""

    def __init__(self, address: str, device: str) -> None:
        self._address = address
        self._device = device
        try:
            self._index = socket.if_nametoindex(device)
            self._link = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
            self._socket = self._link
            self._link.bind((device, 0))
            if ":" in address:
                self._socket = _icmp6(self._index)
        except PermissionError:
            raise StartError("store.takeover_device needs CAP_NET_RAW") from None
        except OSError as error:
            raise StartError(
                f"store.takeover_device: {device}: {error.strerror or error}"
            ) from None

    def __enter__(self) -> Self:
        """Serve within the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self._link.close()
        self._socket.close()

    def tell(self) -> None:
        """Say it once. Where it cannot be sent, as while a link is down, nobody would hear it."""
        _, _, _, hardware, mac = self._link.getsockname()
        if hardware != _ETHERNET:
            return
        with contextlib.suppress(OSError):
            if ":" in self._address:
                to = (_ALL_NODES, 0, 0, self._index)
                self._socket.sendto(advertisement(self._address, mac), to)
            else:
                where = (self._device, _ETH_P_ARP, 0, 0, _BROADCAST)
                self._socket.sendto(announcement(self._address, mac), where)


def _icmp6(index: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOPS)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    return made


def announcement(address: str, mac: bytes) -> bytes:
    """Build an ARP request of an address for itself."""
    own = ip_address(address).packed
    head = struct.pack("!HHBBH", _ETHERNET, _ETH_P_IP, len(mac), len(own), _ARP_REQUEST)
    return head + mac + own + bytes(len(mac)) + own


def advertisement(address: str, mac: bytes) -> bytes:
    """Build a Neighbor Advertisement that nobody asked for; the kernel fills in the checksum."""
    head = struct.pack("!BBHI", _ADVERTISEMENT, 0, 0, _OVERRIDE)
    return head + ip_address(address).packed + bytes([_LINK_LAYER_ADDRESS, 1]) + mac
