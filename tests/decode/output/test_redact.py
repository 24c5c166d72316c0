import pytest

from pcscf.decode.output.redact import hide_keys, without_keys
from tests.decode.samples import CHALLENGE, CK, IK, MESSAGE, REGISTER, seen


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('Digest nonce="n", ck="00aA", ik="ffEE"', 'Digest nonce="n", ck="xxxx", ik="xxxx"'),
        ("Digest CK = 00aA,Ik=ffEE;q", "Digest CK = xxxx,Ik=xxxx;q"),
        ('ck=\r\n "00\r\n aA"', 'ck=\r\n "xx\r\n xx"'),
        ('ck="0\\0\\"A", a="b"', 'ck="x\\x\\"x", a="b"'),
        ('ck="00aA\r\nnever: closed', 'ck="xxxx\r\nxxxxx: xxxxxx'),
        ("ck\t=00aA", "ck\t=xxxx"),
        ("cK\r\n =\tffEE", "cK\r\n =\txxxx"),
        ("IK\n=ffEE", "IK\n=xxxx"),
        ("CK=00aA", "CK=xxxx"),
        ("ck=", "ck="),
        ("ik=1", "ik=x"),
    ],
)
def test_keys_are_hidden_and_nothing_moves(text: str, shown: str) -> None:
    assert hide_keys(text.encode()) == shown.encode()


def test_octets_of_a_key_that_are_no_text_are_hidden_too() -> None:
    assert hide_keys(b"ck=\xff\x80,a") == b"ck=xx,a"


@pytest.mark.parametrize("text", ["track=ab", "a-ik=ab", "x_ck=ab", "ck ik", "sip:ick@a;stick=1"])
def test_other_names_stay(text: str) -> None:
    assert hide_keys(text.encode()) == text.encode()


def test_of_a_message_only_the_keys_change() -> None:
    hidden = hide_keys(CHALLENGE)
    assert hidden == CHALLENGE.replace(CK.encode(), b"x" * 32).replace(IK.encode(), b"x" * 32)
    assert hide_keys(REGISTER) is REGISTER
    assert hide_keys(MESSAGE) is MESSAGE


def test_a_long_quotation_takes_no_more_than_its_length() -> None:
    text = b'ck="' + b"\\" * 200_001 + b'ik="' * 50_000
    assert len(hide_keys(text)) == len(text)


def test_a_message_without_keys_is_the_same_one() -> None:
    one = seen(MESSAGE)
    assert without_keys(one) is one
    hidden = without_keys(seen(CHALLENGE))
    assert hidden.data == hide_keys(CHALLENGE) != CHALLENGE
    assert (hidden.number, hidden.time, hidden.src) == (one.number, one.time, one.src)
