"""The list of phones, as somebody sees it in a browser."""

from playwright.sync_api import expect

from tests.admin.console import made
from tests.admin.console.conftest import Opener
from tests.admin.console.fake_api import FakeApi


def lists(api: FakeApi) -> list[str]:
    return [path for path in api.asked if path.startswith("GET /api/ues?")]


def test_phones_with_states_sas_and_expiry(opened: Opener) -> None:
    console = opened()
    rows = console.rows("Phones")
    expect(rows).to_have_count(10)
    expect(rows.nth(0)).to_contain_text(f"sip:alice@{made.REALM}")
    expect(rows.nth(0)).to_contain_text("Protected")
    expect(rows.nth(0)).to_contain_text("hmac-sha-1-96/aes-cbc")
    expect(rows.nth(0)).to_contain_text("59:00")
    expect(rows.nth(1)).to_contain_text("+ previous")
    expect(rows.nth(3)).to_contain_text("In clear")
    expect(rows.nth(4)).to_contain_text("Silent")
    expect(rows.nth(5)).to_contain_text("Leaving")
    expect(rows.nth(6)).to_contain_text("GuestEmergency")
    expect(rows.nth(7)).to_contain_text("Authenticating")
    console.sees("10 phones")


def test_every_state_has_a_word_and_a_picture(opened: Opener) -> None:
    badges = opened().rows("Phones").locator(".badge")
    expect(badges).to_have_count(14)
    for badge in badges.all():
        assert badge.inner_text().strip()
        assert badge.locator("svg").count() == 1


def test_an_expiry_counts_down_without_a_request_a_second(opened: Opener, api: FakeApi) -> None:
    console = opened()
    cell = console.rows("Phones").nth(2).get_by_role("cell").last
    expect(cell).to_have_text("0:38")
    asked = len(lists(api))
    expect(cell).to_have_text("0:37")
    assert len(lists(api)) == asked
    expect(cell).to_have_class("number countdown soon")


def test_the_list_is_renewed_and_who_has_the_focus_keeps_it(opened: Opener, api: FakeApi) -> None:
    console = opened()
    link = console.page.get_by_role("link", name="sip:bob@")
    link.focus()
    api.ues = [made.ue(20), *api.ues[1:]]
    console.return_to_tab()
    expect(console.rows("Phones").nth(0)).to_contain_text("user20")
    expect(link).to_be_focused()


def test_search_asks_the_server(opened: Opener, api: FakeApi) -> None:
    console = opened()
    console.page.keyboard.press("/")
    console.page.keyboard.type("ivan")
    expect(console.rows("Phones")).to_have_count(1)
    expect(console.rows("Phones")).to_contain_text("sip:ivan@")
    assert "find=ivan" in lists(api)[-1]
    expect(console.page).to_have_url(f"{api.url}/#/phones?find=ivan")


def test_an_address_with_a_search_leads_there(opened: Opener) -> None:
    console = opened("phones?find=carol&state=protected")
    expect(console.rows("Phones")).to_have_count(1)
    expect(console.page.get_by_role("searchbox")).to_have_value("carol")
    expect(console.page.get_by_role("combobox")).to_have_value("protected")


def test_who_is_not_found_can_be_asked_about(opened: Opener) -> None:
    console = opened("phones?find=10.99.0.1")
    console.page.get_by_role("link", name="Why is 10.99.0.1 not here?").click()
    expect(console.page.get_by_role("heading", name="10.99.0.1")).to_be_visible()
    console.sees("Nobody of this name is registered.")


def test_no_phone_at_all(opened: Opener, api: FakeApi) -> None:
    api.ues = []
    opened().sees("No phone is registered.")


def test_phones_by_state(opened: Opener) -> None:
    console = opened()
    for state, names in [
        ("In clear", ["dave"]),
        ("Emergency", ["10.45.0.8", "judy"]),
        ("Authenticating", ["heidi"]),
        ("Leaving", ["frank"]),
    ]:
        console.page.get_by_role("combobox", name="State").select_option(state)
        expect(console.rows("Phones")).to_have_count(len(names))
        for row, name in zip(console.rows("Phones").all(), names, strict=True):
            expect(row).to_contain_text(name)


def test_ten_thousand_phones_come_a_page_at_a_time(opened: Opener, api: FakeApi) -> None:
    api.ues = [made.ue(number) for number in range(10_000)]
    console = opened()
    console.sees("1\u201350 of 10,000 phones")
    assert "first=0&most=50" in lists(api)[0]
    expect(console.page.get_by_role("button", name="Previous")).to_be_disabled()
    console.press("Next")
    console.sees("51\u2013100 of 10,000 phones")
    expect(console.rows("Phones").nth(0)).to_contain_text("user50@")
    console.press("Next")
    console.sees("101\u2013150 of 10,000 phones")
    console.press("Previous")
    console.sees("51\u2013100 of 10,000 phones")
    console.press("Previous")
    expect(console.rows("Phones").nth(0)).to_contain_text("alice")
    console.go("phones?first=9980")
    console.sees("9,981\u201310,000 of 10,000 phones")
    expect(console.page.get_by_role("button", name="Next")).to_be_disabled()


def test_a_state_is_looked_for_until_a_page_is_full(opened: Opener, api: FakeApi) -> None:
    api.ues = [made.ue(number, silent=number % 10 == 9) for number in range(10_000)]
    console = opened("phones?state=silent")
    console.sees("50 among 1\u2013500 of 10,000 phones")
    assert len(lists(api)) == 1  # one stride was enough
    console.press("Next")
    console.sees("50 among 501\u20131,000 of 10,000 phones")
    expect(console.rows("Phones").nth(0)).to_contain_text("user509@")
    console.press("Previous")
    console.sees("50 among 1\u2013500 of 10,000 phones")


def test_a_name_is_text_whatever_it_says(opened: Opener, api: FakeApi) -> None:
    odd = f"sip:{made.HOSTILE}@home.example"
    reversing = "<sip:\u202ecilbup@home.example>"
    api.ues = [made.ue(0, identities=[odd, reversing], impi="<b>bold</b>", next_hop="<i>")]
    console = opened()
    row = console.rows("Phones")
    expect(row).to_contain_text(odd)
    expect(row).to_contain_text("sip:\ufffdcilbup, <b>bold</b>")
    assert row.locator("img, b, i").count() == 0
    row.get_by_role("link").click()
    expect(console.page.get_by_role("heading", name=odd)).to_be_visible()
    console.sees("<b>bold</b>")
    assert console.page.locator("img").count() == 0
    assert "owned" not in console.page.title().split()
