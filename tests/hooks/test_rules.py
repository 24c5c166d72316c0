"""What a function may not change, and that each refusal says why."""

import pytest

from pcscf.errors import NotAllowedError
from pcscf.hooks import rules


@pytest.mark.parametrize(
    "name",
    [
        "Via", "v", "ROUTE", "record-route", "Path", "Service-Route", "Max-Forwards", "Call-ID",
        "i", "CSeq", "From", "f", "To", "t", "Contact", "m", "Content-Length", "l", "Authorization",
        "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate", "Authentication-Info",
        "Security-Client", "Security-Server", "security-verify", "Security-Anything", "RAck",
        "RSeq", "Event", "o", "Subscription-State", "Via ",
    ],
)  # fmt: skip
def test_what_sip_itself_lives_by_is_protected_however_it_is_spelled(name: str) -> None:
    with pytest.raises(NotAllowedError, match="cannot be changed: "):
        rules.check_name(rules.folded(name), register=False)


@pytest.mark.parametrize("name", ["Require", "Proxy-Require", "k", "Expires"])
def test_some_headers_are_protected_in_a_register_only(name: str) -> None:
    rules.check_name(rules.folded(name), register=False)
    with pytest.raises(NotAllowedError, match="registration"):
        rules.check_name(rules.folded(name), register=True)


@pytest.mark.parametrize("name", ["P-Asserted-Identity", "User-Agent", "s", "X-Any", "Privacy"])
def test_other_headers_are_free(name: str) -> None:
    rules.check_name(rules.folded(name), register=True)


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nVia", "ä", None, 7, b"via"])
def test_what_is_no_name_is_refused(name: object) -> None:
    with pytest.raises(NotAllowedError, match="not the name of a header"):
        rules.folded(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "plain", "a\tb", "Zoë 日本", "\udcff", "x" * 100])
def test_one_line_is_a_value(text: str) -> None:
    rules.check_text(text, 100, "it")


@pytest.mark.parametrize("text", ["a\r\nVia: x", "a\n", "\r", "\0", "\x7f", "\x1b[1m", "\ud800"])
def test_line_ends_and_control_characters_are_refused(text: str) -> None:
    with pytest.raises(NotAllowedError, match="it has line ends"):
        rules.check_text(text, 100, "it")


def test_other_refusals_of_texts_say_what_is_wrong() -> None:
    with pytest.raises(NotAllowedError, match="it has 101 characters; 100 are allowed"):
        rules.check_text("x" * 101, 100, "it")
    with pytest.raises(NotAllowedError, match="it is a str, not bytes"):
        rules.check_text(b"x", 100, "it")  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [401, 407, 421, 494])
def test_statuses_of_the_agreement_are_refused(status: int) -> None:
    with pytest.raises(NotAllowedError, match="belongs to the security agreement"):
        rules.check_status(status, range(300, 700))


@pytest.mark.parametrize("status", [200, 100, 299, 700, "403", None])
def test_other_statuses_have_to_be_in_range(status: object) -> None:
    with pytest.raises(NotAllowedError, match="can be given"):
        rules.check_status(status, range(300, 700))  # type: ignore[arg-type]
    rules.check_status(403, range(300, 700))
