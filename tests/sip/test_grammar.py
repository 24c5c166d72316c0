import contextlib
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcscf.errors import ParseError
from pcscf.sip import grammar
from pcscf.sip.address import NameAddr
from pcscf.sip.cseq import CSeq
from pcscf.sip.elements import split_elements, split_first
from pcscf.sip.ims import PChargingVector
from pcscf.sip.params import Params
from pcscf.sip.security import SecMechanism
from pcscf.sip.uri import SipUri, TelUri, scheme_of
from pcscf.sip.via import Via

PARSERS: list[Callable[[str], object]] = [
    NameAddr.parse,
    NameAddr.parse_many,
    CSeq.parse,
    split_elements,
    split_first,
    PChargingVector.parse,
    Params.parse,
    Params.parse_uri,
    SecMechanism.parse,
    SipUri.parse,
    TelUri.parse,
    scheme_of,
    Via.parse,
]
HEADS = ["", "sip:", "<sip:", "sip:a@", "sip:a;", "SIP/2.0/UDP h", '"', ";a=", "1 "]
UNITS = [*'a-;,"<=:@[1& \x00', "a-", "a.", "%41", ";a", ";a=b", '\\"', "<>", "?a=b", " ;"]


@pytest.mark.parametrize("parser", PARSERS, ids=repr)
def test_no_input_takes_more_than_its_length(parser: Callable[[str], object]) -> None:
    """A quadratic pattern needs seconds for one of these; all of them together take far less."""
    began = time.process_time()
    for head in HEADS:
        for unit in UNITS:
            for tail in ("", "\x01"):
                with contextlib.suppress(ParseError):
                    parser(head + unit * (16000 // len(unit)) + tail)
    assert time.process_time() - began < 4


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("007", 7), ("255", 255), ("0" * 5000, 0), ("0" * 90 + "9", 9)]
)
def test_number(text: str, value: int) -> None:
    assert grammar.number(text, 255, "X") == value


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", " 1", "1 ", "1_0", "0x1", "256", "9" * 5000, "\u0661", "\u00b2"]
)
def test_no_number(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        grammar.number(text, 255, "X")
    assert len(caught.value.reason) < 40


@given(st.text(st.characters(exclude_characters="\r\n")))
def test_quoting(text: str) -> None:
    assert grammar.unquote(grammar.quote(text)) == text


def test_quoting_takes_no_line_ends() -> None:
    with pytest.raises(ValueError, match="line ends"):
        grammar.quote("a\nb")


@pytest.mark.parametrize("text", ["", '"', 'a"', "a", '"a'])
def test_what_is_not_quoted_stays(text: str) -> None:
    assert grammar.unquote(text) == text


def test_token() -> None:
    assert grammar.is_token("a-.!%*_+`'~9")
    for text in ("", "a b", "a:", "a\n", "\u00e4", '"'):
        assert not grammar.is_token(text)
