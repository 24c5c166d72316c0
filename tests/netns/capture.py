"""A packet capture that loses nothing at its edges.

The kernel puts a packet into the queue of a packet socket while it sends or receives it. So
a packet that a test has seen arrive is in the capture, with no process to wait for at the
start or the end, as tcpdump would need.
"""

import socket
import struct
from pathlib import Path
from typing import Any

ETH_P_ALL = 0x0003
SOL_PACKET = 263
PACKET_STATISTICS = 6
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
BUFFER = 64 << 20  # bytes in kernel accounting, about 1 KB for a small packet
LINKTYPE_ETHERNET = 1
LONGEST_PACKET = 1 << 18


class Capture:
    """Packets of one interface, both directions, from construction to ``stop``."""

    def __init__(self, interface: str):
        """Begin at once; the calling thread must be in the interface's namespace."""
        self._packets: list[tuple[int, bytes]] = []
        self._drops = 0
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setblocking(False)
        self._socket.bind((interface, ETH_P_ALL))

    def stop(self) -> None:
        """Take what has come and close; AssertionError if the kernel had to drop packets."""
        self._drain()
        statistics = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        self._socket.close()
        dropped = struct.unpack("=II", statistics)[1]
        assert not dropped, f"the capture lost {dropped} packets"

    def frames(self) -> list[bytes]:
        """Return the Ethernet frames captured so far."""
        self._drain()
        return [frame for _, frame in self._packets]

    def timed(self) -> list[tuple[int, bytes]]:
        """Return the same frames, each with its time in nanoseconds since 1970."""
        self._drain()
        return list(self._packets)

    def protocols(self, host: str) -> set[int]:
        """Return the IP protocols of what went to an address, neighbour solicitations aside."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        address = socket.inet_pton(family, host)
        found = (_protocol(frame, address) for frame in self.frames())
        return {one for one in found if one is not None} - {socket.IPPROTO_ICMPV6}

    def write(self, path: Path) -> None:
        """Write what was captured so far as a pcap file (nanosecond times)."""
        self._drain()
        with path.open("wb") as out:
            out.write(struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, LINKTYPE_ETHERNET))
            for time_ns, frame in self._packets:
                seconds, nanoseconds = divmod(time_ns, 10**9)
                out.write(struct.pack("=IIII", seconds, nanoseconds, len(frame), len(frame)))
                out.write(frame)

    def scapy(self) -> list[Any]:
        """Return what was captured so far as scapy packets, with their times."""
        from scapy.layers.l2 import Ether

        self._drain()
        packets = []
        for time_ns, frame in self._packets:
            packet = Ether(frame)
            packet.time = time_ns / 10**9
            packets.append(packet)
        return packets

    def _drain(self) -> None:
        while self._socket.fileno() >= 0:
            try:
                frame, ancillary, _, _ = self._socket.recvmsg(LONGEST_PACKET, 64)
            except BlockingIOError:
                return
            self._packets.append((_time_ns(ancillary), frame))


def _protocol(frame: bytes, to: bytes) -> int | None:
    """The protocol of an IP packet to this address; of a fragment, that of the whole."""
    kind, packet = frame[12:14], frame[14:]
    if kind == b"\x08\x00" and packet[16:20] == to:
        return packet[9]
    if kind == b"\x86\xdd" and packet[24:40] == to:
        return packet[40] if packet[6] == socket.IPPROTO_FRAGMENT else packet[6]
    return None


def _time_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("=qq", data[:16])
            return int(seconds * 10**9 + nanoseconds)
    raise AssertionError("a packet came without its time")
