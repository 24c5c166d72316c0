import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcscf.sip.elements import split_elements, split_first


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        ("", []),
        (" , ,", []),
        (" a ", ["a"]),
        ("a,b ,\tc", ["a", "b", "c"]),
        ('"a,b",c', ['"a,b"', "c"]),
        ('"a\\",b" <x,y>, z', ['"a\\",b" <x,y>', "z"]),
        ('<sip:a"b>,c', ['<sip:a"b>', "c"]),
        ('a"b,c', ['a"b,c']),
        ("<a,b", ["<a,b"]),
        ("a>,b", ["a>", "b"]),
    ],
)
def test_split(value: str, elements: list[str]) -> None:
    assert split_elements(value) == elements


@given(st.text('ab,"<> \\'))
def test_first_and_rest_are_the_whole(value: str) -> None:
    first, rest = split_first(value)
    assert ([first] if first else []) + split_elements(rest) == split_elements(value)
