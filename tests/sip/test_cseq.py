import pytest

from pcscf.errors import ParseError
from pcscf.sip.cseq import CSeq


def test_parse() -> None:
    assert CSeq.parse("0009  INVITE") == CSeq(9, "INVITE")
    assert str(CSeq.parse("4294967295 RE%47ISTER")) == "4294967295 RE%47ISTER"


@pytest.mark.parametrize(
    "text", ["", "1", "INVITE", "-1 A", "1 A B", "1A", "4294967296 A", "1 (A)", "\u0661 A", "1 A\n"]
)
def test_refuses(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        CSeq.parse(text)
    assert caught.value.status == 400
