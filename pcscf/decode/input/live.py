"""Packets of a network interface as they pass, from Linux's packet sockets."""

import socket
import struct
from collections.abc import Iterator
from typing import Final

from pcscf.decode.input.capture import Capture, Progress
from pcscf.decode.input.link import LINUX_SLL
from pcscf.decode.input.reader import MAX_FRAME
from pcscf.decode.model import Frame
from pcscf.errors import CaptureError

EVERY_INTERFACE: Final = "any"

_ALL_PROTOCOLS: Final = 0x0003
_SOL_PACKET: Final = 263
_PACKET_STATISTICS: Final = 6
_SO_RCVBUFFORCE: Final = 33
_SO_TIMESTAMPNS: Final = 35
_OUTGOING: Final = 4
_LOOPBACK: Final = 772  # ARPHRD_LOOPBACK
_BUFFER: Final = 64 << 20  # octets, of packets that wait for us
_ANCILLARY: Final = socket.CMSG_SPACE(16)
_TIME: Final = struct.Struct("@qq")
_STATISTICS: Final = struct.Struct("@II")
_COOKED: Final = struct.Struct("!HHH8sH").pack

_Address = tuple[str, int, int, int, bytes]


class LiveCapture(Capture):
    """Frames without end, as "Linux cooked" whatever the interface; Ctrl-C ends it.

    ``notes`` says how many packets the kernel dropped because they were not read in time.
    """

    def __init__(self, interface: str, heard: socket.socket) -> None:
        super().__init__([], [])
        self._interface = interface
        self._socket = heard
        self._octets = 0

    def __iter__(self) -> Iterator[Frame]:
        number = 0
        room = bytearray(MAX_FRAME)
        while True:
            try:
                size, ancillary, _, address = self._socket.recvmsg_into([room], _ANCILLARY)
            except OSError as error:
                self.notes.append(f"{self._interface}: {error.strerror}")
                return
            if address[2] == _OUTGOING and address[3] == _LOOPBACK:
                continue  # it comes in as well
            number += 1
            self._octets += size
            yield Frame(number, _time(ancillary), LINUX_SLL, _cooked(address) + room[:size])

    @property
    def progress(self) -> Progress:
        """Octets heard so far; there is no telling how many will come."""
        return Progress(self._octets, None)

    def close(self) -> None:
        """Stop capturing."""
        if self._socket.fileno() < 0:
            return
        counts = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size)
        dropped = _STATISTICS.unpack(counts)[1]
        if dropped:
            self.notes.append(f"{self._interface}: the kernel dropped {dropped} packets")
        self._socket.close()


def open_live(interface: str) -> LiveCapture:
    """Begin to capture on an interface, or on every one if it is "any".

    Raises CaptureError if there is no such interface, or the right to do so is lacking.
    """
    try:
        heard = _open(interface)
    except PermissionError:
        raise CaptureError(
            f"{interface}: capturing needs root, or the capability CAP_NET_RAW"
        ) from None
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "no name of an interface"
        raise CaptureError(f"{interface}: {reason}") from None
    return LiveCapture(interface, heard)


def _open(interface: str) -> socket.socket:
    """Open a socket that hears nothing until it is bound, and then the right interface alone."""
    protocol = socket.htons(_ALL_PROTOCOLS) if interface == EVERY_INTERFACE else 0
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, protocol)
    try:
        heard.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        _enlarge(heard)
        if interface != EVERY_INTERFACE:
            heard.bind((interface, _ALL_PROTOCOLS))
    except BaseException:
        heard.close()
        raise
    return heard


def _enlarge(heard: socket.socket) -> None:
    """Make room for packets; beyond the system's limit only with CAP_NET_ADMIN."""
    try:
        heard.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    except OSError:
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)


def _cooked(address: _Address) -> bytes:
    """Make the header of LINKTYPE_LINUX_SLL."""
    _, protocol, kind, hardware, source = address
    return _COOKED(kind, hardware, len(source), source[:8], protocol)


def _time(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIME.unpack_from(data)
            return int(seconds * 10**9 + nanoseconds)
    return 0
