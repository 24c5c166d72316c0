"""The page's data and its safety. What it looks like is for a browser (docs/decode.md)."""

import hashlib
import io
import json
import re
from base64 import b64encode
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any

import pytest

from pcscf.decode.model import Fault, Sa, SipMessage
from pcscf.decode.output.html import Html
from pcscf.decode.output.output import Output
from pcscf.decode.output.summary import Summary
from tests.decode.samples import (
    CHALLENGE,
    CK,
    CORE,
    IK,
    MESSAGE,
    OK,
    PCSCF,
    PCSCF_CORE,
    REGISTER,
    START,
    UE,
    an_sa,
    seen,
    sip,
)

HOSTILE = '</script><img src="x" onerror="alert(1)"><!--'


class Page(HTMLParser):
    """What a browser makes of the page: elements, and what stands in each by its id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._within = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within = dict(attrs).get("id") or tag

    def handle_data(self, data: str) -> None:
        self.texts[self._within] = self.texts.get(self._within, "") + data

    def lines(self, name: str) -> list[Any]:
        return [json.loads(line) for line in self.texts[name].split("\n") if line]


def page_of(
    messages: Iterable[SipMessage], sas: Iterable[tuple[Sa, str]] = (), **options: Any
) -> tuple[str, Page]:
    sink = io.BytesIO()
    out: Output = Html(sink, **{"heading": "a.pcap", **options})
    out.begin()
    for message in messages:
        out.message(message)
    for sa, reason in sas:
        out.sa(sa, reason)
    out.end(Summary(esp=3, messages=1, shown=1))
    text = sink.getvalue().decode()
    return text, Page(text)


def test_what_the_script_gets() -> None:
    sa = an_sa()
    sa.faults[Fault.BAD_ICV] = 1
    register = REGISTER.replace(b"Call-ID", b"Via: a\r\nCall-ID")
    messages = [seen(register), seen(OK, PCSCF, UE, at=5), seen(MESSAGE, sa=sa, at=9)]
    _, page = page_of(messages, [(Sa(9, "a", "b"), ""), (sa, "a reason")], names={CORE.host: "c"})
    rows = page.lines("messages-data")
    assert [row["time"] - rows[0]["time"] for row in rows] == [0, 5000, 9000]
    assert rows[2] == {
        "frame": 7, "time": START // 1000 + 9000, "src": UE.host, "sport": 6101, "dst": PCSCF.host,
        "dport": 5063, "transport": "UDP", "sa": 0, "title": "MESSAGE sip:bob@home.example",
        "kind": "text", "method": "MESSAGE", "call": "text-1", "notes": "body, 5 octets",
        "raw": MESSAGE.decode().replace("\r\n", "\n"),
    }  # fmt: skip
    assert (rows[1]["kind"], rows[1]["method"], rows[1]["sa"]) == ("success", "REGISTER", None)
    unused, used = page.lines("sas-data")
    assert (unused["id"], unused["suite"], unused["origin"]) == (None, "", "")
    assert (used["id"], used["suite"], used["unread"]) == (0, "hmac-sha-1-96/aes-cbc", 1)
    assert (used["ports"], used["reason"]) == ([6101, 5063], "a reason")
    (end,) = page.lines("end-data")
    assert end["hosts"] == [[UE.host, "UE"], [PCSCF.host, "P-CSCF"], [CORE.host, "c"]]
    assert end["start"] == rows[0]["time"]
    assert end["date"] == "2023-11-14 22:13:20.123 UTC"
    assert end["sentences"][1] == ["3 ESP packets, all read.", True]


def test_of_very_many_sas_the_last_ones_are_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcscf.decode.output.html.MAX_NUMBERS", 2)
    sas = [an_sa(spi) for spi in range(4)]
    _, page = page_of([seen(MESSAGE, sa=sa) for sa in sas], [(sa, "") for sa in sas])
    assert [row["sa"] for row in page.lines("messages-data")] == [0, 1, 2, 3]
    assert [row["id"] for row in page.lines("sas-data")] == [None, None, 2, 3]


def test_a_page_without_messages() -> None:
    _, page = page_of([])
    assert page.lines("messages-data") == []
    assert page.lines("end-data")[0]["date"] == ""


def test_hostile_text_adds_nothing_to_the_page() -> None:
    sa = an_sa()
    sa.user = sa.origin = HOSTILE
    data = sip(f"OPTIONS {HOSTILE} SIP/2.0", f"Call-ID: {HOSTILE}", body=HOSTILE.encode() + b"\xff")
    _, ordinary = page_of([seen(MESSAGE, sa=an_sa())], [(an_sa(), "x")])
    _, page = page_of([seen(data, sa=sa)], [(sa, HOSTILE)], heading=HOSTILE)
    assert page.elements == ordinary.elements
    assert page.lines("messages-data")[0]["raw"].endswith(HOSTILE + "\\xff")
    assert page.texts["title"].rstrip() == HOSTILE


def test_text_cannot_change_the_reading_order() -> None:
    turn = "\N{RIGHT-TO-LEFT OVERRIDE}"
    data = sip(f"OPTIONS{turn} sip:{turn}a SIP/2.0", f"Call-ID: {turn}", f"Event: {turn}")
    sa = an_sa()
    sa.user = sa.origin = turn
    _, page = page_of([seen(data, sa=sa)], [(sa, turn)], heading=turn)
    values = [*page.lines("messages-data"), *page.lines("sas-data")]
    assert turn not in json.dumps(values, ensure_ascii=False) + page.texts["title"]
    assert values[0]["title"] == "OPTIONS\\u202e sip:\\u202ea"


def test_it_fetches_nothing_and_runs_only_its_own_script() -> None:
    text, page = page_of([seen(MESSAGE)])
    attributes = {name for _, found in page.elements for name in found}
    assert not attributes & {"src", "href", "style", "onclick", "action"}
    assert not re.search(r"url\(|@import|\bfetch\(|XMLHttpRequest|innerHTML|eval\(", text)
    (policy,) = (
        found["content"] or ""
        for _, found in page.elements
        if found.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        (own,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"


def test_messages_are_written_as_they_come() -> None:
    sink = io.BytesIO()
    out = Html(sink, heading="a.pcap")
    out.begin()
    before = sink.tell()
    out.message(seen(MESSAGE))
    assert b"text-1" in sink.getvalue()[before:]


@pytest.mark.parametrize("show_keys", [False, True])
def test_keys_are_in_it_only_on_demand(show_keys: bool) -> None:
    messages, sas = [seen(CHALLENGE, CORE, PCSCF_CORE)], [(an_sa(), "")]
    text, page = page_of(messages, sas, show_keys=show_keys)
    assert [key in text for key in (CK, IK)] == [show_keys, show_keys]
    assert page.lines("sas-data")[0].get("keys") == (
        f"auth {IK}00000000, crypt {CK}" if show_keys else None
    )


def test_who_is_who_is_learned_from_what_is_not_shown_too() -> None:
    sink = io.BytesIO()
    out = Html(sink, heading="a.pcap")
    out.begin()
    via = REGISTER.replace(b"Call-ID", b"Via: SIP/2.0/UDP a\r\nCall-ID")
    out.hidden(seen(via, UE, PCSCF))
    out.message(seen(MESSAGE, UE, PCSCF))
    out.end(Summary(messages=2, shown=1))
    page = Page(sink.getvalue().decode())
    (end,) = page.lines("end-data")
    assert end["hosts"] == [[UE.host, "UE"], [PCSCF.host, "P-CSCF"]]
    assert len(page.lines("messages-data")) == 1
