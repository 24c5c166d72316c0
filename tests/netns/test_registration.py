"""A phone registers through the real P-CSCF, with real ESP."""

from typing import Any

import pytest

from tests.netns.site import PEER, Site, came_under, every_way
from tests.peers.aka import initial_authorization
from tests.peers.core import Reaction
from tests.peers.phone import Phone
from tests.peers.sas import Numbers
from tests.peers.subscription import Subscription

pytestmark = [pytest.mark.esp, pytest.mark.usefixtures("overheard")]


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


HABITS = {
    "no-sec-agree": {"sec_agree": ()},
    "require-alone": {"sec_agree": ("Require",)},
    "proxy-require-alone": {"sec_agree": ("Proxy-Require",)},
    "supported-alone": {"sec_agree": ("Supported",)},
    "tel-in-from": {"from_uri": "tel:+15550000001"},
    "expires-in-contact": {"expires": None, "contact_params": ";expires=3600"},
}


@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS)
@every_way
def test_habits_of_phones(site: Site, version: int, transport: str, habit: dict[str, Any]) -> None:
    phone = site.phone(version, transport=transport)
    phone.register(**habit)
    site.talks(phone)
    phone.register(**habit)
    site.talks(phone)


@pytest.mark.parametrize("version", [4, 6])
def test_over_tcp_any_port_may_stand_in_the_via_of_sm1(site: Site, version: int) -> None:
    phone = site.phone(version, transport="TCP")
    answer = phone.sm1(via_port=5099)
    assert answer.origin.role == "clear"
    phone.take_challenge(answer)
    phone.install()
    phone.accept(phone.sm7())
    site.talks(phone)


@every_way
def test_messages_larger_than_a_packet_pass_both_ways(
    site: Site, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register(headers=(("X-Large", "x" * 3000),))
    assert phone.message(PEER, "m" * 9000).status == 200
    assert len(site.core.requests("MESSAGE")[-1].message.body) == 9000
    assert site.core.request(phone.identity, body=b"m" * 9000).status == 200
    assert len(phone.requests("MESSAGE")[-1].message.body) == 9000


def test_two_phones_may_draw_the_same_numbers(site: Site) -> None:
    numbers = Numbers(3_000_000_001, 3_000_000_002, 21_000, 21_001)
    phones = [site.phone(4), site.phone(4), site.phone(6), site.phone(6)]
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
    second = site.phone(6, card=first.subscription, transport="TCP")
    second.usim = first.usim  # one card: its SQN goes on
    second.register()
    assert (len(site.states(first)), len(site.states(second))) == (4, 4)
    site.talks(first)  # the core calls the first contact
    assert second.message(PEER).status == 200
    first.register(expires=0)
    site.wait_for_states(0, first)
    assert len(site.states(second)) == 4
    site.talks(second)


@every_way
def test_an_emergency_registration_stands_beside_the_other(
    site: Site, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    ordinary = phone.current
    assert ordinary is not None
    phone.register(uri_params=";sos")
    emergency = phone.current
    assert emergency is not ordinary
    assert len(site.states(phone)) == 8
    for over, status in ((ordinary, 200), (emergency, 403)):  # which serves emergencies alone
        assert phone.finish(phone.start_request("MESSAGE", PEER, over=over)).status == status
    # The core calls the first contact, which is the ordinary one.
    assert came_under(phone, site.request_to(phone)) is ordinary
    assert len(site.states(phone)) == 8


def test_an_emergency_registration_may_come_alone_and_first(site: Site) -> None:
    phone = site.phone(6, transport="TCP")
    phone.register(uri_params=";sos")
    emergency, phone.current = phone.current, None
    assert came_under(phone, site.request_to(phone)) is emergency
    phone.register()
    assert phone.current is not emergency
    assert len(site.states(phone)) == 8
    for over, status in ((emergency, 403), (phone.current, 200)):
        assert phone.finish(phone.start_request("MESSAGE", PEER, over=over)).status == status


# --- identities over SAs


@every_way
@pytest.mark.parametrize("credentials", [True, False], ids=["credentials", "to-alone"])
def test_another_identity_over_someones_sas_is_forbidden(
    site: Site, version: int, transport: str, *, credentials: bool
) -> None:
    phone, other = site.phone(version, transport=transport), site.phone(version)
    other.register()
    phone.register()
    refused_as(site, phone, other.subscription, credentials=credentials)
    site.talks(phone)
    site.talks(other)


@every_way
def test_another_identity_over_someones_temporary_sas_is_forbidden(
    site: Site, version: int, transport: str
) -> None:
    phone, other = site.phone(version, transport=transport), site.phone(version)
    phone.take_challenge(phone.sm1())
    phone.install()
    refused_as(site, phone, other.subscription, credentials=True)
    phone.accept(phone.sm7())
    site.talks(phone)


def refused_as(site: Site, phone: Phone, stranger: Subscription, *, credentials: bool) -> None:
    """See a REGISTER for a stranger answered 403 under the phone's SAs, and nothing else happen."""
    before, registers = site.spis(phone), len(site.core.requests("REGISTER"))
    known = initial_authorization(stranger.impi, stranger.realm, stranger.domain_uri)
    step = phone.sm7 if phone.pending else phone.sm1
    answer = step(impu=stranger.impus[0], authorization=known if credentials else "")
    assert (answer.status, answer.origin.role != "clear") == (403, True)
    assert len(site.core.requests("REGISTER")) == registers
    assert site.spis(phone) == before
