"""SA sets, next hops, blocked sources, drops and the service as a whole."""

import pytest
from playwright.sync_api import expect

from tests.admin.console import made
from tests.admin.console.conftest import Opener
from tests.admin.console.fake_api import FakeApi
from tests.admin.console.looking import Console


def cells(console: Console, table: str) -> list[list[str]]:
    rows = console.rows(table)
    expect(rows.first).to_be_visible()
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


def test_sa_sets_also_of_phones_that_are_not_registered(opened: Opener) -> None:
    console = opened("sas")
    found = cells(console, "SA sets")
    assert len(found) == 10
    assert found[0] == [
        "10.45.0.2",
        "Current",
        made.impi(0),
        "hmac-sha-1-96/aes-cbc",
        "0x1a2b0000\nport 40000",
        "0x1a2b0001\nport 50000",
        "0x1a2b0002\nport 6112",
        "0x1a2b0003\nport 6100",
        "59:00",
    ]
    assert [row[1] for row in found[6:8]] == ["Current", "Temporary"]
    console.page.get_by_role("link", name="10.45.0.2").click()
    expect(console.page.get_by_role("heading", name="10.45.0.2")).to_be_visible()


def test_next_hops(opened: Opener) -> None:
    assert cells(opened("next-hops"), "Next hops") == [
        [made.HOP, "Active", "AP", "\u2013", "\u2013"],
        ["tcp:[2001:db8:2::9]:5060", "Inactive", "IP", "7", "connection refused"],
    ]


def test_blocked_sources(opened: Opener) -> None:
    console = opened("blocked")
    assert cells(console, "Blocked sources") == [
        ["203.0.113.77", "more requests than its rate allows", "5:12"]
    ]


def test_drops_with_their_meaning(opened: Opener) -> None:
    console = opened("drops")
    assert cells(console, "Drops counted by the kernel") == [
        ["XfrmInNoStates", "17", "+4", made.DROPS["counters"][0]["meaning"]],
        ["XfrmInStateProtoError", "2", "0", made.DROPS["counters"][1]["meaning"]],
    ]
    console.sees("2 counters are at zero.")
    console.sees("Counted since 2026-11-26 09:15:00.")
    [spi] = cells(console, "ESP with an unknown SPI")
    assert spi[:5] == ["12:00:02", "10.45.0.4", "192.0.2.1", "0x1a2b0083", "4"]
    assert spi[5] == made.DROPS["unknown_spis"][0]["sentence"]


def test_it_is_told_where_nobody_watches_for_spis(opened: Opener, api: FakeApi) -> None:
    note = "CAP_NET_RAW is missing"
    api.drops = made.DROPS | {"watching": False, "note": note, "unknown_spis": []}
    console = opened("drops")
    console.sees(f"Unknown SPIs are not watched for, so they cannot be named. {note}")


@pytest.mark.parametrize(
    ("view", "text"),
    [
        ("next-hops", "No next hop is known yet."),
        ("blocked", "No source is blocked."),
        ("sas", "No SA is installed."),
        ("drops", "The kernel has dropped nothing."),
    ],
)
def test_an_empty_list_says_so(opened: Opener, api: FakeApi, view: str, text: str) -> None:
    api.ues, api.hops, api.blocked = [], [], []
    api.drops = made.DROPS | {"counters": [], "unknown_spis": []}
    opened(view).sees(text)


def test_the_service(opened: Opener) -> None:
    console = opened("service")
    assert ["registrations", "10"] in cells(console, "Held at present")
    assert ["refused by rate", "14"] in cells(console, "Counted since the start")
    console.sees("2026-11-26 09:15:00")
    console.sees("192.0.2.1, 2001:db8:1::1")
    console.sees("sqlite, ok since 2026-11-26 09:15:00, 0 changes wait")
    console.sees("before_core, on_response of /etc/pcscf/rules.py")
    console.sees("hmac-sha-1-96/aes-cbc, aes-gmac/null, hmac-md5-96/null")


def test_a_service_without_store_and_hooks(opened: Opener, api: FakeApi) -> None:
    api.status = {"store": None, "hooks": None}
    console = opened("service")
    console.sees("none: a restart forgets all phones")


def test_the_log_level_is_shown_and_changed(opened: Opener, api: FakeApi) -> None:
    console = opened("service")
    level = console.page.get_by_role("combobox", name="Log level")
    expect(level).to_have_value("info")
    level.select_option("debug")
    console.sees("done: log-level")
    assert api.posted == [("/api/log-level", {"level": "debug"})]


def test_settings_are_read_again_when_that_was_confirmed(opened: Opener, api: FakeApi) -> None:
    console = opened("service")
    console.press("Read settings again\u2026")
    console.answers("Cancel")
    assert api.posted == []
    console.press("Read settings again\u2026")
    console.answers("Read them")
    console.sees("done: reload")
    assert api.posted == [("/api/reload", {})]


def test_an_address_that_names_no_view_shows_the_phones(opened: Opener) -> None:
    console = opened("constructor")
    expect(console.rows("Phones")).to_have_count(10)
