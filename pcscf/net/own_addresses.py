"""Addresses of ours that come and go with the lease (rtnetlink(7)), without a tool for it.

An address is added by itself, as /32 or /128: the device needs another one in the same network, or
routes. The socket of a lower layer that neighbours are told by is opened ahead, so a missing right
is found out when the process starts and not when it is to take over.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from ipaddress import ip_address
from typing import Final, NamedTuple

from pcscf.core.flow import Endpoint, Transport
from pcscf.errors import StartError
from pcscf.net.neighbours import Herald
from pcscf.net.routes import outcome
from pcscf.net.sockets import bound

# linux/netlink.h, linux/rtnetlink.h and linux/if_addr.h
_RTM_NEWADDR, _RTM_DELADDR = 20, 21
_REQUEST_ACK: Final = 0x1 | 0x4
_REPLACE_CREATE: Final = 0x100 | 0x400
_IFA_ADDRESS, _IFA_LOCAL, _IFA_CACHEINFO = 1, 2, 6
_F_NODAD: Final = 0x02
_SCOPE_UNIVERSE: Final = 0
_FOREVER: Final = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")


class Place(NamedTuple):
    """An address, and the device that it is given to."""

    address: str
    device: str


class OwnAddresses:
    """Adds addresses to their devices and takes them off. Raises StartError if it could not."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._loop = asyncio.get_running_loop()
        self._places = places
        with ExitStack() as opened:
            self._heralds = [opened.enter_context(closing(Herald(*place))) for place in places]
            self._opened = opened.pop_all()

    def come(self) -> None:
        """Add them all, and have the neighbours know. Raises StartError."""
        for address, device in self._places:
            try:
                _change(_RTM_NEWADDR, address, device)
            except OSError as error:
                raise StartError(
                    f"{address} cannot be given to {device}: {error.strerror or error}"
                ) from None
        self.tell()

    def tell(self) -> None:
        """Have the neighbours know once more: what they were told may have been lost."""
        for herald in self._heralds:
            herald.tell()

    def watch(self, contested: Callable[[], None]) -> None:
        """Have it called whenever a neighbour says from now on that one of them is his."""
        for herald in self._heralds:
            herald.hears()  # what was said before
            self._loop.add_reader(herald, self._listen, herald, contested)

    def _listen(self, herald: Herald, contested: Callable[[], None]) -> None:
        if herald.hears():
            contested()

    def go(self) -> list[str]:
        """Take them off; one that is not there is no error. Say what could not be, a line each."""
        failures = []
        for address, device in self._places:
            try:
                _change(_RTM_DELADDR, address, device)
            except OSError as error:
                failures.append(f"{address} stays on {device}: {error.strerror or error}")
        return failures if any(is_here(place.address) for place in self._places) else []

    def close(self) -> None:
        """Tell nobody any more, and hear nobody."""
        for herald in self._heralds:
            self._loop.remove_reader(herald)
        self._opened.close()


def is_here(address: str) -> bool:
    """Whether the address is one of this machine's, and ready for use."""
    try:
        bound(Transport.UDP, Endpoint(address, 0)).close()
    except OSError:
        return False
    return True


def _change(kind: int, address: str, device: str) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(request(kind, address, socket.if_nametoindex(device)))
        number = outcome(netlink.recv(4096))
    if number:
        raise OSError(number, os.strerror(number))


def request(kind: int, address: str, index: int) -> bytes:
    """Build the message that adds an address to a device, or takes it off.

    IPv6 is not checked for duplicates, which would take a second, and is not preferred: nothing
    else on this machine starts to use an address that may go.
    """
    value = ip_address(address).packed
    family = socket.AF_INET if len(value) == 4 else socket.AF_INET6
    body = struct.pack("=4BI", family, 8 * len(value), _F_NODAD, _SCOPE_UNIVERSE, index)
    body += _attribute(_IFA_LOCAL, value) + _attribute(_IFA_ADDRESS, value)
    if family == socket.AF_INET6:
        body += _attribute(_IFA_CACHEINFO, struct.pack("=4I", 0, _FOREVER, 0, 0))
    flags = _REQUEST_ACK | (_REPLACE_CREATE if kind == _RTM_NEWADDR else 0)
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value
