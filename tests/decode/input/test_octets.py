import gzip
import io
import random
import tracemalloc

import pytest

from pcscf.decode.input.octets import Octets

PLAIN = b"".join(at.to_bytes(4, "big") for at in range(50_000))


class Pipe(io.RawIOBase):
    """Gives what comes in small pieces, as a pipe does; then it may break."""

    def __init__(self, data: bytes, piece: int, error: OSError | None = None) -> None:
        self._data = io.BytesIO(data)
        self._piece = piece
        self._error = error

    def read(self, size: int = -1) -> bytes:
        piece = self._data.read(min(size, self._piece))
        if not piece and self._error:
            raise self._error
        return piece


def read_all(octets: Octets, step: int = 1000) -> bytes:
    read = b""
    while octets.more(0, step):
        read += octets.data[:step]
        octets.data = octets.data[step:]
    return read + octets.data


@pytest.mark.parametrize("piece", [1, 7, 4096, 1 << 20])
@pytest.mark.parametrize("packed", [PLAIN[:9000], gzip.compress(PLAIN[:9000])])
def test_octets_come_whole_in_whatever_pieces(packed: bytes, piece: int) -> None:
    octets = Octets(Pipe(packed, piece))
    assert read_all(octets) == PLAIN[:9000]
    assert (octets.done, octets.fault) == (len(packed), "")


def test_what_is_before_the_place_is_let_go_of() -> None:
    octets = Octets(Pipe(b"0123456789", 4))
    assert octets.more(3, 5)
    assert octets.data.startswith(b"34567")
    assert octets.more(5, 1)
    assert octets.data == b"89"
    assert not octets.more(2, 1)
    assert octets.data == b""


def test_members_of_gzip_one_after_the_other() -> None:
    members = gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two") + bytes(100)
    for piece in (1, 1000):
        octets = Octets(Pipe(members, piece))
        assert (read_all(octets), octets.fault) == (b"one two", "")


@pytest.mark.parametrize(
    ("packed", "fault"),
    [
        (gzip.compress(PLAIN)[:-5000], "truncated gzip"),
        (gzip.compress(PLAIN)[:-1], "truncated gzip"),
        (gzip.compress(PLAIN)[:-8] + bytes(8), "damaged gzip"),
        (gzip.compress(PLAIN) + b"garbage", "damaged gzip"),
        (gzip.compress(PLAIN) + gzip.compress(PLAIN)[:50], "truncated gzip"),
        (b"\x1f\x8b\x08", "truncated gzip"),
        (b"\x1f\x8b\xff\xff" + bytes(20), "damaged gzip"),
    ],
)
def test_broken_gzip_is_read_up_to_where_it_breaks(packed: bytes, fault: str) -> None:
    octets = Octets(Pipe(packed, 1 << 20))
    read = read_all(octets)
    assert octets.fault == fault
    assert (PLAIN * 2).startswith(read)
    assert len(packed) < 100 or len(read) > 100_000


def test_an_error_while_reading_is_an_end_with_its_reason() -> None:
    octets = Octets(Pipe(b"0123", 4, OSError(5, "Input/output error")))
    assert read_all(octets) == b"0123"
    assert octets.fault == "Input/output error"


def test_a_gzip_bomb_takes_no_memory() -> None:
    bomb = gzip.compress(bytes(64 << 20))
    tracemalloc.start()
    octets = Octets(io.BytesIO(bomb))
    read, at = 0, 0
    while octets.more(at, 1):
        at = len(octets.data)
        read += at
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (read, octets.fault) == (64 << 20, "")
    assert peak < 8 << 20


def test_many_small_members_take_no_time() -> None:
    members = gzip.compress(b"x") * 50_000
    octets = Octets(io.BytesIO(members))
    assert read_all(octets, 10_000) == b"x" * 50_000


def test_closing_closes_the_file() -> None:
    file = io.BytesIO(b"data")
    Octets(file).close()
    assert file.closed


def test_random_places() -> None:
    chance = random.Random(3)
    octets = Octets(Pipe(PLAIN, 777))
    place = at = 0
    while octets.more(at, size := chance.randrange(1, 5000)):
        assert octets.data.startswith(PLAIN[place : place + size])
        at = chance.randrange(len(octets.data) + 1)
        place += at
    assert len(PLAIN) - place < 5000
