import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcscf.errors import ParseError
from pcscf.sip.params import NO_PARAMS, Params
from tests.sip.strategies import quoted, tokens


def test_reads_in_order_without_case() -> None:
    params = Params.parse(' ; A=1;b ; c = "x;\\"y\\"";d=;received=2001:db8::9:255; icid=ab==')
    assert list(params) == ["A", "b", "c", "d", "received", "icid"]
    assert len(params) == 6
    assert [params.get(name) for name in ("a", "B", "c", "d", "Received", "icid", "z")] == [
        "1", "", 'x;"y"', "", "2001:db8::9:255", "ab==", None,
    ]  # fmt: skip
    assert "B" in params
    assert "z" not in params
    assert 1 not in params


def test_the_first_of_a_name_counts() -> None:
    assert Params.parse(";a=1;A=2").get("a") == "1"


@pytest.mark.parametrize(
    "text", [";", ";;", "a=1", ";a=1 b", ';a="1', ";a=1,b=2", ";=1", ";a=<b>", ";a=1;", ';a="1"2']
)
def test_refuses(text: str) -> None:
    with pytest.raises(ParseError):
        Params.parse(text)


@pytest.mark.parametrize("text", [";", "a", ";a;", "; a", ';a="b"', ";a=b=c", ";a=%4"])
def test_uri_parameters_refuse(text: str) -> None:
    with pytest.raises(ParseError):
        Params.parse_uri(text)


def test_uri_parameters() -> None:
    assert str(Params.parse_uri(";lr;a=;n%61me=v%41")) == ";lr;a=;n%61me=v%41"
    assert Params.parse_uri("") == NO_PARAMS


def test_with_and_without() -> None:
    params = Params.parse(";a=1;B=2;b=3;c")
    assert str(params.with_("b", "9")) == ";a=1;B=9;c"
    assert str(params.with_("d")) == ";a=1;B=2;b=3;c;d"
    assert str(params.without("b")) == ";a=1;c"
    assert str(params) == ";a=1;B=2;b=3;c"


@given(st.lists(st.tuples(tokens, st.none() | tokens | quoted)))
def test_prints_what_it_reads(items: list[tuple[str, str | None]]) -> None:
    params = Params(tuple(items))
    assert Params.parse(str(params)) == params
