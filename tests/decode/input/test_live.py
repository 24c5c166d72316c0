"""Live captures on a socket that is played; tests/netns/test_live.py has a real one."""

import errno
import os
import socket
import struct
from typing import Any, ClassVar

import pytest

from pcscf.decode.input.live import open_live
from pcscf.decode.input.unwrap import Unwrapper
from pcscf.errors import CaptureError
from tests.decode.wires import PCSCF, UDP, ipv4, udp

PACKET = ipv4(udp(b"OPTIONS"))
ETHERNET, LOOPBACK = 1, 772
HOST, OUTGOING = 0, 4
MAC = bytes(range(6))


class Played:
    """A packet socket that hears what the test says; ``refused`` is an error of some call."""

    heard: ClassVar[list[tuple[bytes, int, int, int]]]
    refused: ClassVar[dict[str, int]]
    dropped: ClassVar[int]
    latest: ClassVar["Played"]

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        self._fail("socket")
        assert (family, kind) == (socket.AF_PACKET, socket.SOCK_DGRAM)
        self.protocol = protocol
        self.bound: tuple[str, int] | None = None
        self.is_open = True
        self._queue = list(self.heard)
        Played.latest = self

    def _fail(self, call: str) -> None:
        if call in self.refused:
            raise OSError(self.refused[call], os.strerror(self.refused[call]))

    def setsockopt(self, level: int, name: int, value: int) -> None:
        if name == 33:
            self._fail("force")

    def bind(self, address: tuple[str, int]) -> None:
        self._fail("bind")
        self.bound = address

    def recvmsg_into(self, rooms: list[bytearray], ancillary_size: int) -> Any:
        if not self._queue:
            raise OSError(errno.ENETDOWN, "Network is down")
        data, protocol, kind, hardware = self._queue.pop(0)
        rooms[0][: len(data)] = data
        time = (socket.SOL_SOCKET, 35, struct.pack("qq", 1_700_000_000, 123))
        assert ancillary_size >= socket.CMSG_SPACE(16)
        return len(data), [time], 0, ("gm", protocol, kind, hardware, MAC)

    def getsockopt(self, level: int, name: int, size: int) -> bytes:
        return struct.pack("II", 100, self.dropped)

    def fileno(self) -> int:
        return 7 if self.is_open else -1

    def close(self) -> None:
        self.is_open = False


@pytest.fixture(autouse=True)
def played(monkeypatch: pytest.MonkeyPatch) -> type[Played]:
    monkeypatch.setattr(socket, "socket", Played)
    for name, value in (("heard", []), ("refused", {}), ("dropped", 0)):
        monkeypatch.setattr(Played, name, value, raising=False)
    return Played


def test_packets_become_frames(played: type[Played]) -> None:
    played.heard = [(PACKET, 0x0800, HOST, ETHERNET), (b"arp", 0x0806, HOST, ETHERNET)]
    with open_live("gm") as capture:
        first, second = capture
        assert capture.progress == (len(PACKET) + 3, None)
    assert played.latest.bound == ("gm", 3)
    assert (first.number, first.time) == (1, 1_700_000_000_000_000_123)
    packet = Unwrapper().frame(first)
    assert packet is not None
    assert (packet.dst, packet.protocol, packet.payload) == (PCSCF, UDP, udp(b"OPTIONS"))
    assert second.number == 2
    assert Unwrapper().frame(second) is None
    assert capture.notes == ["gm: Network is down"]


def test_what_goes_over_loopback_is_seen_once(played: type[Played]) -> None:
    played.heard = [(PACKET, 0x0800, kind, LOOPBACK) for kind in (OUTGOING, HOST)]
    assert len(list(open_live("lo"))) == 1
    played.heard = [(PACKET, 0x0800, kind, ETHERNET) for kind in (OUTGOING, HOST)]
    assert len(list(open_live("gm"))) == 2


def test_every_interface_is_heard_without_binding(played: type[Played]) -> None:
    open_live("any")
    assert (played.latest.protocol, played.latest.bound) == (socket.htons(3), None)
    open_live("gm")
    assert played.latest.protocol == 0


def test_dropped_packets_are_noted_once(played: type[Played]) -> None:
    played.dropped = 12
    with open_live("gm") as capture:
        pass
    capture.close()
    assert capture.notes == ["gm: the kernel dropped 12 packets"]
    assert not played.latest.is_open


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        ("socket", errno.EPERM, "gm: capturing needs root, or the capability CAP_NET_RAW"),
        ("socket", errno.EAFNOSUPPORT, "gm: Address family not supported by protocol"),
        ("bind", errno.ENODEV, "gm: No such device"),
    ],
)
def test_why_it_cannot_begin(played: type[Played], call: str, error: int, text: str) -> None:
    played.refused = {call: error}
    with pytest.raises(CaptureError) as raised:
        open_live("gm")
    assert str(raised.value) == text
    assert call == "socket" or not played.latest.is_open


def test_a_smaller_buffer_is_taken_without_the_right_to_a_larger_one(played: type[Played]) -> None:
    played.refused = {"force": errno.EPERM}
    played.heard = [(PACKET, 0x0800, HOST, ETHERNET)]
    assert len(list(open_live("gm"))) == 1
