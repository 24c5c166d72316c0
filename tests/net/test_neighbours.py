"""What neighbours are told, octet by octet; tests/netns/test_takeover.py has who believes it."""

import socket

import pytest

from pcscf.errors import StartError
from pcscf.net.neighbours import Herald, advertised, advertisement, announced, announcement

MAC = bytes.fromhex("020000000001")


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
