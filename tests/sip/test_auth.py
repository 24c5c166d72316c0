import contextlib
import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pcscf.errors import ParseError
from pcscf.sip.auth import add_param, parse_auth, take_params
from tests.sip.strategies import blanks, quoted

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "aka-digest.json").read_text())
KEYS = ("ck", "ik")


def test_challenge_of_the_vectors() -> None:
    register = VECTORS["register"]
    rest, taken = take_params(register["www_authenticate_from_core"], KEYS)
    assert rest == register["www_authenticate_to_ue"]
    assert taken == {
        "ik": VECTORS["milenage"]["f4_ik"],
        "ck": VECTORS["milenage"]["f3_ck"],
    }


@pytest.mark.parametrize(
    ("value", "rest", "taken"),
    [
        ('Digest realm="a", ck="1", nonce="n"', 'Digest realm="a", nonce="n"', {"ck": "1"}),
        ('Digest ck="1", realm="a"', 'Digest realm="a"', {"ck": "1"}),
        ('Digest ck="1",ik="2",realm="a"', 'Digest realm="a"', {"ck": "1", "ik": "2"}),
        ('Digest realm="a",ck="1",ik="2"', 'Digest realm="a"', {"ck": "1", "ik": "2"}),
        ('Digest ck="1"', "Digest", {"ck": "1"}),
        ("Digest CK=1 , iK = 2", "Digest", {"ck": "1", "ik": "2"}),
        ('Digest\t ck\r\n =\r\n\t"1"\r\n ,\r\n realm="a"', 'Digest\t realm="a"', {"ck": "1"}),
        ('Digest realm="a", ck="1", ck="3"', 'Digest realm="a"', {"ck": "1"}),
        ('Digest realm="a, ck=\\"1\\", ik=2"', 'Digest realm="a, ck=\\"1\\", ik=2"', {}),
        ('Digest opaque="ck=1", xck="2", ck-x="3"', 'Digest opaque="ck=1", xck="2", ck-x="3"', {}),
        (
            'Digest realm="a", ck="1", Basic realm="b", Digest ik="2", Bearer',
            'Digest realm="a", Basic realm="b", Digest, Bearer',
            {"ck": "1", "ik": "2"},
        ),
        ("Digest ck=, nonce=abc==, qop=auth,auth-int", "Digest nonce=abc==, qop=auth,auth-int",
         {"ck": ""}),
        ('Digest ck="1",,realm="a",', 'Digest realm="a",', {"ck": "1"}),
        ('ck="1", nextnonce="n"', ' nextnonce="n"', {"ck": "1"}),
        ("Negotiate a87421000492aa874209af8bc028==", "Negotiate a87421000492aa874209af8bc028==",
         {}),
        ("", "", {}),
    ],
)  # fmt: skip
def test_take_params(value: str, rest: str, taken: dict[str, str]) -> None:
    assert take_params(value, KEYS) == (rest, taken)


@pytest.mark.parametrize(
    "value",
    [
        'Digest realm="a, ck="1"',  # a quote too few: where does realm end?
        'Digest realm="a" ck="1"',  # no comma
        'Digest realm="a"; ck="1"',
        "Digest nonce=abc;ck=1",
        "Digest nonce=abc=ck=1",
        'Digest "ck"="1"',
        "Digest realm='a, ck=\"1\"'",
        'Digest ck="1',
        'Digest ck="1\\"',
        'Digest <ck="1">',
        'Digest ck=="1"',
        'Digest realm="a"ck="1"',
        "Digest Digest ck=1",
        'Digest ck\x00="1"',
        'Digest ck\xa0="1"',
        'Digest ck\x0b="1"',
    ],
)
def test_what_is_not_understood_is_refused(value: str) -> None:
    with pytest.raises(ParseError) as caught:
        take_params(value, KEYS)
    assert caught.value.status == 400
    assert "1" not in caught.value.reason


# any arrangement

values = quoted | st.from_regex(r"[0-9a-f]{0,32}", fullmatch=True)
kept_names = st.sampled_from(["realm", "nonce", "algorithm", "qop", "xck", "ck-2", "iks", "cK1"])
key_names = st.sampled_from(["ck", "ik", "CK", "Ik"])


@st.composite
def parameters(draw: st.DrawFn, names: st.SearchStrategy[str]) -> str:
    return f"{draw(names)}{draw(blanks)}={draw(blanks)}{draw(values)}"


