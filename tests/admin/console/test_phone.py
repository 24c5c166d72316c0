"""The page of one phone: what it is, its SAs, why, and deregistering it."""

from playwright.sync_api import expect

from tests.admin.console import made
from tests.admin.console.conftest import Opener
from tests.admin.console.fake_api import FakeApi
from tests.admin.console.looking import Console, phone_view

BOB = made.uri(1)
ALICE = made.uri(0)


def sas(console: Console) -> list[list[str]]:
    """Give the cells of the four SAs of the first set, once they are there."""
    rows = console.rows("The four SAs")
    expect(rows.first).to_be_visible()
    return [row.locator("th, td").all_inner_texts() for row in rows.all()[:4]]


def test_a_link_leads_to_a_phone_and_back(opened: Opener, api: FakeApi) -> None:
    console = opened()
    console.page.get_by_role("link", name=BOB).click()
    expect(console.page.get_by_role("heading", name=BOB)).to_be_visible()
    expect(console.page).to_have_url(f"{api.url}/#/{phone_view(BOB)}")
    expect(console.page).to_have_title(f"{BOB} \u2013 P-CSCF")
    expect(console.page.get_by_role("link", name="Phones")).to_have_attribute(
        "aria-current", "page"
    )
    console.page.go_back()
    expect(console.rows("Phones")).to_have_count(10)


def test_what_is_known_of_a_phone(opened: Opener) -> None:
    console = opened(phone_view(ALICE))
    for text in [
        f"{ALICE}, tel:+15550100000",
        made.impi(0),
        "10.45.0.2, UDP",
        "urn:gsma:imei:35395803-000000-0",
        made.HOP,
        "59:00",
    ]:
        console.sees(text)
    binding = console.rows("Bindings")
    expect(binding).to_have_count(1)
    expect(binding).to_contain_text("sip:001010000000000@10.45.0.2:50000")


def test_the_four_sas_are_named_from_the_receivers_side(opened: Opener) -> None:
    console = opened(phone_view(ALICE))
    assert [row[:2] for row in sas(console)] == [
        ["0x1a2b0003", "uc :40000 \u2192 ps :6100\nphone to P-CSCF"],
        ["0x1a2b0002", "us :50000 \u2192 pc :6112\nphone to P-CSCF"],
        ["0x1a2b0001", "us :50000 \u2190 pc :6112\nP-CSCF to phone"],
        ["0x1a2b0000", "uc :40000 \u2190 ps :6100\nP-CSCF to phone"],
    ]
    assert [row[2:] for row in sas(console)][:2] == [
        ["300", "262.8 kB", "none", "12:00:04"],
        ["200", "175.2 kB", "none", "12:00:04"],
    ]


def test_counters_move(opened: Opener, api: FakeApi) -> None:
    console = opened(phone_view(ALICE))
    packets = console.rows("The four SAs").first.locator(".counter").first
    expect(packets).to_have_text("300")
    api.packets += 2
    expect(packets).to_have_text("306+6")  # by itself, within seconds
    console.return_to_tab()
    expect(packets).to_have_text("306")


def test_faults_of_an_sa_are_told(opened: Opener, api: FakeApi) -> None:
    set_ = made.sa_set(0)
    broken = made.kernel(set_)
    broken[0] |= {"integrity_failed": 3, "replay": 1, "used": None}
    broken[1] |= dict.fromkeys(["packets", "bytes", "replay", "integrity_failed", "used"])
    api.counted = {set_["spi_ps"]: broken}
    console = opened(phone_view(ALICE))
    first, second, *_ = sas(console)
    assert first[2:] == ["0", "0 B", "3 bad ICV, 1 replayed", "never"]
    assert second[2:] == ["\u2013", "\u2013", "\u2013", "\u2013"]


