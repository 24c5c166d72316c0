"""IP fragments put together (RFC 791 3.2, RFC 8200 4.5), within bounds of number, size and time."""

from typing import Final

from pcscf.decode.input.ip import Fragment, behind_extensions
from pcscf.decode.input.pieces import Piece, Pieces
from pcscf.decode.model import Packet

MAX_PACKETS: Final = 1024  # that wait for the rest of theirs
MAX_OCTETS: Final = 16 << 20  # of all of them
LIFETIME: Final = 30 * 10**9  # by the capture's clock; hosts wait 15 to 60 seconds
_LONGEST: Final = 65535
_OVERHEAD: Final = 200  # octets of memory that a piece costs besides its data

_Key = tuple[str, str, int, int]


class Fragments:
    """Fragments in, whole packets out. What came first of octets that overlap is kept."""

    def __init__(self) -> None:
        self.overlaps = 0  # fragments of which some octets had come before, or that contradict
        self.unfinished = 0  # packets given up
        self._partials: dict[_Key, _Partial] = {}
        self._octets = 0

    def __len__(self) -> int:
        return len(self._partials)

    def add(self, fragment: Fragment) -> Packet | None:
        """Take a fragment; give the packet that it completes.

        The packet has number and time of that fragment. Where the capture cut one of its
        fragments, the packet ends there, and what should follow is ``missing``.
        """
        piece = fragment.piece
        key = _key(fragment)
        if key not in self._partials or self._octets >= MAX_OCTETS:
            self._make_room(piece.time)
        partial = self._partials.get(key)
        if partial is not None and piece.time - partial.since > LIFETIME:
            self._give_up(key)
            partial = None
        if partial is None:
            partial = self._partials[key] = _Partial(piece.time)
        before = partial.cost
        self.overlaps += partial.put(fragment)
        self._octets += partial.cost - before
        packet = partial.join(piece)
        if packet is None:
            return None
        self._forget(key)
        return behind_extensions(packet)

    def _make_room(self, now: int) -> None:
        """Give up what is too old, and the oldest where there are too many."""
        while self._partials:
            key, oldest = next(iter(self._partials.items()))
            crowded = len(self._partials) >= MAX_PACKETS or self._octets >= MAX_OCTETS
            if not crowded and now - oldest.since <= LIFETIME:
                return
            self._give_up(key)

    def _give_up(self, key: _Key) -> None:
        self.unfinished += 1
        self._forget(key)

    def _forget(self, key: _Key) -> None:
        self._octets -= self._partials.pop(key).cost


def _key(fragment: Fragment) -> _Key:
    """IPv6 leaves the protocol out: only the first fragment's counts (RFC 8200 4.5)."""
    piece = fragment.piece
    protocol = piece.protocol if piece.header[0] >> 4 == 4 else -1
    return piece.src, piece.dst, fragment.ident, protocol


class _Partial:
    """What has come of one packet."""

    def __init__(self, since: int) -> None:
        self.since = since
        self._pieces = Pieces()
        self._size: int | None = None  # known from the last fragment
        self._head: Packet | None = None  # the fragment that begins the packet

    @property
    def cost(self) -> int:
        return self._pieces.octets + len(self._pieces) * _OVERHEAD

    def put(self, fragment: Fragment) -> bool:
        """Keep what is new; tell whether the fragment overlaps or contradicts what has come."""
        piece = fragment.piece
        start = fragment.offset
        end = start + len(piece.payload) + piece.missing
        if (fragment.more and (end % 8 or end == start)) or end > _LONGEST:
            return True
        if self._contradicts(end, fragment.more):
            return True
        if not fragment.more:
            self._size = end
        if not start and self._head is None:
            self._head = piece
        return self._pieces.put(Piece(start, end, piece.payload, piece.number, piece.time))

    def _contradicts(self, end: int, more: bool) -> bool:
        if self._size is None:
            return not more and end < self._pieces.end
        return end > self._size or (not more and end != self._size)

    def join(self, last: Packet) -> Packet | None:
        """Make the packet, as of the fragment that came last; None while it is not whole."""
        if self._head is None or self._pieces.octets != self._size:
            return None
        payload = []
        for piece in self._pieces:
            payload.append(piece.data)
            if len(piece.data) < piece.end - piece.start:
                break
        data = b"".join(payload)
        return self._head._replace(
            number=last.number, time=last.time, payload=data, missing=self._size - len(data)
        )
