"""What may happen between the core's challenge and the phone's answer to it."""

import pytest

from tests.netns.site import CARDS, LINGER, Site, came_under
from tests.peers import offers
from tests.peers.aka import MacError, SyncError, Usim
from tests.peers.core import Reaction
from tests.peers.offers import Verify
from tests.peers.phone import Phone
from tests.peers.registrar import Behaviour, Spelling
from tests.peers.text import auth_parameters

pytestmark = pytest.mark.esp

AWAIT_AUTH = 4.0  # seconds


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """A P-CSCF that waits for an answer to a challenge only so long."""
    return {"security": f"sa_linger = {LINGER}\nreg_await_auth = {AWAIT_AUTH}"}


def challenged(site: Site) -> Phone:
    """A phone with its SAs up, about to send SM7."""
    phone = site.phone()
    phone.take_challenge(phone.sm1())
    phone.install()
    assert len(site.states(phone)) == 4
    return phone


SPELLINGS = [
    Spelling("first"),
    Spelling("middle", decoy=True),
    Spelling("last", blank=False),
    Spelling("first", upper=True, quoted=False, decoy=True),
    Spelling("middle", upper=True, quoted=False, blank=False),
    Spelling("last", quoted=False, blank=False, decoy=True, qop="auth,auth-int"),
]


@pytest.mark.parametrize("spelling", SPELLINGS, ids=str)
def test_the_phone_sees_no_key_however_the_core_spells_it(site: Site, spelling: Spelling) -> None:
    site.core.registrar.behaviour = Behaviour(spelling=spelling)
    phone = site.phone()
    answer = phone.sm1()
    phone.take_challenge(answer)
    phone.install()
    phone.accept(phone.sm7())
    assert {"ck", "ik"}.isdisjoint(auth_parameters(answer.message.header("www-authenticate")))


def test_a_challenge_without_keys_registers_nobody(site: Site) -> None:
    site.core.registrar.behaviour = Behaviour(spelling=Spelling("none"))
    phone = site.phone()
    assert phone.sm1().status == 500
    assert site.states(phone) == []


def test_a_second_challenge_replaces_the_first(site: Site) -> None:
    phone = challenged(site)
    before = site.spis(phone)
    answer = phone.sm1()  # with new numbers; the phone's first set is gone
    assert len(site.states(phone)) == 4
    assert not site.spis(phone) & before
    phone.take_challenge(answer)
    phone.install()
    phone.accept(phone.sm7())
    assert len(site.states(phone)) == 4
    site.talks(phone)


def test_the_same_numbers_may_come_again_while_the_challenge_is_pending(site: Site) -> None:
    phone = challenged(site)
    assert phone.pending is not None
    phone.take_challenge(phone.sm1(numbers=phone.pending.own))
    assert len(site.states(phone)) == 4
    phone.install()
    phone.accept(phone.sm7())
    site.talks(phone)


def test_an_sm7_that_never_came_ends_with_the_next_attempt(site: Site) -> None:
    phone = challenged(site)
    phone.abandon()
    phone.register()
    assert len(site.states(phone)) == 4
    site.talks(phone)


def test_an_unanswered_challenge_is_forgotten_in_time(site: Site) -> None:
    fresh, registered = site.phone(), site.phone()
    registered.register()
    before = site.spis(registered)
    for phone in (fresh, registered):
        phone.take_challenge(phone.sm1())
    assert (len(site.states(fresh)), len(site.states(registered))) == (4, 8)
    site.wait_for_states(0, fresh)
    site.wait_for_states(4, registered)
    assert site.spis(registered) == before
    site.talks(registered)
    fresh.register()
    site.talks(fresh)


def test_a_phone_that_moved_with_a_challenge_pending(site: Site) -> None:
    """What is left at its old address is the set that awaits an answer, and only so long."""
    phone = site.phone(instance="urn:uuid:00000000-0000-1000-8000-000a95a0e128")
    phone.register()
    old, before = phone.address, site.spis(phone)
    phone.take_challenge(phone.sm1())
    site.move(phone)
    phone.register()
    assert len(site.states(old)) == 4
    assert not site.spis(old) & before
    site.wait_for_states(0, old)
    site.talks(phone)


@pytest.mark.parametrize(
    "verify", [offers.altered, offers.left_out, offers.shortened, offers.reordered]
)
def test_a_list_that_is_not_ours_ends_the_attempt(site: Site, verify: Verify) -> None:
    phone = challenged(site)
    registers = len(site.core.requests("REGISTER"))
    answer = phone.sm7(verify=verify)
    assert answer.status == 494
    assert came_under(phone, answer) is phone.agreements[-1]
    assert len(site.core.requests("REGISTER")) == registers
    site.wait_for_states(0, phone)
    phone.abandon()
    phone.register()
    site.talks(phone)


def test_the_list_may_be_spelled_in_another_way(site: Site) -> None:
    phone = challenged(site)
    phone.accept(phone.sm7(verify=offers.respelled))
    site.talks(phone)


@pytest.mark.parametrize("client", [offers.shortened, offers.altered, offers.left_out])
def test_another_offer_than_in_sm1_ends_the_attempt(site: Site, client: Verify) -> None:
    phone = challenged(site)
    answer = phone.sm7(client=client)
    assert answer.status == 494
    assert came_under(phone, answer) is phone.agreements[-1]
    site.wait_for_states(0, phone)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_wrong_response_is_refused_under_the_new_sas(site: Site, transport: str) -> None:
    phone = site.phone(transport=transport)
    phone.take_challenge(phone.sm1())
    phone.install()
    answer = phone.sm7(res=b"mistaken")
    assert answer.status == 403
    assert came_under(phone, answer) is phone.agreements[-1]
    site.wait_for_states(0, phone)
    phone.abandon()
    phone.register()
    site.talks(phone)


def test_a_challenge_to_the_answer_of_a_challenge_ends_the_attempt(site: Site) -> None:
    phone = challenged(site)
    site.core.next.append(Reaction(challenge=True))
    answer = phone.sm7(res=b"mistaken")
    assert answer.status == 401
    assert came_under(phone, answer) is phone.agreements[-1]
    assert "security-server" not in answer.message
    site.wait_for_states(0, phone)


def test_a_card_out_of_step_is_resynchronised(site: Site) -> None:
    phone = site.phone()
    phone.usim.sqn_ms = 1 << 20
    answer = phone.sm1()
    with pytest.raises(SyncError) as caught:
        phone.take_challenge(answer)
    before = site.spis(phone)
    phone.take_challenge(phone.resync(caught.value))
    assert len(site.states(phone)) == 4
    assert not site.spis(phone) & before
    phone.install()
    phone.accept(phone.sm7())
    site.talks(phone)


def test_a_registered_phone_resynchronises(site: Site) -> None:
    phone = site.phone()
    phone.register()
    phone.usim.sqn_ms += 1 << 20
    phone.register()
    site.talks(phone)
    site.wait_for_states(4, phone)


def test_a_challenge_from_a_false_network_is_refused(site: Site) -> None:
    phone = site.phone()
    usim, phone.usim = phone.usim, Usim(CARDS[-1].functions)
    with pytest.raises(MacError):
        phone.take_challenge(phone.sm1())
    assert len(site.states(phone)) == 4
    assert phone.mac_failure().status == 403
    assert site.states(phone) == []
    phone.usim = usim
    phone.register()
    site.talks(phone)
