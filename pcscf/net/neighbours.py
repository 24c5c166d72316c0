"""Telling neighbours that an address is here now, and hearing that another one says so of himself.

By an ARP announcement (RFC 5227 3) or an unsolicited Neighbor Advertisement (RFC 4861 7.2.6). Both
take CAP_NET_RAW.
"""

import contextlib
import socket
import struct
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final, NamedTuple

from pcscf.errors import StartError

_ETHERNET: Final = 1  # of linux/if_arp.h
_ETH_P_ARP: Final = 0x0806
_ETH_P_IP: Final = 0x0800
_BROADCAST: Final = b"\xff" * 6
_ARP_REQUEST: Final = 1
_ADVERTISEMENT: Final = 136  # of ICMPv6
_OVERRIDE: Final = 0x2000_0000
_STATION: Final = bytes([2, 1])  # option: the target's link-layer address, 8 octets in all
_ALL_NODES: Final = "ff02::1"
_HOPS: Final = 255  # RFC 4861 7.1.2: a router would have made it less
_ICMP6_FILTER: Final = 1  # linux/icmpv6.h; Python does not name it
_LARGEST: Final = 64  # octets of what is heard; all that is looked at lies in the first 32
_AT_ONCE: Final = 64  # packets that are looked at before others have their turn


class Claim(NamedTuple):
    """Whose address a packet says it is, and which station."""

    address: bytes
    station: bytes


class Herald:
    """Tells of one address on one device, if that has neighbours. Raises StartError.

    ``fileno`` is readable when a neighbour has said something that ``hears`` is to look at.
    """

    def __init__(self, address: str, device: str) -> None:
        self._address = address
        self._device = device
        try:
            self._index = socket.if_nametoindex(device)
            self._link = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
            self._socket = self._link
            self._link.bind((device, 0 if ":" in address else _ETH_P_ARP))
            if ":" in address:
                self._socket = _icmp6(self._index, device)
            self._socket.setblocking(False)
        except PermissionError:
            raise StartError("store.takeover_device needs CAP_NET_RAW") from None
        except OSError as error:
            raise StartError(
                f"store.takeover_device: {device}: {error.strerror or error}"
            ) from None

    def close(self) -> None:
        """Tell and hear no more."""
        self._link.close()
        self._socket.close()

    def fileno(self) -> int:
        """Descriptor to wait on."""
        return self._socket.fileno()

    def hears(self) -> bool:
        """Read what has come: whether another station has used the address as its own."""
        _, mac = self._hardware()
        own = ip_address(self._address).packed
        return any(address == own and station != mac for address, station in self._claims())

    def _claims(self) -> Iterator[Claim]:
        for _ in range(_AT_ONCE):
            try:
                data, details, _, _ = self._socket.recvmsg(_LARGEST, socket.CMSG_SPACE(4))
            except OSError:
                return
            if ":" not in self._address:
                yield announced(data)
            elif details and int.from_bytes(details[0][2], sys.byteorder) == _HOPS:
                yield advertised(data)

    def _hardware(self) -> tuple[int, bytes]:
        """Kind and address of the device, which it may change."""
        _, _, _, kind, mac = self._link.getsockname()
        return kind, mac

    def tell(self) -> None:
        """Say it once. Where it cannot be sent, as while a link is down, nobody would hear it."""
        kind, mac = self._hardware()
        if kind != _ETHERNET:
            return
        with contextlib.suppress(OSError):
            if ":" in self._address:
                to = (_ALL_NODES, 0, 0, self._index)
                self._socket.sendto(advertisement(self._address, mac), to)
            else:
                where = (self._device, _ETH_P_ARP, 0, 0, _BROADCAST)
                self._socket.sendto(announcement(self._address, mac), where)


def _icmp6(index: int, device: str) -> socket.socket:
    """Open what sends and receives advertisements, and nothing else, on a device."""
    made = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    blocked = [0xFFFFFFFF] * 8  # a bit for each type
    blocked[_ADVERTISEMENT // 32] ^= 1 << _ADVERTISEMENT % 32
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    made.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *blocked))
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOPS)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    return made


def announced(packet: bytes) -> Claim:
    """Read an ARP packet: who sends one has its sender's address."""
    return Claim(packet[14:18], packet[8:14])


def advertised(message: bytes) -> Claim:
    """Read a Neighbor Advertisement; one for all names the station, by the first option."""
    return Claim(message[8:24], message[26:32])


def announcement(address: str, mac: bytes) -> bytes:
    """Build an ARP request of an address for itself."""
    own = ip_address(address).packed
    head = struct.pack("!HHBBH", _ETHERNET, _ETH_P_IP, len(mac), len(own), _ARP_REQUEST)
    return head + mac + own + bytes(len(mac)) + own


def advertisement(address: str, mac: bytes) -> bytes:
    """Build a Neighbor Advertisement that nobody asked for; the kernel fills in the checksum."""
    head = struct.pack("!BBHI", _ADVERTISEMENT, 0, 0, _OVERRIDE)
    return head + ip_address(address).packed + _STATION + mac
