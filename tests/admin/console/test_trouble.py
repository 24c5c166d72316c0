"""A P-CSCF that cannot be reached, refuses, or asks for a token."""

from playwright.sync_api import expect

from tests.admin.console.conftest import Opener
from tests.admin.console.conversation import conversation
from tests.admin.console.fake_api import FakeApi
from tests.admin.console.looking import phone_view


def test_unreachable_and_back_again(opened: Opener, api: FakeApi) -> None:
    console = opened()
    expect(console.rows("Phones")).to_have_count(10)
    api.stop()
    console.return_to_tab()
    alert = console.page.get_by_role("alert")
    expect(alert).to_contain_text("The P-CSCF cannot be reached. Trying again.")
    expect(alert).to_contain_text("What is shown is of ")
    expect(console.rows("Phones")).to_have_count(10)  # what was known is still there
    api.ues = api.ues[:4]
    api.start()
    expect(alert).to_be_hidden(timeout=10_000)  # by itself
    expect(console.rows("Phones")).to_have_count(4)


def test_it_is_tried_at_once_when_that_is_wanted(opened: Opener, api: FakeApi) -> None:
    console = opened()
    expect(console.rows("Phones")).to_have_count(10)
    api.trouble = (503, "it is starting")
    console.return_to_tab()
    expect(console.page.get_by_role("alert")).to_contain_text("The P-CSCF refuses: it is starting.")
    api.trouble = None
    console.press("Try now")
    expect(console.page.get_by_role("alert")).to_be_hidden()


def test_what_cannot_be_done_is_told(opened: Opener, api: FakeApi) -> None:
    console = opened()
    console.press("Drain\u2026")
    api.stop()
    console.answers("Drain")
    console.sees("Not done: the P-CSCF cannot be reached.")
    api.start()


def test_a_token_is_asked_for_and_kept_for_the_tab(opened: Opener, api: FakeApi) -> None:
    api.token = "let me in"
    console = opened()
    expect(console.question).to_contain_text("asks for the token")
    field = console.question.get_by_label("Token", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("type", "password")
    field.fill("wrong")
    console.page.keyboard.press("Enter")
    expect(console.question).to_contain_text("That token is not the right one.")
    console.question.get_by_label("Token", exact=True).fill(" let me in ")
    console.answers("Enter")
    expect(console.rows("Phones")).to_have_count(10)
    expect(console.page.get_by_role("alert")).to_be_hidden()
    console.page.reload()
    expect(console.rows("Phones")).to_have_count(10)
    assert console.page.evaluate("localStorage.length") == 0
    other = console.page.context.new_page()
    other.goto(console.page.url)
    expect(other.get_by_role("dialog")).to_be_visible()  # another tab is asked by itself
    other.close()


def test_who_has_no_token_is_not_asked_again_and_again(opened: Opener, api: FakeApi) -> None:
    api.token = "secret"
    console = opened()
    console.answers("Cancel")
    console.page.wait_for_timeout(1500)
    expect(console.question).to_have_count(0)
    expect(console.page.get_by_role("alert")).to_contain_text("asks for a token")
    console.press("Enter token")
    expect(console.question).to_be_visible()


def test_the_ladder_and_what_is_done_carry_the_token(opened: Opener, api: FakeApi) -> None:
    api.token = "secret"
    console = opened(phone_view("10.45.0.2"))
    console.question.get_by_label("Token", exact=True).fill("secret")
    console.answers("Enter")
    expect(console.page.get_by_role("article")).to_be_visible()
    expect(console.page.get_by_text("Live", exact=True)).to_be_visible()
    api.trace(*conversation())
    expect(console.page.locator(".rows button")).to_have_count(25)
    api.token = "another"
    console.press("Deregister\u2026")
    console.answers("Deregister")
    expect(console.question).to_contain_text("That token is not the right one.")
    console.question.get_by_label("Token", exact=True).fill("another")
    console.answers("Enter")
    console.sees("done: ues/10.45.0.2/deregister")
    assert api.posted == [("/api/ues/10.45.0.2/deregister", {})]
