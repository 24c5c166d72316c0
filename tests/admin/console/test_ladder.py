"""The live ladder: what comes is drawn, can be held, read whole, and is bounded."""

from playwright.sync_api import Locator, expect

from tests.admin.console import made
from tests.admin.console.conftest import Opener
from tests.admin.console.conversation import NOON, conversation, line, sip
from tests.admin.console.fake_api import FakeApi
from tests.admin.console.looking import Console, phone_view

ALICE = made.uri(0)
PHONE = f"{made.address(0)}:40000"
TO_US = f"{made.PCSCF}:6100"


def ladder(opened: Opener, view: str = phone_view(ALICE), **how: int) -> Console:
    """Open a ladder and wait until it listens."""
    console = opened(view, **how)
    expect(console.page.get_by_text("Live", exact=True)).to_be_visible()
    if view != "trace":
        expect(console.page.get_by_role("article").first).to_be_visible()
    return console


def rows(console: Console) -> Locator:
    return console.page.locator(".rows button")


def message(number: int, spi: int | None = 0x1A2B_0003) -> made.Json:
    text = sip(f"OPTIONS sip:{number}@home.example SIP/2.0", "1 OPTIONS", f"call-{number}")
    return line(PHONE, TO_US, text, NOON + number, spi)


def test_a_registration_as_it_goes(opened: Opener, api: FakeApi) -> None:
    console = ladder(opened)
    api.trace(*conversation())
    expect(rows(console)).to_have_count(25)
    said = [row.get_attribute("aria-label") for row in rows(console).all()[:8]]
    home = f"REGISTER sip:{made.REALM}"
    assert said == [
        f"12:00:00, phone to P-CSCF, {home}, UDP",
        f"12:00:00, P-CSCF to core, {home}, UDP",
        "12:00:00, core to P-CSCF, 401 Unauthorized (REGISTER), UDP",
        "12:00:00, P-CSCF to phone, 401 Unauthorized (REGISTER), UDP",
        f"12:00:00, phone to P-CSCF, {home}, ESP 0x1a2b0003 UDP",
        f"12:00:00, P-CSCF to core, {home}, UDP",
        "12:00:00, core to P-CSCF, 200 OK (REGISTER), UDP",
        "12:00:00, P-CSCF to phone, 200 OK (REGISTER), ESP 0x1a2b0000 UDP",
    ]
    console.sees("25 messages")


def test_arrows_point_from_sender_to_receiver(opened: Opener, api: FakeApi) -> None:
    console = ladder(opened)
    api.trace(*conversation())
    lanes = [lane.bounding_box() for lane in console.page.locator(".lane").all()]
    phone, pcscf, core = (lane["x"] + lane["width"] / 2 for lane in lanes if lane)
    expected = [
        (phone, pcscf, "right"),
        (pcscf, core, "right"),
        (pcscf, core, "left"),
        (phone, pcscf, "left"),
    ]
    for number, (start, end, points) in enumerate(expected):
        arrow = rows(console).nth(number).locator(".arrow")
        box = arrow.bounding_box()
        assert box is not None
        assert abs(box["x"] - start) < 3
        assert abs(box["x"] + box["width"] - end) < 3
        assert points in (arrow.get_attribute("class") or "").split()


def test_a_click_shows_the_whole_message(opened: Opener, api: FakeApi) -> None:
    console = ladder(opened)
    api.trace(*conversation())
    rows(console).filter(has_text="INVITE sip:").first.click()
    pane = console.page.get_by_role("complementary", name="Message")
    expect(pane).to_contain_text("INVITE sip:bob@")
    expect(pane).to_contain_text("UDP in ESP, SPI 0x1a2b0003")
    expect(pane).to_contain_text("Phone 10.45.0.2:40000")
    expect(pane).to_contain_text("P-CSCF 192.0.2.1:6100")
    expect(pane).to_contain_text("m=audio 49152 RTP/AVP 96 97")
    console.press("Copy")
    assert "m=audio" in console.page.evaluate("navigator.clipboard.readText()")
    console.page.keyboard.press("Escape")
    expect(pane).to_be_hidden()


def test_the_keyboard_walks_along(opened: Opener, api: FakeApi) -> None:
    console = ladder(opened)
    api.trace(*(message(number) for number in range(5)))
    expect(rows(console)).to_have_count(5)
    console.page.get_by_role("button", name="Clear").focus()
    console.page.keyboard.press("Tab")
    expect(rows(console).nth(4)).to_be_focused()  # the latest is where one comes in
    console.page.keyboard.press("ArrowUp")
    console.page.keyboard.press("Enter")
    pane = console.page.get_by_role("complementary", name="Message")
    expect(pane).to_contain_text("OPTIONS sip:3@home.example")
    console.page.keyboard.press("Home")
    expect(pane).to_contain_text("OPTIONS sip:0@home.example")
    expect(rows(console).nth(0)).to_be_focused()
    console.page.keyboard.press("Shift+Tab")
    console.page.keyboard.press("Tab")
    expect(rows(console).nth(0)).to_be_focused()  # where one was


