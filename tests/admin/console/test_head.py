"""The head of every view: is it ready, how much does it hold, and the drain button."""

from playwright.sync_api import expect

from tests.admin.console.conftest import Opener
from tests.admin.console.fake_api import FakeApi
from tests.admin.console.looking import Console


def facts(console: Console) -> list[str]:
    state = console.page.get_by_role("list", name="State")
    expect(state.get_by_role("listitem").first).to_be_visible()
    return [item.inner_text().strip() for item in state.get_by_role("listitem").all()]


def test_ready(opened: Opener) -> None:
    console = opened()
    assert facts(console) == ["Ready", "10 phones", "10 SA sets", "3 calls"]
    expect(console.page.get_by_role("heading", level=1)).to_have_text("P-CSCF 0.1.0")


def test_not_ready_and_why(opened: Opener, api: FakeApi) -> None:
    api.status = {"ready": False, "reasons": ["no next hop answers"]}
    assert facts(opened())[:2] == ["Not ready", "no next hop answers"]


def test_ready_though_the_store_is_down(opened: Opener, api: FakeApi) -> None:
    api.status = {"notes": ["the store is down: the disk is full"]}
    assert facts(opened())[:3] == ["Ready", "the store is down: the disk is full", "10 phones"]


def test_draining_asks_first(opened: Opener, api: FakeApi) -> None:
    console = opened()
    console.press("Drain\u2026")
    expect(console.question).to_contain_text("New phones are turned away")
    console.answers("Cancel")
    expect(console.question).to_have_count(0)
    assert api.posted == []


def test_draining_and_resuming(opened: Opener, api: FakeApi) -> None:
    console = opened()
    console.press("Drain\u2026")
    api.status = {"draining": True, "ready": False, "reasons": ["draining: no new phone is let in"]}
    console.answers("Drain")
    console.sees("done: drain")
    expect(console.page.get_by_role("listitem").first).to_have_text("Draining")
    assert facts(console)[:2] == ["Draining", "10 phones"]
    console.press("Resume\u2026")
    api.status = {}
    console.answers("Resume")
    expect(console.page.get_by_role("listitem").first).to_have_text("Ready")
    assert api.posted == [("/api/drain", {"on": True}), ("/api/drain", {"on": False})]


def test_a_refusal_is_told(opened: Opener, api: FakeApi) -> None:
    console = opened()
    console.press("Drain\u2026")
    api.trouble = (409, "it is draining already")
    console.answers("Drain")
    console.sees("Refused: it is draining already")
    api.trouble = None


def test_light_and_dark_by_hand(opened: Opener) -> None:
    console = opened(scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = console.page.evaluate(background)
    console.press("Light or dark")
    light = console.page.evaluate(background)
    assert light != dark
    console.page.reload()
    assert console.page.evaluate(background) == light  # it is remembered
