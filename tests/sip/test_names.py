import pytest

from pcscf.errors import ParseError
from pcscf.sip.names import COMPACT, KNOWN, fold, printed


def test_folds_any_spelling() -> None:
    for spelled in ("Via", "VIA", "via", "vIa", "v", "V", "V ", "v\t ", "Via "):
        assert fold(spelled) == "via"
    assert fold("X-Own!") == "x-own!"
    for short, name in COMPACT.items():
        assert fold(short) == fold(short.upper()) == name


@pytest.mark.parametrize(
    "name", ["", " ", " Via", "Vi a", "Via:", "V\u212a", "\u212a", "a\x00", '"']
)
def test_no_token_is_refused(name: str) -> None:
    with pytest.raises(ParseError):
        fold(name)


def test_prints() -> None:
    spelled = ["Call-ID", "CSeq", "WWW-Authenticate", "P-Associated-URI", "X-Own-Name"]
    assert [printed(name.lower()) for name in spelled] == spelled
    with pytest.raises(ValueError, match="token"):
        printed("a b")


def test_known_spellings_fold_to_what_the_rule_says() -> None:
    for spelled, folded in KNOWN.items():
        lower = spelled.lower()
        assert folded == COMPACT.get(lower, lower)