def test_each_set_says_in_which_stage_it_is(opened: Opener) -> None:
    console = opened(phone_view(BOB))
    heads = console.page.locator(".set-head")
    expect(heads).to_have_count(2)
    expect(heads.nth(0)).to_contain_text("Current")
    expect(heads.nth(1)).to_contain_text("Previous")
    expect(heads.nth(1)).to_contain_text("removed in 0:42")
    expect(heads.nth(1)).to_contain_text("kept until the phone uses the new set")


def test_a_set_that_goes_is_gone(opened: Opener, api: FakeApi) -> None:
    console = opened(phone_view(BOB))
    heads = console.page.locator(".set-head")
    expect(heads).to_have_count(2)
    api.ues[1] = made.ue(1, sas=[made.sa_set(1, generation=1, tcp=True)])
    console.return_to_tab()
    expect(heads).to_have_count(1)
    expect(heads).to_contain_text("the phone has a TCP connection under it")


def test_a_phone_in_clear_has_no_sas(opened: Opener) -> None:
    opened(phone_view("10.45.0.5")).sees("No SAs: what it sends and gets is in clear.")


def test_why_is_told_in_sentences(opened: Opener, api: FakeApi) -> None:
    api.why = [*made.WHY, {"time": None, "level": "bad", "text": "Its keys are other ones."}]
    console = opened(phone_view(BOB))
    sentences = console.page.locator(".why li")
    expect(sentences).to_have_count(3)
    assert [text.replace("\n", " ") for text in sentences.all_inner_texts()] == [
        f"Fine: {made.WHY[0]['text']}",
        f"Note: 11:58:41 {made.WHY[1]['text']}",
        "Problem: Its keys are other ones.",
    ]


def test_a_p_cscf_without_diagnosis_shows_the_rest(opened: Opener, api: FakeApi) -> None:
    api.why = []
    console = opened(phone_view(BOB))
    expect(console.page.locator(".why li")).to_have_count(1)
    expect(console.page.get_by_role("article")).to_be_visible()


def test_who_is_not_registered_is_watched_for(opened: Opener, api: FakeApi) -> None:
    api.why = [{"time": None, "level": "bad", "text": "Its REGISTER was refused: 403."}]
    console = opened(phone_view("10.45.0.22"))
    console.sees("Nobody of this name is registered.")
    console.sees("Its REGISTER was refused: 403.")
    assert api.traced == ["10.45.0.22"]
    api.ues.append(made.ue(20))
    console.return_to_tab()
    console.sees(made.impi(20))
    expect(console.page.get_by_text("Nobody of this name")).to_be_hidden()


def test_all_phones_of_an_identity_are_shown(opened: Opener, api: FakeApi) -> None:
    api.ues.append(made.ue(30, identities=[f"<{BOB}>"]))
    console = opened(phone_view(BOB))
    expect(console.page.get_by_role("article")).to_have_count(2)
    console.sees(made.impi(30))


def test_deregistering_asks_first(opened: Opener, api: FakeApi) -> None:
    console = opened(phone_view(BOB))
    console.press("Deregister\u2026")
    expect(console.question).to_contain_text(made.impi(1))
    expect(console.question).to_contain_text("2 identities")
    expect(console.question.get_by_role("button", name="Cancel")).to_be_focused()
    console.answers("Cancel")
    console.press("Deregister\u2026")
    console.page.keyboard.press("Escape")
    expect(console.question).to_have_count(0)
    assert api.posted == []


def test_deregistering(opened: Opener, api: FakeApi) -> None:
    console = opened(phone_view(BOB))
    console.press("Deregister\u2026")
    console.answers("Deregister")
    expect(console.page.get_by_role("status").filter(has_text="done:")).to_be_visible()
    assert api.posted == [("/api/ues/10.45.0.3/deregister", {})]


def test_an_address_of_ipv6_and_odd_names_reach_the_api_whole(opened: Opener, api: FakeApi) -> None:
    odd = "sip:a/b?c#d%25e f@home.example"
    api.ues.append(made.ue(40, identities=[f"<{odd}>"]))
    console = opened(phone_view(odd))
    console.sees(made.impi(40))
    console.go(phone_view("2001:db8:45::8"))
    console.sees(made.impi(8))
