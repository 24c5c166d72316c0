import random

import pytest

from pcscf.decode.input import tcp as module
from pcscf.decode.input.pieces import Piece
from pcscf.decode.input.tcp import ACKED_PATIENCE, PATIENCE, Segment, TcpStream, read_segment
from tests.decode.wires import ACK, RST, SYN, tcp

SECOND = 10**9


def segment(data: bytes, sequence: int, flags: int = ACK, missing: int = 0) -> Segment:
    read = read_segment(tcp(data, sequence, flags), missing)
    assert read is not None
    return read


class Tap:
    """A stream whose frames are numbered; ``text`` has a bar wherever something is lost."""

    def __init__(self) -> None:
        self.stream = TcpStream()
        self.pieces: list[Piece] = []
        self.number = 0

    def add(self, data: bytes, sequence: int, flags: int = ACK, missing: int = 0) -> str:
        self.number += 1
        heard = segment(data, sequence, flags, missing)
        self.pieces += self.stream.add(heard, self.number, self.number * 10)
        return self.text

    @property
    def text(self) -> str:
        text, end = "", None
        for piece in self.pieces:
            text += ("" if end in {None, piece.start} else "|") + piece.data.decode()
            end = piece.start + len(piece.data)
        return text


def test_a_header_is_read() -> None:
    assert read_segment(tcp(b"data", 5, SYN | ACK, ack=9, src=1, dst=2, options=bytes(8)), 3) == (
        Segment(1, 2, 5, 9, True, False, b"data", 3)
    )
    reset = read_segment(tcp(b"", 5, RST))
    assert reset is not None
    assert (reset.ack, reset.reset) == (None, True)


@pytest.mark.parametrize("octets", [b"", tcp(b"")[:19], tcp(b"", options=bytes(8))[:27]])
def test_a_header_that_is_not_whole(octets: bytes) -> None:
    assert read_segment(octets) is None


def test_a_data_offset_into_the_header_is_refused() -> None:
    assert read_segment(tcp(b"")[:12] + b"\x40" + bytes(20)) is None


def test_segments_in_order() -> None:
    tap = Tap()
    tap.add(b"", 99, SYN)
    assert tap.add(b"ab", 100) == "ab"
    assert tap.add(b"cd", 102) == "abcd"
    assert not tap.stream.has_gap


def test_a_capture_that_begins_in_mid_stream() -> None:
    assert Tap().add(b"ab", 77777) == "ab"


def test_repetitions_and_overlaps_are_dropped() -> None:
    tap = Tap()
    tap.add(b"abcd", 100)
    tap.add(b"abcd", 100)
    tap.add(b"XXXef", 101)
    tap.add(b"?", 103)  # a keep-alive's octet
    assert tap.text == "abcdef"


def test_segments_in_another_order_come_with_the_one_that_was_missing() -> None:
    tap = Tap()
    tap.add(b"ab", 100)
    tap.add(b"ef", 104)
    tap.add(b"gh", 106)
    assert tap.text == "ab"
    assert tap.stream.held > 4
    tap.add(b"cd", 102)
    assert tap.text == "abcdefgh"
    assert [piece.number for piece in tap.pieces] == [1, 4, 4, 4]
    assert (tap.stream.has_gap, tap.stream.held) == (False, 0)


def test_of_octets_that_wait_the_first_ones_count() -> None:
    tap = Tap()
    tap.add(b"ab", 100)
    tap.add(b"ef", 104)
    tap.add(b"XXXXg", 102)
    assert tap.text == "abXXefg"


def test_sequence_numbers_wrap() -> None:
    tap = Tap()
    start = (1 << 32) - 4
    tap.add(b"abc", start)
    tap.add(b"gh", 2)
    tap.add(b"def", start + 3)
    tap.add(b"ij", 4)
    assert tap.text == "abcdefghij"


def test_a_gap_is_passed_after_a_while() -> None:
    tap = Tap()
    tap.add(b"ab", 100)
    tap.add(b"ef", 104)
    assert tap.stream.overdue(PATIENCE) == []
    tap.pieces += tap.stream.overdue(PATIENCE + 21)
    assert tap.text == "ab|ef"
    assert tap.pieces[-1].number == 2
    assert tap.add(b"cd", 102) == "ab|ef"
    assert tap.add(b"gh", 106) == "ab|efgh"


