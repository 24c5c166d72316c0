"""Pieces of something longer that come in any order, overlap, and may never all come."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple


class Piece(NamedTuple):
    """Octets from ``start`` up to ``end`` of the whole.

    ``data`` is shorter than that where the capture cut it. ``number`` and ``time`` are those of
    the frame that brought it.
    """

    start: int
    end: int
    data: bytes
    number: int
    time: int


class Pieces:
    """Pieces in order, none overlapping: of octets that came twice the first ones stay."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self.octets = 0  # that are covered

    def __len__(self) -> int:
        return len(self._pieces)

    def __iter__(self) -> Iterator[Piece]:
        return iter(self._pieces)

    @property
    def first(self) -> Piece:
        """The front piece; IndexError if there is none."""
        return self._pieces[0]

    @property
    def end(self) -> int:
        """Where the last piece ends; 0 if there is none."""
        return self._pieces[-1].end if self._pieces else 0

    def put(self, piece: Piece) -> bool:
        """Keep what is new of a piece; tell whether some of it was there already."""
        low = bisect_right(self._pieces, piece.start, key=_end)
        high = low
        place = piece.start
        merged: list[Piece] = []
        while high < len(self._pieces) and self._pieces[high].start < piece.end:
            present = self._pieces[high]
            if place < present.start:
                merged.append(_part(piece, place, present.start))
            merged.append(present)
            place = present.end
            high += 1
        if place < piece.end:
            merged.append(_part(piece, place, piece.end))
        before = sum(one.end - one.start for one in self._pieces[low:high])
        self._pieces[low:high] = merged
        self.octets += sum(one.end - one.start for one in merged) - before
        return high > low

    def take(self, place: int) -> list[Piece]:
        """Take out the pieces from ``place`` on up to the first hole."""
        count = 0
        for piece in self._pieces:
            if piece.start != place:
                break
            place = piece.end
            count += 1
        taken = self._pieces[:count]
        del self._pieces[:count]
        self.octets -= sum(one.end - one.start for one in taken)
        return taken


def _end(piece: Piece) -> int:
    return piece.end


def _part(piece: Piece, start: int, end: int) -> Piece:
    data = piece.data[start - piece.start : end - piece.start]
    return Piece(start, end, data, piece.number, piece.time)
