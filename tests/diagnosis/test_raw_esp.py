"""SPIs off packets; the sockets themselves need a right and ESP (tests/netns/test_diagnosis.py)."""

import socket
from typing import ClassVar

import pytest

from pcscf.diagnosis.raw_esp import RawEsp, open_raw_esp, read_spi
from xfrm.model import SaId

SPI = bytes.fromhex("abcdef01")


@pytest.mark.parametrize(
    ("data", "has_header", "spi"),
    [
        (b"\x45" + bytes(19) + SPI, True, 0xABCDEF01),
        (b"\x46" + bytes(23) + SPI, True, 0xABCDEF01),  # with options
        (b"\x4f" + bytes(59) + SPI, True, 0xABCDEF01),
        (SPI + b"more", False, 0xABCDEF01),
        (b"\x45" + bytes(19) + SPI[:3], True, None),
        (SPI[:3], False, None),
        (b"", True, None),
        (b"", False, None),
    ],
)
def test_the_spi_is_behind_the_ip_header(data: bytes, has_header: bool, spi: int | None) -> None:
    assert read_spi(data, has_header=has_header) == spi


class Socket:
    """A raw socket with packets in it."""

    made: ClassVar[list["Socket"]] = []
    failure: OSError | None = None

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        assert kind == socket.SOCK_RAW | socket.SOCK_NONBLOCK
        assert protocol == 50
        self.family = family
        self.packets = [(b"stale", ("192.0.2.99", 0))]  # what came before it was bound
        self.options: dict[tuple[int, int], object] = {}
        self.address: tuple[str, int] | None = None
        self.is_closed = False
        self.made.append(self)

    def setsockopt(self, level: int, option: int, value: object) -> None:
        self.options[level, option] = value

    def bind(self, address: tuple[str, int]) -> None:
        if self.failure is not None:
            raise self.failure
        self.address = address

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        if not self.packets:
            raise BlockingIOError
        data, source = self.packets.pop(0)
        return data[:size], source

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[Socket]:
    monkeypatch.setattr("socket.socket", Socket)
    monkeypatch.setattr(Socket, "made", [])
    return Socket.made


def test_one_socket_for_each_address_is_bound_to_it(sockets: list[Socket]) -> None:
    raw = open_raw_esp(["192.0.2.1", "2001:db8::1"])
    assert [(one.family, one.address) for one in sockets] == [
        (socket.AF_INET, ("192.0.2.1", 0)),
        (socket.AF_INET6, ("2001:db8::1", 0)),
    ]
    assert all((socket.SOL_SOCKET, 26) in one.options for one in sockets)  # SO_ATTACH_FILTER
    assert raw.read(10) == []  # what came for others is not told
    raw.close()
    assert all(one.is_closed for one in sockets)


def test_source_destination_and_spi_are_told(sockets: list[Socket]) -> None:
    raw = open_raw_esp(["192.0.2.1", "2001:db8::1"])
    four, six = sockets
    four.packets = [(b"\x45" + bytes(19) + SPI, ("192.0.2.10", 0)), (b"\x45", ("192.0.2.11", 0))]
    six.packets = [(SPI, ("2001:db8::a", 0, 0, 0))]  # type: ignore[list-item]
    assert raw.read(10) == [
        ("192.0.2.10", SaId("192.0.2.1", 0xABCDEF01)),
        ("2001:db8::a", SaId("2001:db8::1", 0xABCDEF01)),
    ]


def test_no_more_is_read_than_was_asked_for(sockets: list[Socket]) -> None:
    raw = open_raw_esp(["192.0.2.1"])
    sockets[0].packets = [(b"\x45" + bytes(19) + SPI, ("192.0.2.10", 0))] * 5
    assert len(raw.read(2)) == 2
    assert len(raw.read(9)) == 3


def test_what_cannot_be_opened_leaves_nothing_open(
    sockets: list[Socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Socket, "failure", OSError(99, "no such address"))
    with pytest.raises(OSError, match="no such address"):
        open_raw_esp(["192.0.2.1"])
    assert [one.is_closed for one in sockets] == [True]


def test_nothing_open_hears_nothing() -> None:
    assert RawEsp().read(10) == []
