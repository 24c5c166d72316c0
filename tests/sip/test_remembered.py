from collections import Counter

import pytest

from pcscf.errors import ParseError
from pcscf.sip.remembered import remembered


class Reader:
    """Counts what it is asked to read."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.read = remembered(self._read)

    def _read(self, text: str) -> list[str]:
        self.asked[text] += 1
        if text == "bad":
            raise ParseError(400, "Bad")
        return [text]


def test_the_same_text_is_read_once() -> None:
    reader = Reader()
    assert reader.read("a") is reader.read("a")
    assert reader.read("A") == ["A"]
    assert reader.asked == {"a": 1, "A": 1}


def test_an_error_comes_each_time() -> None:
    reader = Reader()
    for _ in range(2):
        with pytest.raises(ParseError):
            reader.read("bad")
    assert reader.asked["bad"] == 2


def test_long_texts_are_not_kept() -> None:
    reader = Reader()
    text = "x" * 300
    assert reader.read(text) == reader.read(text) == [text]
    assert reader.asked[text] == 2


def test_no_more_than_a_bounded_number_is_kept() -> None:
    reader = Reader()
    for number in range(20_000):
        reader.read(str(number))
    for number in range(20_000):
        reader.read(str(number))
    assert reader.asked["0"] == 2
    assert reader.read("19999") == ["19999"]
    assert reader.asked["19999"] == 2