def test_a_pause_holds_it_and_nothing_is_lost(opened: Opener, api: FakeApi) -> None:
    console = ladder(opened)
    api.trace(message(0))
    expect(rows(console)).to_have_count(1)
    console.press("Pause")
    api.trace(message(1), message(2))
    console.sees("Paused")
    console.sees("2 new")
    expect(rows(console)).to_have_count(1)
    console.press("Go on")
    expect(rows(console)).to_have_count(3)


def test_it_can_be_cleared(opened: Opener, api: FakeApi) -> None:
    console = ladder(opened)
    api.trace(message(0), message(1))
    rows(console).first.click()
    console.press("Clear")
    expect(rows(console)).to_have_count(0)
    expect(console.page.get_by_role("complementary", name="Message")).to_be_hidden()
    console.sees("Nothing yet.")
    api.trace(message(2))
    expect(rows(console)).to_have_count(1)


def test_no_more_than_the_latest_are_kept(opened: Opener, api: FakeApi) -> None:
    console = ladder(opened)
    api.trace(*(message(number) for number in range(700)))
    console.sees("700 messages, 200 older ones not kept")
    expect(rows(console)).to_have_count(500)
    expect(rows(console).first).to_contain_text("sip:200@")
    expect(rows(console).last).to_be_in_viewport()  # it follows what comes


def test_who_reads_further_up_stays_there(opened: Opener, api: FakeApi) -> None:
    console = ladder(opened)
    api.trace(*(message(number) for number in range(60)))
    expect(rows(console)).to_have_count(60)
    expect(rows(console).last).to_be_in_viewport()
    rows(console).first.scroll_into_view_if_needed()
    api.trace(message(60))
    expect(rows(console)).to_have_count(61)
    expect(rows(console).first).to_be_in_viewport()
    console.press("\u2193 Newest")
    expect(rows(console).last).to_be_in_viewport()


def test_lost_messages_are_told(opened: Opener, api: FakeApi) -> None:
    console = ladder(opened)
    api.trace(message(0), {"type": "lost", "count": 3}, {"type": "lost", "count": 1}, message(1))
    items = console.page.locator(".rows li")
    expect(items).to_have_count(4)
    expect(items.nth(1)).to_have_text("3 messages were lost here: this page was too slow.")
    expect(items.nth(2)).to_have_text("1 message was lost here: this page was too slow.")


def test_a_cut_is_told_and_mended(opened: Opener, api: FakeApi) -> None:
    console = ladder(opened)
    api.trace(message(0))
    expect(rows(console)).to_have_count(1)
    api.end_traces()
    console.sees("Not live: connection lost. Trying again")
    expect(console.page.get_by_text("Live", exact=True)).to_be_visible()
    console.sees("The connection was lost: what went by until it was back is not here.")
    api.trace(message(1))
    expect(rows(console)).to_have_count(2)


def test_the_trace_ends_where_the_view_is_left(opened: Opener, api: FakeApi) -> None:
    console = ladder(opened)
    assert api.traced == [ALICE]
    console.page.get_by_role("link", name="Blocked").click()
    expect(console.rows("Blocked sources")).to_have_count(1)
    # only a write tells a server that its reader has gone
    for _ in range(50):
        api.trace(message(0))
        if not api.traced:
            break
        console.page.wait_for_timeout(20)
    assert api.traced == []


def test_a_message_is_text_whatever_it_says(opened: Opener, api: FakeApi) -> None:
    console = ladder(opened)
    hostile = sip(
        f"OPTIONS {made.HOSTILE} SIP/2.0", "1 OPTIONS", made.HOSTILE, "Reason: <script>alert(1)"
    )
    api.trace(
        line(PHONE, TO_US, hostile, NOON, 1),
        line(PHONE, TO_US, "no SIP\u202e at all: <img src=x>", NOON, None),
        line(PHONE, TO_US, "", NOON, None),
    )
    expect(rows(console)).to_have_count(3)
    for row in rows(console).all():
        row.click()
    rows(console).first.click()
    pane = console.page.get_by_role("complementary", name="Message")
    expect(pane).to_contain_text(made.HOSTILE)
    expect(pane).to_contain_text("Reason: <script>alert(1)")
    assert console.page.locator("img, main script").count() == 0


def test_the_ladder_of_everybody(opened: Opener, api: FakeApi) -> None:
    console = ladder(opened, "trace")
    assert api.traced == [""]
    api.trace(*conversation(3), *conversation(8))
    expect(rows(console)).to_have_count(50)
    sides = [str(row.get_attribute("aria-label")).split(", ")[1] for row in rows(console).all()]
    assert sides[:4] == [
        "phone to P-CSCF",
        "P-CSCF to core",
        "core to P-CSCF",
        "P-CSCF to phone",
    ]
    assert sides[:25] == sides[25:]


def test_one_address_for_both_sides(opened: Opener, api: FakeApi) -> None:
    """As in a deployment whose P-CSCF has a single address."""
    console = ladder(opened)
    lines = [
        line | {end: line[end].replace(made.PCSCF_CORE, made.PCSCF) for end in ("src", "dst")}
        for line in conversation()
    ]
    api.trace(*lines)
    expect(rows(console)).to_have_count(25)
    sides = [str(row.get_attribute("aria-label")).split(", ")[1] for row in rows(console).all()]
    assert sides[:4] == [
        "phone to P-CSCF",
        "P-CSCF to core",
        "core to P-CSCF",
        "P-CSCF to phone",
    ]
