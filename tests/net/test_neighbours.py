"""What neighbours are told, octet by octet; tests/netns/test_takeover.py has who believes it."""

import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest

from pcscf.errors import StartError
from pcscf.net.neighbours import Herald, advertised, advertisement, announced, announcement

MAC, OTHER = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")


def test_an_announcement_asks_for_the_address_that_it_comes_from() -> None:
    built = announcement("192.0.2.1", MAC)
    assert (
        built.hex(" ", 2) == "0001 0800 0604 0001 0200 0000 0001 c000 0201 0000 0000 0000 c000 0201"
    )


def test_an_advertisement_overrides_what_neighbours_know() -> None:
    built = advertisement("2001:db8::1", MAC)
    assert built[:8] == bytes([136, 0, 0, 0, 0x20, 0, 0, 0])  # not solicited, no router
    assert built[8:24] == socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    assert built[24:] == bytes([2, 1]) + MAC


def test_what_is_told_is_what_is_heard() -> None:
    assert announced(announcement("192.0.2.1", MAC)) == (bytes([192, 0, 2, 1]), MAC)
    own = socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    assert advertised(advertisement("2001:db8::1", MAC)) == (own, MAC)


def test_who_asks_for_another_address_says_which_is_his_own() -> None:
    head = bytes.fromhex("0001 0800 0604 0001")
    packet = head + MAC + bytes([192, 0, 2, 1]) + bytes(6) + bytes([192, 0, 2, 9])
    assert announced(packet) == (bytes([192, 0, 2, 1]), MAC)


def test_what_is_cut_short_is_nobodys() -> None:
    assert announced(b"") == advertised(b"") == (b"", b"")


class Link:
    """What a socket has received, each with its hop limit; and the station that listens."""

    def __init__(self, *received: tuple[bytes, int]) -> None:
        self.received = list(received)

    def recvmsg(self, _size: int, _details: int) -> tuple[bytes, list[tuple[int, int, bytes]]]:
        if not self.received:
            raise BlockingIOError
        data, hops = self.received.pop(0)
        details = [(socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT, hops.to_bytes(4, sys.byteorder))]
        return data, details, 0, ()  # type: ignore[return-value]

    def getsockname(self) -> tuple[str, int, int, int, bytes]:
        return "gm", 0, 0, 1, MAC


def hears(address: str, *received: tuple[bytes, int]) -> bool:
    herald: Any = Herald.__new__(Herald)  # sockets take a right
    herald._address, herald._link, herald._socket = address, Link(), Link(*received)
    return bool(herald.hears())


@pytest.mark.parametrize(
    ("address", "build"), [("192.0.2.1", announcement), ("2001:db8::1", advertisement)]
)
def test_another_station_with_the_address_is_heard(
    address: str, build: Callable[[str, bytes], bytes]
) -> None:
    neighbour = "192.0.2.9" if build is announcement else "2001:db8::9"
    ours, foreign = (build(address, MAC), 255), (build(neighbour, OTHER), 255)
    assert not hears(address, ours, foreign, (b"", 255))
    assert hears(address, ours, foreign, (build(address, OTHER), 255))


def test_who_is_no_neighbour_is_not_heard() -> None:
    """An advertisement that a router has passed on comes from anywhere (RFC 4861 7.1.2)."""
    assert not hears("2001:db8::1", (advertisement("2001:db8::1", OTHER), 254))


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(
        StartError, match=r"^store.takeover_device: none-such: no interface with this name$"
    ):
        Herald("192.0.2.1", "none-such")


def test_a_missing_right_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: int) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("pcscf.net.neighbours.socket.socket", refused)
    with pytest.raises(StartError, match=r"^store.takeover_device needs CAP_NET_RAW$"):
        Herald("192.0.2.1", "lo")
