"""Small screens, contrast, motion, and the page without eyes or pointer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import expect

from tests.admin.console import made
from tests.admin.console.conftest import Opener
from tests.admin.console.conversation import conversation
from tests.admin.console.fake_api import FakeApi
from tests.admin.console.looking import Console, phone_view

BOB: Final = phone_view(made.uri(1))
VIEWS: Final = ["phones", BOB, "sas", "next-hops", "blocked", "drops", "trace", "service"]

TEXTS: Final = Path(__file__).with_name("texts.js").read_text("utf-8")


def luminance(colour: list[float]) -> float:
    """Give the relative luminance of WCAG 2.2."""
    parts = [value / 255 for value in colour]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: list[float], other: list[float]) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def seen(console: Console) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = console.page.evaluate(TEXTS)
    return found


def faint(console: Console) -> dict[str, float]:
    """Give the texts with less contrast than WCAG 2.2 asks for (1.4.3), with what they have."""
    contrasts = {one["text"]: contrast(one["colour"], one["under"]) for one in seen(console)}
    return {text: round(found, 2) for text, found in contrasts.items() if found < 4.5}


def filled(console: Console, api: FakeApi, view: str) -> None:
    """Wait for the data of a view, and fill its ladder with every kind of row."""
    facts = console.page.get_by_role("list", name="State").get_by_role("listitem")
    expect(facts).not_to_have_count(0)
    if view not in (BOB, "trace"):
        expect(console.page.locator("tbody tr").first).to_be_visible()
        return
    if view == BOB:
        expect(console.page.get_by_role("article")).to_be_visible()
    expect(console.page.get_by_text("Live", exact=True)).to_be_visible()
    api.trace(*conversation(1), {"type": "lost", "count": 3})
    console.page.get_by_role("button", name="INVITE").first.click()


def each_view(console: Console, api: FakeApi) -> Iterator[str]:
    """Go through all views, each with its data."""
    for view in VIEWS:
        console.page.evaluate("(view) => { location.hash = '#/' + view; }", view)
        filled(console, api, view)
        yield view


def test_nothing_is_wider_than_a_phone(opened: Opener, api: FakeApi) -> None:
    name = "sip:" + "very-long-name" * 12 + "@home.example"
    api.ues[1]["identities"].insert(0, f"<{name}>")
    api.ues.insert(
        0, made.ue(50, identities=[f"<{name}>"], ue="2001:db8:1234:5678:9abc:def0:1234:5678")
    )
    api.status = {"ready": False, "reasons": ["x" * 200]}
    console = opened(width=360, height=740)
    for view in each_view(console, api):
        width = console.page.evaluate("document.documentElement.scrollWidth")
        assert (view, width) == (view, 360)
        outside = console.page.evaluate(
            "[...document.querySelectorAll('body *')].filter((one) => one.checkVisibility() && "
            "!one.closest('.unseen, .rows, thead') && one.getBoundingClientRect().right > 361)"
            ".map((one) => one.outerHTML.slice(0, 120))"
        )
        assert (view, outside) == (view, [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(opened: Opener, api: FakeApi, scheme: str) -> None:
    api.why = [*made.WHY, {"time": None, "level": "bad", "text": "Its keys are other ones."}]
    api.status = {"ready": False, "reasons": ["no next hop answers"]}
    console = opened(scheme=scheme)
    for view in each_view(console, api):
        texts = seen(console)
        assert len(texts) > 12
        assert (view, faint(console)) == (view, {})
        small = {one["text"]: one["size"] for one in texts if one["size"] < 11}
        assert (view, small) == (view, {})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_questions_and_answers_can_be_read(opened: Opener, api: FakeApi, scheme: str) -> None:
    console = opened(scheme=scheme)
    console.press("Drain\u2026")
    api.trouble = (409, "no")
    poor = faint(console)
    console.answers("Drain")
    console.sees("Refused: no")
    console.return_to_tab()
    expect(console.page.get_by_role("alert")).to_be_visible()
    poor |= faint(console)
    assert poor == {}


def test_whatever_can_be_used_has_a_name(opened: Opener, api: FakeApi) -> None:
    console = opened()
    for _view in each_view(console, api):
        tree = console.page.locator("body").aria_snapshot()
        for line in tree.splitlines():
            kind = line.strip(" -").rstrip(":")
            assert kind not in ("button", "link", "combobox", "searchbox", "textbox", "table"), tree
        assert console.page.get_by_role("heading", level=1).count() == 1
        assert console.page.get_by_role("main").count() == 1
    assert console.page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("width", [360, 1280])
def test_a_table_is_one_also_as_cards(opened: Opener, width: int) -> None:
    console = opened(width=width)
    rows = console.rows("Phones")
    expect(rows).to_have_count(10)
    assert rows.first.get_by_role("rowheader").count() == 1
    assert rows.first.get_by_role("cell").count() == 7 if width > 720 else 4
    name = rows.first.get_by_role("link").bounding_box()
    assert name is not None
    assert name["height"] < 45  # two lines at most
    heads = console.page.get_by_role("table", name="Phones").get_by_role("columnheader")
    assert heads.all_inner_texts()[:2] == ["Phone", "State"]


def test_the_keyboard_is_enough(opened: Opener, api: FakeApi) -> None:
    console = opened()
    expect(console.rows("Phones")).to_have_count(10)
    press = console.page.keyboard.press
    press("Tab")
    expect(console.page.get_by_role("button", name="Skip to the content")).to_be_focused()
    press("Enter")
    for _ in range(3):  # search, state, the first phone
        press("Tab")
    press("Enter")
    expect(console.page.get_by_role("heading", name="sip:alice@")).to_be_visible()
    expect(console.page.get_by_role("article")).to_be_visible()
    console.page.get_by_role("main").focus()
    press("Tab")
    expect(console.page.get_by_role("button", name="Deregister\u2026")).to_be_focused()
    press("Enter")
    press("Tab")
    press("Enter")
    console.sees("done: ues/10.45.0.2/deregister")


def test_who_wants_no_motion_gets_none(opened: Opener, api: FakeApi) -> None:
    console = opened(BOB)
    moves = "getComputedStyle(document.querySelector('.grown')).animationName"
    grown = console.page.locator(".grown").first
    expect(console.page.get_by_role("article")).to_be_visible()
    api.packets += 1
    console.return_to_tab()
    expect(grown).to_be_visible()
    assert console.page.evaluate(moves) == "grown"
    console.page.emulate_media(reduced_motion="reduce")
    assert console.page.evaluate(moves) == "none"


def test_the_browser_refuses_what_the_policy_forbids(opened: Opener) -> None:
    console = opened()
    assert console.page.evaluate(
        "() => { try { document.body.innerHTML = '<p>'; return false; } catch { return true; } }"
    )
    console.complaints.clear()  # the browser's word on it
