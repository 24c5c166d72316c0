"""What the phone itself sent and received: a record kept at its sockets."""

import socket
import time
from typing import Any

from tests.demo.wiretap import Flow, Segment
from tests.peers.text import Address
from tests.peers.wire import SocketFactory, placed_in

Record = list[Segment]


class RecordingSocket(socket.socket):
    """A socket that notes what it took and gave, whether over UDP or TCP."""

    record: Record
    ends: tuple[Address, Address]  # of a connection: own and the other's

    def connect(self, address: Any) -> None:
        super().connect(address)
        self._name_ends()

    def accept(self) -> tuple["RecordingSocket", Any]:
        plain, address = super().accept()
        accepted = RecordingSocket(fileno=plain.detach())
        accepted.record = self.record
        accepted._name_ends()
        return accepted, address

    def sendto(self, data: Any, address: Any, *_: Any) -> int:
        sent = super().sendto(data, address)
        self._note("UDP", Address(*self.getsockname()[:2]), Address(*address[:2]), data)
        return sent

    def recvfrom(self, size: int, flags: int = 0) -> tuple[bytes, Any]:
        data, address = super().recvfrom(size, flags)
        self._note("UDP", Address(*address[:2]), Address(*self.getsockname()[:2]), data)
        return data, address

    def sendall(self, data: Any, flags: int = 0) -> None:
        super().sendall(data, flags)
        own, other = self.ends
        self._note("TCP", own, other, data)

    def recv(self, size: int, flags: int = 0) -> bytes:
        data = super().recv(size, flags)
        own, other = self.ends
        self._note("TCP", other, own, data)
        return data

    def _name_ends(self) -> None:
        self.ends = (Address(*self.getsockname()[:2]), Address(*self.getpeername()[:2]))

    def _note(self, transport: str, src: Address, dst: Address, data: bytes) -> None:
        if data:
            self.record.append(Segment(time.time(), Flow(transport, src, dst), bytes(data)))


def recording(entered: Any, record: Record) -> SocketFactory:
    """Like ``placed_in``, and what the sockets carry goes into ``record``."""
    inner = placed_in(entered)

    def factory(family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        made = RecordingSocket(fileno=inner(family, kind).detach())
        made.record = record
        return made

    return factory
