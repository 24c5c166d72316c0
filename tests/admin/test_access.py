"""Who may ask over TCP: Host, Origin, token."""

from pathlib import Path

import pytest
from multidict import CIMultiDict

from pcscf.admin.access import Access, read_token
from pcscf.admin.refusal import Refusal
from pcscf.errors import StartError

TOKEN = "0123456789abcdef0123456789abcdef"
JSON = ("Content-Type", "application/json")


def status(
    access: Access, *headers: tuple[str, str], method: str = "GET", path: str = "/api/ues"
) -> int:
    try:
        access.check(method, path, CIMultiDict([("Host", "127.0.0.1:8060"), *headers]))
    except Refusal as refusal:
        return refusal.status
    return 200


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8060", "192.0.2.1", "[::1]:8060", "[2001:db8::1]", "localhost", "LocalHost:1",
     "pcscf.example.net:8060", "PCSCF"],
)  # fmt: skip
def test_our_own_names_and_addresses_are_answered(host):
    Access(hosts=("pcscf.example.net", "pcscf")).check("GET", "/", CIMultiDict(Host=host))


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8060", "127.0.0.1.evil.example", "localhost.evil.example", "",
     "localhost:", "localhost:x", "a b", "[::1", "::1", "x" * 300, "localhost@evil.example"],
)  # fmt: skip
def test_any_other_name_may_be_an_attackers(host):
    with pytest.raises(Refusal) as caught:
        Access(hosts=("pcscf.example.net",)).check("GET", "/livez", CIMultiDict(Host=host))
    assert caught.value.status == 403
    assert "\n" not in caught.value.reason


def test_there_is_one_host():
    for headers in ([], [("Host", "localhost"), ("Host", "localhost")]):
        with pytest.raises(Refusal, match="one Host"):
            Access().check("GET", "/", CIMultiDict(headers))


# -- pages elsewhere


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://127.0.0.1:8060", 200),
        ("https://127.0.0.1:8060", 200),
        ("http://127.0.0.1:8061", 403),
        ("http://127.0.0.1", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("file://", 403),
        ("", 403),
        ("http://127.0.0.1:8060.evil.example", 403),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_page_elsewhere_may_not_ask(method, origin, expected):
    assert status(Access(), JSON, ("Origin", origin), method=method) == expected


@pytest.mark.parametrize(("path", "expected"), [("/api/trace", 403), ("/metrics", 403), ("/", 200)])
def test_a_page_elsewhere_may_link_to_the_console_and_show_nothing_of_it(path, expected):
    assert status(Access(), ("Sec-Fetch-Site", "cross-site"), path=path) == expected


def test_what_the_browser_itself_asks_for_is_answered():
    for site in ("same-origin", "none"):
        assert status(Access(), ("Sec-Fetch-Site", site)) == 200


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("text/plain", 415),  # what a form can send without being asked about
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data", 415),
        ("", 415),
    ],
)
def test_a_form_cannot_post(kind, expected):
    assert status(Access(), ("Content-Type", kind), method="POST") == expected
    assert status(Access(), method="POST") == 415


# -- token


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN}", 200),
        (f"Bearer {TOKEN[:-1]}", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        ("Bearer", 401),
        ("Bearer \udcff", 401),
        ("", 401),
    ],
)
def test_a_token_is_the_whole_of_it(given, expected):
    assert status(Access(TOKEN.encode()), ("Authorization", given)) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/livez", 200), ("/readyz", 200), ("/leasez", 200), ("/", 200), ("/console/console.js", 200),
     ("/metrics", 401), ("/api/status", 401), ("/livez/", 401), ("/console", 401)],
)  # fmt: skip
def test_probes_and_the_page_that_asks_for_the_token_need_none(path, expected):
    assert status(Access(TOKEN.encode()), path=path) == expected


def test_who_has_no_token_is_told_how_to_give_one():
    with pytest.raises(Refusal) as caught:
        Access(TOKEN.encode()).check("GET", "/api/ues", CIMultiDict(Host="localhost"))
    assert caught.value.headers == (("WWW-Authenticate", "Bearer"),)
    assert "Authorization: Bearer" in caught.value.reason
    assert TOKEN not in caught.value.reason


def test_the_token_is_read_from_its_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert read_token(str(file)) == TOKEN.encode()
    assert read_token("") is None


@pytest.mark.parametrize("text", ["", "short", "a token with blanks in it", "x" * 5000, "é" * 20])
def test_what_is_no_token_ends_the_start_and_is_not_quoted(tmp_path, text):
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(StartError, match="openssl rand -hex 32") as caught:
        read_token(str(file))
    assert not text or text not in str(caught.value)


def test_a_token_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(StartError, match=r"token cannot be read: No such file"):
        read_token(str(tmp_path / "token"))
