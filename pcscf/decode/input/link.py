"""Where the IP packet is in a frame, by link type (the tcpdump group's LINKTYPE registry)."""

from collections.abc import Callable
from typing import Final

ETHERNET: Final = 1
RAW: Final = 101
LINUX_SLL: Final = 113

_IPV4: Final = b"\x08\x00"
_IPV6: Final = b"\x86\xdd"
_TAGS: Final = {b"\x81\x00", b"\x88\xa8", b"\x91\x00"}  # 802.1Q, 802.1ad, and QinQ before it
_MAX_TAGS: Final = 4
_TAG_SIZE: Final = 4

# BSD's numbers of the address families; IPv6 has one of its own in each system.
_FAMILIES: Final = {2, 10, 24, 28, 30}


def find_ip(link: int, data: bytes) -> int:
    """Give the place of the IP header in a frame; -1 where there is none, or it cannot be found."""
    finder = _FINDERS.get(link)
    return finder(data) if finder else -1


def is_known(link: int) -> bool:
    """Tell whether frames of this link type can be read at all."""
    return link in _FINDERS


def _behind_type(at: int, start: int) -> Callable[[bytes], int]:
    """Make the finder for headers with an EtherType at ``at``; what it is of begins at ``start``.

    A tag puts its own two octets, and the EtherType of the rest, before the rest.
    """
    behind = at + 2

    def find(data: bytes) -> int:
        kind = data[at:behind]
        if kind in (_IPV4, _IPV6):
            return start
        place = start
        for _ in range(_MAX_TAGS):
            if kind not in _TAGS:
                return -1
            kind = data[place + 2 : place + 4]
            place += _TAG_SIZE
            if kind in (_IPV4, _IPV6):
                return place
        return -1

    return find


def _raw(_data: bytes) -> int:
    return 0


def _loopback(data: bytes) -> int:
    """The address family comes first, in the byte order of the machine that captured."""
    family = data[:4]
    known = (
        int.from_bytes(family, "big") in _FAMILIES or int.from_bytes(family, "little") in _FAMILIES
    )
    return 4 if known else -1


_FINDERS: Final[dict[int, Callable[[bytes], int]]] = {
    0: _loopback,  # BSD loopback
    ETHERNET: _behind_type(12, 14),
    12: _raw,  # what DLT_RAW is on most systems, 14 on OpenBSD
    14: _raw,
    RAW: _raw,
    108: _loopback,  # OpenBSD's loopback
    LINUX_SLL: _behind_type(14, 16),
    228: _raw,  # IPv4 only
    229: _raw,  # IPv6 only
    276: _behind_type(0, 20),  # Linux cooked, version 2
}
