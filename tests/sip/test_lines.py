import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcscf.errors import ParseError
from pcscf.sip.lines import join_folding, print_line, print_lines, split_lines, value_of


def test_folding_stays_with_its_line() -> None:
    assert split_lines("S\r\na: 1\r\n 2\r\n\t3\r\nb: 4") == ["S", "a: 1\r\n 2\r\n\t3", "b: 4"]
    assert join_folding([" a", "b"]) == [" a", "b"]


@given(st.lists(st.text("ab: \t"), min_size=1))
def test_lines_join_to_what_was_split(parts: list[str]) -> None:
    text = "S\r\n" + "\r\n".join(["a:", *parts])
    assert "\r\n".join(split_lines(text)) == text


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "a\r\n\nb", "a\n\rb", "a\r\r\nb", "S\r\n a: b"])
def test_other_line_ends_are_refused(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        split_lines(text)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("a:b", "b"),
        ("a : b:c \t", "b:c"),
        ("a:", ""),
        ("a:\r\n b \r\n\tc", "b c"),
        ("a: \r\n ", ""),
    ],
)
def test_value(line: str, value: str) -> None:
    assert value_of(line) == value


def test_printing() -> None:
    assert print_line("v", "x") == "v: x"
    assert print_lines([("CALL-ID", "1"), ("via", "2")]) == ["Call-ID: 1", "Via: 2"]
    for bad in ("a\r", "\nb"):
        with pytest.raises(ValueError, match="line ends"):
            print_line("v", bad)