def test_a_gap_that_the_other_end_has_had_is_passed_soon() -> None:
    tap = Tap()
    tap.add(b"ab", 100)
    tap.add(b"ef", 104)
    tap.stream.acknowledge(102)
    assert tap.stream.overdue(ACKED_PATIENCE + 21) == []
    tap.stream.acknowledge(106)
    assert tap.stream.overdue(ACKED_PATIENCE) == []
    tap.pieces += tap.stream.overdue(ACKED_PATIENCE + 21)
    assert tap.text == "ab|ef"


def test_acknowledgements_wrap_too() -> None:
    tap = Tap()
    tap.add(b"ab", (1 << 32) - 4)
    tap.add(b"ef", 0)
    tap.stream.acknowledge(2)
    tap.pieces += tap.stream.overdue(SECOND)
    assert tap.text == "ab|ef"


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("MAX_WAITING", 3), ("MAX_OCTETS", 10)):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            tap = Tap()
            tap.add(b"ab", 100)
            for sequence in (200, 300, 400):
                tap.add(b"xyz", sequence)
            assert tap.text == "ab"
            assert tap.add(b"xyz", 500) == "ab|xyz"
            assert tap.add(b"uvw", 203) == "ab|xyzuvw"


def test_giving_up_gives_all() -> None:
    tap = Tap()
    tap.add(b"ab", 100)
    tap.add(b"gh", 106)
    tap.add(b"de", 103)
    tap.pieces += tap.stream.give_up()
    assert tap.text == "ab|de|gh"
    assert tap.stream.give_up() == []


def test_the_same_ports_again_are_another_connection() -> None:
    tap = Tap()
    tap.add(b"", 99, SYN)
    tap.add(b"ab", 100)
    tap.add(b"", 99, SYN)  # a copy of the first
    tap.add(b"cd", 102)
    tap.add(b"gh", 106)
    tap.add(b"", 101, SYN)
    tap.add(b"new", 102)
    assert tap.text == "abcd|gh|new"


def test_data_may_come_with_the_syn() -> None:
    tap = Tap()
    tap.add(b"ab", 99, SYN)
    assert tap.add(b"cd", 102) == "abcd"


def test_another_connection_whose_syn_was_not_captured() -> None:
    tap = Tap()
    tap.add(b"ab", 100)
    tap.add(b"ef", 104)
    for at in range(4):
        tap.add(b"%d" % at, 1_000_000_000 + at)
    assert tap.text == "ab|ef|23"


def test_stray_segments_do_not_matter() -> None:
    tap = Tap()
    tap.add(b"ab", 100)
    for at in range(5):
        tap.add(b"stray", 3_000_000_000)
        tap.add(b"stray", 1_000_000_000)
        tap.add(b"%d" % at, 102 + at)
    assert tap.text == "ab01234"


def test_a_reset_ends_the_wait() -> None:
    tap = Tap()
    tap.add(b"ab", 100)
    tap.add(b"ef", 104)
    assert tap.add(b"", 106, RST) == "ab|ef"


def test_what_the_capture_cut_is_a_gap_at_once() -> None:
    tap = Tap()
    tap.add(b"ab", 100, missing=2)
    assert tap.add(b"ef", 104) == "ab|ef"
    tap = Tap()
    tap.add(b"ab", 100)
    tap.add(b"ef", 104, missing=2)
    tap.add(b"ij", 108)
    assert tap.add(b"cd", 102) == "abcdef|ij"


def test_any_order_gives_the_stream() -> None:
    chance = random.Random(7)
    whole = "".join(chr(chance.randrange(97, 123)) for _ in range(300))
    for start in (0, (1 << 32) - 150):
        pieces = [
            (at, whole[at : at + chance.randrange(5, 30)].encode()) for at in range(0, 300, 5)
        ]
        chance.shuffle(pieces)
        tap = Tap()
        tap.add(b"", start - 1, SYN)
        for at, data in pieces:
            tap.add(data, start + at)
        assert tap.text == whole
