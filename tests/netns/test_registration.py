"""A phone registers through the real P-CSCF, with real ESP."""

from pathlib import Path

import pytest

from tests.netns.lab import Lab
from tests.netns.pcscf_process import config, running
from tests.netns.site import PEER, Site, came_under, open_site
from tests.peers import offers
from tests.peers.aka import initial_authorization
from tests.peers.core import Reaction
from tests.peers.offers import Offer
from tests.peers.phone import Phone
from tests.peers.sas import Numbers

pytestmark = pytest.mark.esp

SHA1_AES = ("hmac(sha1)", "cbc(aes)")
SHA1_NULL = ("hmac(sha1)", "ecb(cipher_null)")


def algorithms(site: Site, phone: Phone) -> set[tuple[str | None, str | None]]:
    return {(state.auth, state.enc) for state in site.states(phone)}


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("version", [4, 6])
def test_a_phone_registers_and_talks_both_ways(site: Site, version: int, transport: str) -> None:
    phone = site.phone(version, transport=transport)
    policies = site.lab.pcscf.xfrm_policies()
    answer = phone.register()
    assert answer.origin.role == {"UDP": "us", "TCP": "uc"}[transport]
    assert len(site.states(phone)) == 4
    site.talks(phone)
    # Datagrams go uc -> ps and pc -> us; the phone's own connection runs uc <-> ps.
    assert len([state for state in site.states(phone) if state.packets]) == 2
    assert site.lab.pcscf.xfrm_policies() == policies


@pytest.mark.parametrize(
    ("offer", "chosen"),
    [
        pytest.param(offers.samsung, SHA1_AES, id="samsung"),
        pytest.param(offers.xiaomi, SHA1_AES, id="xiaomi"),
        # Null stands first in its offer: the operator's order decides.
        pytest.param(offers.nokia, SHA1_AES, id="nokia"),
        pytest.param(offers.null_only, SHA1_NULL, id="null-only"),
        pytest.param(offers.gcm, (None, "rfc4106(gcm(aes))"), id="gcm"),
        pytest.param(offers.several_lines(offers.samsung), SHA1_AES, id="several-lines"),
        pytest.param(offers.with_media_security(offers.xiaomi), SHA1_AES, id="media-security"),
    ],
)
def test_phones_of_several_vendors_register(
    site: Site, offer: Offer, chosen: tuple[str | None, str]
) -> None:
    phone = site.phone(offer=offer)
    phone.register()
    assert algorithms(site, phone) == {chosen}
    site.talks(phone)


def test_another_order_of_the_operator_leads_to_another_choice(lab: Lab, tmp_path: Path) -> None:
    order = 'algorithms = ["hmac-sha-1-96/null", "hmac-sha-1-96/aes-cbc"]'
    with running(lab, tmp_path, config(lab, security=order)) as process, open_site(lab) as site:
        phone = site.phone()
        phone.register()
        assert algorithms(site, phone) == {SHA1_NULL}
        phone.assert_clean()
        assert process.stop() == 0
    assert (lab.pcscf.xfrm_states(), lab.pcscf.xfrm_policies()) == ([], [])


def spelled(template: str) -> Offer:
    return offers.own(template, [("hmac-sha-1-96", "aes-cbc")])


@pytest.mark.parametrize(
    ("offer", "status"),
    [
        pytest.param(offers.own(offers.PLAIN, [("hmac-md5-96", "null")]), 494, id="not-enabled"),
        pytest.param(offers.own(offers.PLAIN, [("hmac-sha-2-256", "aes-cbc")]), 494, id="unknown"),
        pytest.param(lambda _: ["tls;q=0.2"], 494, id="no-ipsec-3gpp"),
        pytest.param(None, 421, id="no-offer"),
        pytest.param(spelled(offers.PLAIN.replace("spi-c={spi_c}; ", "")), 400, id="no-spi-c"),
        pytest.param(spelled(offers.PLAIN.replace("{port_c}", "70000")), 400, id="port-c-70000"),
        pytest.param(spelled(offers.PLAIN.replace("{spi_s}", "x")), 400, id="spi-s-x"),
        pytest.param(lambda _: ["ipsec-3gpp; alg"], 400, id="alg-without-value"),
        pytest.param(lambda _: [";;=,"], 400, id="no-mechanism"),
    ],
)
def test_an_offer_of_no_use_is_refused_in_clear(
    site: Site, offer: Offer | None, status: int
) -> None:
    phone = site.phone(offer=offer)
    answer = phone.sm1()
    assert (answer.status, answer.origin.role) == (status, "clear")
    assert ("security-server" in answer.message) is (status in {421, 494})
    assert site.states(phone) == []
    assert not [one for one in site.core.requests("REGISTER") if of(phone, one.message.get("to"))]


def of(phone: Phone, to: str | None) -> bool:
    return phone.subscription.impus[0] in (to or "")


def test_two_phones_may_draw_the_same_numbers(site: Site) -> None:
    numbers = Numbers(3_000_000_001, 3_000_000_002, 21_000, 21_001)
    phones = [site.phone(), site.phone()]
    for phone in phones:
        phone.take_challenge(phone.sm1(numbers=numbers))
        phone.install()
    for phone in phones:
        phone.accept(phone.sm7())
    for phone in phones:
        assert len(site.states(phone)) == 4
        site.talks(phone)


def test_several_identities_share_the_sas(site: Site) -> None:
    phone = site.phone()
    phone.register()
    second = phone.subscription.impus[1]
    site.core.next.append(Reaction(challenge=False))
    phone.register(impu=second)
    assert len(site.states(phone)) == 4
    site.talks(phone)
    assert site.core.request(second).status == 200


def test_two_contacts_of_one_user_have_their_own_sas(site: Site) -> None:
    first = site.phone()
    first.register()
    second = site.phone(card=first.subscription)
    second.usim = first.usim  # one card: its SQN goes on
    second.register()
    assert (len(site.states(first)), len(site.states(second))) == (4, 4)
    assert first.message(PEER).status == 200
    assert second.message(PEER).status == 200


def test_an_emergency_registration_stands_beside_the_other(site: Site) -> None:
    phone = site.phone()
    phone.register()
    ordinary = phone.current
    assert ordinary is not None
    phone.register(uri_params=";sos")
    emergency = phone.current
    assert emergency is not ordinary
    assert len(site.states(phone)) == 8
    for over in (ordinary, emergency):
        assert phone.finish(phone.start_request("MESSAGE", PEER, over=over)).status == 200
    # The core calls the first contact, which is the ordinary one.
    assert came_under(phone, site.request_to(phone)) is ordinary
    assert len(site.states(phone)) == 8


def test_another_identity_over_someones_sas_is_forbidden(site: Site) -> None:
    phone, other = site.phone(), site.phone()
    phone.register()
    stranger = other.subscription
    registers = len(site.core.requests("REGISTER"))
    answer = phone.sm1(
        impu=stranger.impus[0],
        authorization=initial_authorization(stranger.impi, stranger.realm, stranger.domain_uri),
    )
    assert (answer.status, answer.origin.role) == (403, "us")
    assert len(site.core.requests("REGISTER")) == registers
    assert len(site.states(phone)) == 4
    site.talks(phone)
