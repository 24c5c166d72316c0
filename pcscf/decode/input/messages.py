"""SIP messages out of UDP and TCP packets, in clear or from ESP."""

import struct
from collections import Counter
from typing import Final

from pcscf.decode.input.pieces import Piece
from pcscf.decode.input.sip_stream import SipStream, sip_in
from pcscf.decode.input.tcp import Segment, TcpStream, read_segment
from pcscf.decode.model import Endpoint, Packet, Sa, SipMessage

MAX_STREAMS: Final = 4096  # directions of connections
MAX_OCTETS: Final = 32 << 20  # that all of them hold
_UDP: Final = 17
_TCP: Final = 6
_UDP_HEADER: Final = 8
_PORTS_SIZE: Final = 4
_PORTS: Final = struct.Struct("!HH").unpack
_LENGTH: Final = struct.Struct("!4xH").unpack_from

# Addresses, ports, and whether it came in ESP: what is forged in clear does not disturb that.
_Key = tuple[str, int, str, int, bool]


class _Ends(dict[tuple[str, str, bytes], tuple[Endpoint, Endpoint]]):
    """Endpoints by addresses and ports as UDP has them, each pair made once; bounded."""

    _ROOM: Final = 16384

    def __missing__(self, key: tuple[str, str, bytes]) -> tuple[Endpoint, Endpoint]:
        if len(self) >= self._ROOM:
            self.clear()
        src, dst, ports = key
        src_port, dst_port = _PORTS(ports)
        ends = self[key] = Endpoint(src, src_port), Endpoint(dst, dst_port)
        return ends


_ends: Final = _Ends()


class Messages:
    """Packets in, SIP messages out. What is no SIP is left alone."""

    def __init__(self) -> None:
        self.cut = 0  # datagrams with SIP that the capture cut
        self._gone = Counter[str]()  # what streams have counted that are gone
        self._streams: dict[_Key, _Stream] = {}  # the one used longest ago comes first
        self._gaps: dict[_Key, _Stream] = {}  # those of them in which segments wait
        self._held = 0

    @property
    def broken(self) -> int:
        """Messages of streams of which a part was lost, or whose end could not be told."""
        return self._gone["broken"] + sum(one.sip.broken for one in self._streams.values())

    @property
    def gaps(self) -> int:
        """Gaps in streams, of SIP or not, that were passed since nothing filled them."""
        return self._gone["gaps"] + sum(one.tcp.gaps for one in self._streams.values())

    def feed(self, packet: Packet, sa: Sa | None = None) -> list[SipMessage]:
        """Take a packet that came under ``sa``, or in clear; give the messages that it completes.

        A few of other connections may be among them, those that waited for segments in vain.
        Each has number, time and SA of the packet that completed it.
        """
        if packet.protocol == _UDP:
            return self._datagram(packet, sa)
        if packet.protocol == _TCP:
            return self._segment(packet, sa)
        return []

    def finish(self) -> list[SipMessage]:
        """Give what still waits for segments that will not come now."""
        messages: list[SipMessage] = []
        for stream in list(self._gaps.values()):
            messages += stream.read(stream.tcp.give_up())
        self._gaps.clear()
        return sorted(messages, key=lambda message: message.number)

    def _datagram(self, packet: Packet, sa: Sa | None) -> list[SipMessage]:
        payload = packet.payload
        if len(payload) <= _UDP_HEADER:
            return []
        number, time, src, dst, _, _, _, missing = packet
        (length,) = _LENGTH(payload)
        data = sip_in(payload[_UDP_HEADER : length or None])
        if data is None:
            return []
        if missing:
            self.cut += 1
        source, destination = _ends[src, dst, payload[:_PORTS_SIZE]]
        return [SipMessage(number, time, source, destination, "UDP", sa, data)]

    def _segment(self, packet: Packet, sa: Sa | None) -> list[SipMessage]:
        segment = read_segment(packet.payload, packet.missing)
        if segment is None:
            return []
        key = (packet.src, segment.src, packet.dst, segment.dst, sa is not None)
        messages: list[SipMessage] = []
        if self._gaps:
            self._acknowledge(key, segment)
            messages = self._overdue(packet.time)
        stream = self._streams.pop(key, None)
        if stream is None:
            if not segment.data and not segment.syn:
                return messages
            stream = _Stream(key)
            self._make_room()
        self._streams[key] = stream
        before = stream.held
        stream.sa = sa
        messages += stream.read(stream.tcp.add(segment, packet.number, packet.time))
        self._held += stream.held - before
        if stream.tcp.has_gap:
            self._gaps[key] = stream
        else:
            self._gaps.pop(key, None)
        if self._held > MAX_OCTETS:
            self._make_room()
        return messages

    def _acknowledge(self, key: _Key, segment: Segment) -> None:
        src, src_port, dst, dst_port, protected = key
        other = self._gaps.get((dst, dst_port, src, src_port, protected))
        if other is not None and segment.ack is not None:
            other.tcp.acknowledge(segment.ack)

    def _overdue(self, now: int) -> list[SipMessage]:
        """Look after one stream with a gap at a time; each has its turn."""
        key, stream = next(iter(self._gaps.items()))
        del self._gaps[key]
        before = stream.held
        messages = stream.read(stream.tcp.overdue(now))
        self._held += stream.held - before
        if stream.tcp.has_gap:
            self._gaps[key] = stream
        return messages

    def _make_room(self) -> None:
        """Let go of the streams used longest ago where there are too many, or hold too much."""
        while self._streams and (len(self._streams) >= MAX_STREAMS or self._held > MAX_OCTETS):
            key, stream = next(iter(self._streams.items()))
            del self._streams[key]
            self._gaps.pop(key, None)
            self._held -= stream.held
            self._gone["broken"] += stream.sip.broken + (stream.held > 0)
            self._gone["gaps"] += stream.tcp.gaps


class _Stream:
    """One direction of a connection, and the SA that its latest packet came under."""

    def __init__(self, key: _Key) -> None:
        self.tcp = TcpStream()
        self.sip = SipStream()
        self.sa: Sa | None = None
        self._src = Endpoint(key[0], key[1])
        self._dst = Endpoint(key[2], key[3])

    @property
    def held(self) -> int:
        return self.tcp.held + self.sip.held

    def read(self, pieces: list[Piece]) -> list[SipMessage]:
        """Give the messages that these pieces complete."""
        return [
            SipMessage(piece.number, piece.time, self._src, self._dst, "TCP", self.sa, data)
            for piece in pieces
            for data in self.sip.add(piece)
        ]
