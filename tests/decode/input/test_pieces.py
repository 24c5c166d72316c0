import random

import pytest

from pcscf.decode.input.pieces import Piece, Pieces


def piece(start: int, data: bytes, number: int = 1) -> Piece:
    return Piece(start, start + len(data), data, number, number * 10)


def joined(pieces: Pieces) -> list[tuple[int, bytes]]:
    return [(one.start, one.data) for one in pieces]


def test_pieces_come_out_in_order_up_to_a_hole() -> None:
    pieces = Pieces()
    for one in (piece(4, b"ef"), piece(0, b"ab"), piece(9, b"x"), piece(2, b"cd")):
        assert not pieces.put(one)
    assert (pieces.octets, pieces.first.data, pieces.end, len(pieces)) == (7, b"ab", 10, 4)
    assert b"".join(one.data for one in pieces.take(0)) == b"abcdef"
    assert (pieces.octets, joined(pieces), pieces.take(0)) == (1, [(9, b"x")], [])


def test_what_came_first_stays() -> None:
    pieces = Pieces()
    pieces.put(piece(2, b"cd", 1))
    pieces.put(piece(6, b"gh", 2))
    assert pieces.put(piece(0, b"ABCDEFGHIJ", 3))
    assert joined(pieces) == [(0, b"AB"), (2, b"cd"), (4, b"EF"), (6, b"gh"), (8, b"IJ")]
    assert [one.number for one in pieces] == [3, 1, 3, 2, 3]
    assert pieces.put(piece(3, b"####"))
    assert (pieces.octets, len(pieces)) == (10, 5)


def test_a_cut_piece_covers_what_it_lacks() -> None:
    pieces = Pieces()
    pieces.put(Piece(0, 8, b"abc", 1, 1))
    assert pieces.put(piece(4, b"efghij"))
    assert joined(pieces) == [(0, b"abc"), (8, b"ij")]


def test_nothing_has_no_first_piece() -> None:
    with pytest.raises(IndexError):
        _ = Pieces().first
    assert Pieces().end == 0


def test_any_order_and_overlap_gives_the_whole() -> None:
    chance = random.Random(5)
    whole = bytes(chance.randrange(256) for _ in range(500))
    for _ in range(50):
        pieces = Pieces()
        while pieces.octets < len(whole):
            start = chance.randrange(len(whole))
            pieces.put(piece(start, whole[start : start + chance.randrange(1, 40)]))
        assert b"".join(one.data for one in pieces.take(0)) == whole
        assert (pieces.octets, len(pieces)) == (0, 0)
