"""A phone registers through the real P-CSCF, with real ESP."""

import pytest

from tests.netns.site import PEER, Site, came_under, every_way
from tests.peers.aka import initial_authorization
from tests.peers.core import Reaction
from tests.peers.sas import Numbers

pytestmark = pytest.mark.esp


@every_way
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