@st.composite
def challenges(draw: st.DrawFn) -> list[tuple[str, list[tuple[bool, str]]]]:
    """Schemes with blanks, each with its parameters: whether it is a key, and its text."""
    parameter = st.tuples(st.just(value=True), parameters(key_names)) | st.tuples(
        st.just(value=False), parameters(kept_names)
    )
    scheme = st.tuples(
        st.sampled_from(["Digest", "Basic", "digest"]), st.sampled_from([" ", "\r\n ", "\t"])
    ).map("".join)
    return draw(
        st.lists(st.tuples(scheme, st.lists(parameter, min_size=1, max_size=6)), min_size=1,
                 max_size=3)
    )  # fmt: skip


def without_quoted(text: str) -> str:
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', text, flags=re.DOTALL)


@settings(max_examples=200)
@given(challenges(), st.data())
def test_no_arrangement_keeps_a_key(
    lists: list[tuple[str, list[tuple[bool, str]]]], data: st.DataObject
) -> None:
    def comma() -> str:
        return f"{data.draw(blanks)},{data.draw(blanks)}"

    value = ""
    for scheme, params in lists:
        joined = ""
        for _, text in params:
            joined += (comma() if joined else "") + text
        value += (comma() if value else "") + scheme + joined
    rest, taken = take_params(value, KEYS)
    assert not re.search(r"(?i)(?<![\w\-.!%*+`'~])[ci]k\s*=", without_quoted(rest))
    kept = [text for _, params in lists for is_key, text in params if not is_key]
    place = 0
    for text in kept:  # byte for byte, in order
        place = rest.index(text, place) + len(text)
    removed = re.sub(r'"(?:[^"\\]|\\.)*"', "", rest, flags=re.DOTALL).count("=")
    assert removed == re.sub(r'"(?:[^"\\]|\\.)*"', "", "".join(kept), flags=re.DOTALL).count("=")
    assert set(taken) == {
        text[:2].lower() for _, params in lists for is_key, text in params if is_key
    }
    assert [scheme.strip() for scheme, _ in lists] == re.findall(
        r"(?:^|,)\s*(Digest|Basic|digest)(?=\s|,|$)", without_quoted(rest)
    )
    assert take_params(rest, KEYS) == (rest, {})


@settings(max_examples=200)
@example("c= ck=")  # the value of c, and nothing behind it
@given(st.text('ck=",\\ iD;\t\r\n\x00', max_size=25))
def test_noise_is_refused_or_freed_of_keys(value: str) -> None:
    try:
        rest, _ = take_params(value, KEYS)
    except ParseError:
        return
    # Blanks around "=" are part of a parameter: what stands behind them is its value.
    text = re.sub(r"\s*=\s*", "=", without_quoted(rest))
    for piece in re.split(r'[,\s]+|"(?:[^"\\]|\\.)*"', text):
        assert not re.fullmatch(r"(?i)[ci]k=.*", piece)


def test_the_time_grows_with_the_value() -> None:
    began = time.process_time()
    for unit in (",", " ", '"', '\\"', "a=", "a,", "a =", "Digest ", 'a="\\', "a ", "=", "ck=1,"):
        for head in ("", "Digest ", 'Digest a="'):
            with contextlib.suppress(ParseError):
                take_params(head + unit * (20000 // len(unit)), KEYS)
    assert time.process_time() - began < 2


# parse_auth, add_param


def test_parse_auth() -> None:
    register = VECTORS["register"]
    auth = parse_auth(register["qop_auth"]["authorization"])
    assert auth.scheme == "Digest"
    assert auth.params["username"] == register["impi"]
    assert (auth.params["qop"], auth.params["nc"]) == ("auth", "00000001")
    assert parse_auth(register["initial_authorization"]).params["response"] == ""


def test_parse_auth_reads_the_first_challenge_and_the_first_of_a_kind() -> None:
    auth = parse_auth('Digest realm="a", Realm="b", qop=auth,auth-int, x=1, Basic y=2')
    assert auth.params == {"realm": "a", "qop": "auth", "x": "1"}
    assert parse_auth("NoOneKnowsThisScheme opaque-data=here").scheme == "NoOneKnowsThisScheme"


@pytest.mark.parametrize("value", ["", ",", 'Digest realm="', 'realm="a"', "<>"])
def test_parse_auth_refuses(value: str) -> None:
    with pytest.raises(ParseError):
        parse_auth(value)


def test_keys_are_not_printed() -> None:
    assert "secret" not in repr(parse_auth('Digest ck="secret"'))


def test_add_param() -> None:
    assert add_param('Digest a="1" ', 'b="2"') == 'Digest a="1", b="2"'
    assert add_param("Digest", 'b="2"') == 'Digest b="2"'
