import pytest

from pcscf.decode.output.plain import plain, plain_message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SIP/2.0 200 OK", "SIP/2.0 200 OK"),
        ("Grüße \N{SLICE OF PIZZA}", "Grüße \N{SLICE OF PIZZA}"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\r\nb\tc\0", "a\\r\\nb\\tc\\x00"),
        ("\x9b31m", "\\x9b31m"),  # CSI in one octet
        ("a\N{RIGHT-TO-LEFT OVERRIDE}b", "a\\u202eb"),
        ("a\N{LINE SEPARATOR}b\ud800", "a\\u2028b\\ud800"),
        ("\N{LANGUAGE TAG}", "\\U000e0001"),
    ],
)
def test_no_text_can_steer_what_shows_it(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert plain(text) == shown  # remembered, too


def test_a_message_keeps_its_lines() -> None:
    assert plain_message(b"A: \x1b\r\nB:\tc\r\rd\n\r\n\xff\0") == (
        "A: \\x1b\nB:\tc\\r\\rd\n\n\\xff\\x00"
    )
