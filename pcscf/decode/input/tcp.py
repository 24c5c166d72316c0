"""One direction of a TCP connection as it was captured, put in order (RFC 9293 3.4).

A capture may begin in mid-stream, lack segments, and have them twice or in another order.
"""

import struct
from typing import Final, NamedTuple

from pcscf.decode.input.pieces import Piece, Pieces

MAX_WAITING: Final = 1024  # segments behind a gap
MAX_OCTETS: Final = 256 << 10  # of them
PATIENCE: Final = 30 * 10**9  # with a gap, in nanoseconds: a peer repeats a segment until then
ACKED_PATIENCE: Final = 10**8  # with one that the other end has had: only the capture lacks it

_FIXED: Final = struct.Struct("!HHIIBB").unpack_from
_HEADER_SIZE: Final = 20
_SYN: Final = 0x02
_RST: Final = 0x04
_ACK: Final = 0x10
_FULL: Final = 1 << 32
_HALF: Final = 1 << 31
_WINDOW: Final = 16 << 20  # no segment of this connection is further away
_STRAYS: Final = 3  # so many in a row are of another connection
_OVERHEAD: Final = 200  # octets of memory that a waiting segment costs besides its data


class Segment(NamedTuple):
    """What a TCP header says, and what follows it."""

    src: int
    dst: int
    sequence: int
    ack: int | None
    syn: bool
    reset: bool
    data: bytes
    missing: int  # octets that the capture cut off the data


def read_segment(payload: bytes, missing: int = 0) -> Segment | None:
    """Read a TCP segment; None if the header is not whole."""
    if len(payload) < _HEADER_SIZE:
        return None
    src, dst, sequence, ack, offset, flags = _FIXED(payload)
    start = (offset >> 4) * 4
    if not _HEADER_SIZE <= start <= len(payload):
        return None
    return Segment(
        src, dst, sequence, ack if flags & _ACK else None,
        bool(flags & _SYN), bool(flags & _RST), payload[start:], missing,
    )  # fmt: skip


class TcpStream:
    """Segments in, octets out, in order and each once; of what came twice the first counts.

    Places in the stream only grow. Where a piece does not begin at the end of the one before,
    something is lost, or another connection has begun.
    """

    def __init__(self) -> None:
        self.gaps = 0  # that were passed, as what was missing did not come
        self._next: int | None = None  # the place that the next octet has
        self._opened: int | None = None  # the sequence number of the SYN
        self._acked = 0  # what the other end has had, as a place
        self._waiting = Pieces()
        self._since = 0  # when the gap before them was first seen
        self._strays = 0

    @property
    def has_gap(self) -> bool:
        """Tell whether segments wait for one before them."""
        return len(self._waiting) > 0

    @property
    def held(self) -> int:
        """Octets of memory that waiting segments take."""
        return self._waiting.octets + len(self._waiting) * _OVERHEAD

    def add(self, segment: Segment, number: int, time: int) -> list[Piece]:
        """Take a segment of the frame ``number``; give what is in order now.

        A piece that was waited for has number and time of this frame, as it is this one that
        let it through; one that is given because the wait is over keeps its own.
        """
        given: list[Piece] = []
        sequence = segment.sequence
        if segment.syn:
            if sequence != self._opened:
                given = self.give_up()
                self._open(sequence)
            sequence += 1
        data, missing = segment.data, segment.missing
        if data or missing:
            start = self._place(sequence)
            if self._strays >= _STRAYS:
                given += self.give_up()
                start = self._open_unseen(sequence)
            if start is not None:
                piece = Piece(start, start + len(data) + missing, data, number, time)
                given += self._put(piece)
        if segment.reset:
            given += self.give_up()
        return given

    def acknowledge(self, ack: int) -> None:
        """Take note of what the other end says it has had."""
        if self._next is not None:
            place = self._next + (ack - self._next + _HALF) % _FULL - _HALF
            self._acked = max(self._acked, place)

    def overdue(self, now: int) -> list[Piece]:
        """Give what waited too long, past the gap before it."""
        if not self.has_gap:
            return []
        is_acked = self._acked >= self._waiting.first.start
        patience = ACKED_PATIENCE if is_acked else PATIENCE
        return self._skip(now) if now - self._since > patience else []

    def give_up(self) -> list[Piece]:
        """Give all that waits, past every gap."""
        given: list[Piece] = []
        while self.has_gap:
            given += self._skip(0)
        return given

    def _open(self, sequence: int) -> int:
        """Begin another connection, at a place that no piece before it reaches."""
        self._opened = sequence
        base = 0 if self._next is None else (self._next // _FULL + 2) * _FULL
        self._next = base + (sequence + 1) % _FULL
        self._strays = 0
        return self._next

    def _open_unseen(self, sequence: int) -> int:
        """Begin a connection whose SYN was not captured; give the place of its first octet."""
        place = self._open(sequence - 1)
        self._opened = None
        return place

    def _place(self, sequence: int) -> int | None:
        """Give the place of a sequence number; None for a stray one."""
        if self._next is None:
            self._next = sequence % _FULL
        distance = (sequence - self._next + _HALF) % _FULL - _HALF
        if -_WINDOW <= distance <= _WINDOW:
            self._strays = 0
            return self._next + distance
        self._strays += 1
        return None

    def _put(self, piece: Piece) -> list[Piece]:
        place = self._next or 0
        if piece.start < place:
            if piece.end <= place:
                return []
            piece = piece._replace(start=place, data=piece.data[place - piece.start :])
        if piece.start == place and not self._waiting:
            self._next = piece.end
            return [piece]
        if not self._waiting:
            self._since = piece.time
        self._waiting.put(piece)
        if piece.start == place:
            self._since = piece.time
            return [one._replace(number=piece.number, time=piece.time) for one in self._take(place)]
        if len(self._waiting) > MAX_WAITING or self._waiting.octets > MAX_OCTETS:
            return self._skip(piece.time)
        return []

    def _skip(self, now: int) -> list[Piece]:
        """Give what is behind the first gap, up to the next one."""
        self.gaps += 1
        self._since = now
        return self._take(self._waiting.first.start)

    def _take(self, place: int) -> list[Piece]:
        taken = self._waiting.take(place)
        self._next = taken[-1].end
        return taken
