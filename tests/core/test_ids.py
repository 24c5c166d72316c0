from random import Random

from pcscf.core.ids import Ids


def test_every_identifier_is_drawn_anew_and_long_enough() -> None:
    ids = Ids(Random(1).randbytes)
    for draw, octets in ((ids.token, 16), (ids.tag, 8), (ids.icid, 16)):
        drawn = {draw() for _ in range(100)}
        assert len(drawn) == 100
        assert all(len(bytes.fromhex(text)) == octets for text in drawn)
    assert all(branch.startswith("z9hG4bK") for branch in (ids.branch(), ids.branch()))


def test_spis_keep_out_of_the_reserved_range() -> None:
    """RFC 4303 2.1."""
    assert Ids(bytes).spi(set()) == 256
    assert Ids((2**32 - 257).to_bytes).spi(set()) == 2**32 - 1


def test_a_taken_spi_is_not_drawn() -> None:
    draws = iter([0, 0, 1])
    ids = Ids(lambda size: next(draws).to_bytes(size))
    assert ids.spi({256}) == 257


def test_a_circle_begins_at_every_value() -> None:
    ids = Ids(Random(1).randbytes)
    circles = {tuple(ids.from_anywhere(range(7, 10))) for _ in range(100)}
    assert circles == {(7, 8, 9), (8, 9, 7), (9, 7, 8)}


def test_a_number_between_two_may_be_either_of_them() -> None:
    ids = Ids(Random(1).randbytes)
    assert {ids.between(5, 8) for _ in range(200)} == {5, 6, 7, 8}
    assert ids.between(5, 5) == 5
