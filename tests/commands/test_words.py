import pytest

from pcscf.commands.words import bare, count, endpoint, identity, number, plain, span, spi


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (-5, "0s"), (0, "0s"), (59.4, "59s"), (59.6, "1m 00s"), (598, "9m 58s"),
     (3600, "1h 00m"), (7500, "2h 05m"), (86400, "1d 0h"), (600_000, "6d 22h")],
)  # fmt: skip
def test_how_long(seconds: float | None, text: str) -> None:
    assert span(seconds) == text


def test_a_peers_text_cannot_steer_the_terminal() -> None:
    assert plain("Bob é 日本") == "Bob é 日本"
    assert plain("a\x1b[31m\nb\u202ec\udcff\x00") == "a\\x1b[31m\\nb\\u202ec\\udcff\\x00"


def test_names_and_numbers() -> None:
    assert spi(4779) == "0x000012ab"
    assert endpoint("192.0.2.1", 5060) == "192.0.2.1:5060"
    assert endpoint("2001:db8::1", 5060) == "[2001:db8::1]:5060"
    assert (number(None), number(0)) == ("-", "0")
    assert (count(1, "phone", "phones"), count(0, "phone", "phones")) == ("1 phone", "0 phones")


def test_a_phone_is_named_by_its_default_identity() -> None:
    uri = '"Bob <the>" <sip:bob@example.net>;x=y'
    assert bare("<sip:bob@example.net>") == bare("sip:bob@example.net") == "sip:bob@example.net"
    assert identity({"identities": ["<sip:a@b>", uri], "impi": "c"}) == "sip:a@b"
    assert identity({"identities": [], "impi": "c"}) == "c"
