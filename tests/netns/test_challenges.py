"""What may happen between the core's challenge and the phone's answer to it."""

import pytest

from tests.netns.namespace import wait_until
from tests.netns.site import CARDS, LINGER, PEER, WAYS, Site, came_under, every_way
from tests.peers import offers
from tests.peers.aka import MacError, SyncError, Usim, make_vector
from tests.peers.core import Reaction
from tests.peers.offers import Verify
from tests.peers.phone import Phone
from tests.peers.registrar import Behaviour, Spelling
from tests.peers.text import auth_parameters, make_response

pytestmark = pytest.mark.esp

AWAIT_AUTH = 4.0  # seconds
INSTANCE = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """A P-CSCF that waits for an answer to a challenge only so long."""
    return {"security": f"sa_linger = {LINGER}\nreg_await_auth = {AWAIT_AUTH}"}


def challenged(
    site: Site, version: int = 4, transport: str = "UDP", *, instance: str = ""
) -> Phone:
    """A phone with its SAs up, about to send SM7."""
    phone = site.phone(version, transport=transport, instance=instance)
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


KEYS = f'ck="{"c" * 32}", ik="{"1" * 32}"'
WITH_KEYS = [
    ("WWW-Authenticate", f'Digest realm="a", {KEYS}, nonce="b"'),
    ("WWW-Authenticate", f'Digest realm="a",nonce="b",{KEYS.upper()}'),
    ("Proxy-Authenticate", f'Digest {KEYS}, realm="a", nonce="b"'),
    ("Proxy-Authenticate", f'Digest realm="a", nonce="b", opaque="never ended, {KEYS}'),
]


@every_way
def test_no_line_and_no_status_carries_keys_to_a_phone(
    site: Site, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    for status in (300, 403, 407, 420, 500, 600):
        site.core.next.append(Reaction(status=status, headers=WITH_KEYS))
        assert phone.sm1().status == (504 if status == 300 else status)
    site.core.registrar.behaviour = Behaviour(more_in_401=WITH_KEYS, more_in_200=WITH_KEYS)
    phone.register()
    site.core.next.append(Reaction(status=407, headers=WITH_KEYS))
    assert phone.sm1().status == 407
    for status in (200, 401, 407, 500):
        site.core.answers["MESSAGE"] = (status, "With Keys", WITH_KEYS)
        assert phone.message(PEER).status == status
    assert site.core.request(phone.identity, headers=WITH_KEYS).status == 200
    assert not [one for one in phone.received if b"c" * 32 in one.data.lower()]
    # No rule speaks of a Security-Server in a 407, so none finds fault with it.
    phone.received = [one for one in phone.received if one.status != 407]


def test_a_challenge_without_keys_registers_nobody(site: Site) -> None:
    site.core.registrar.behaviour = Behaviour(spelling=Spelling("none"))
    phone = site.phone()
    assert phone.sm1().status == 500
    assert site.states(phone) == []


@every_way
def test_a_second_challenge_replaces_the_first(site: Site, version: int, transport: str) -> None:
    phone = challenged(site, version, transport)
    before = site.spis(phone)
    answer = phone.sm1()  # with new numbers; the phone's first set is gone
    assert len(site.states(phone)) == 4
    assert not site.spis(phone) & before
    phone.take_challenge(answer)
    phone.install()
    phone.accept(phone.sm7())
    assert len(site.states(phone)) == 4
    site.talks(phone)


@every_way
def test_the_same_numbers_may_come_again_while_the_challenge_is_pending(
    site: Site, version: int, transport: str
) -> None:
    phone = challenged(site, version, transport)
    assert phone.pending is not None
    phone.take_challenge(phone.sm1(numbers=phone.pending.own))
    assert len(site.states(phone)) == 4
    phone.install()
    phone.accept(phone.sm7())
    site.talks(phone)


@pytest.mark.parametrize("version", [4, 6])
def test_a_register_that_comes_twice_is_challenged_once(site: Site, version: int) -> None:
    """Its copy is answered with the same 401; TCP makes no copies."""
    phone = site.phone(version)
    registers = len(site.core.requests("REGISTER"))
    sent = phone.send_sm1()
    phone.finish(sent)
    before = site.spis(phone)
    sent.repeat()
    wait_until(lambda: len(sent.answers) > 1, "the same answer")
    assert {answer.data for answer in sent.answers} == {sent.answers[0].data}
    assert site.spis(phone) == before
    assert len(site.core.requests("REGISTER")) == registers + 1
    phone.take_challenge(sent.answers[0])
    phone.install()
    phone.accept(phone.sm7())
    site.talks(phone)


@pytest.mark.parametrize("identical", [True, False], ids=["identical", "another"])
@every_way
def test_a_second_401_of_the_core_to_one_register_changes_nothing(
    site: Site, version: int, transport: str, *, identical: bool
) -> None:
    phone = site.phone(version, transport=transport)
    answer = phone.sm1()
    before = site.spis(phone)
    challenge_again(site, phone, identical=identical)
    site.settle()
    assert site.spis(phone) == before
    assert [one.status for one in phone.received] == [401]
    phone.take_challenge(answer)
    phone.install()
    phone.accept(phone.sm7())
    site.talks(phone)


def challenge_again(site: Site, phone: Phone, *, identical: bool) -> None:
    """Have the core send a second 401 to the REGISTER it got last."""
    request = site.core.requests("REGISTER")[-1].message
    data, send = site.core._answers[request.branch, "REGISTER"] or (b"", lambda _: None)
    if not identical:
        card = phone.subscription
        value = Spelling().write(card.realm, make_vector(card.functions, bytes(16), 1 << 20))
        headers = [("WWW-Authenticate", value)]
        data = make_response(request, 401, "Unauthorized", headers).to_bytes()
    send(data)


@every_way
def test_an_sm7_that_never_came_ends_with_the_next_attempt(
    site: Site, version: int, transport: str
) -> None:
    phone = challenged(site, version, transport)
    phone.abandon()
    phone.register()
    assert len(site.states(phone)) == 4
    site.talks(phone)


@pytest.mark.parametrize("late", [False, True], ids=["no-answer", "late-answer"])
@every_way
def test_an_sm7_whose_answer_is_lost_ends_with_the_next_attempt(
    site: Site, version: int, transport: str, *, late: bool
) -> None:
    """An answer that comes when the phone has begun anew has no say over the new set."""
    phone = challenged(site, version, transport, instance=INSTANCE)
    _, lost = site.unanswered(phone.send_sm7)
    phone.take_challenge(phone.sm1())
    before = site.spis(phone)
    if late:
        site.answer_late(lost)
        assert site.core.request(phone.identity).status == 404  # nobody is registered by it
    assert site.spis(phone) == before
    phone.install()
    phone.accept(phone.sm7())
    assert len(site.states(phone)) == 4
    site.talks(phone)


@pytest.mark.parametrize("version", [4, 6])
def test_an_sm7_that_comes_twice_is_answered_twice(site: Site, version: int) -> None:
    """The phone did not get the 200, and sends its REGISTER once more under the same SA."""
    phone = challenged(site, version)
    sent = phone.send_sm7()
    answer = phone.finish(sent)
    registers = len(site.core.requests("REGISTER"))
    sent.repeat()
    wait_until(lambda: len(sent.answers) > 1, "the same answer")
    assert {one.data for one in sent.answers} == {answer.data}
    assert len(site.core.requests("REGISTER")) == registers
    phone.accept(answer)
    site.talks(phone)


def test_an_unanswered_challenge_is_forgotten_in_time(site: Site) -> None:
    fresh, registered = site.phone(6, transport="TCP"), site.phone()
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
    phone = site.phone(instance=INSTANCE)
    phone.register()
    old, before = phone.address, site.spis(phone)
    phone.take_challenge(phone.sm1())
    site.move(phone)
    phone.register()
    assert len(site.states(old)) == 4
    assert not site.spis(old) & before
    site.wait_for_states(0, old)
    site.talks(phone)


# --- SM7 must say what was agreed


UNLIKE = [offers.altered, offers.left_out, offers.shortened, offers.reordered]


@pytest.mark.parametrize(("way", "verify"), [*zip(WAYS, UNLIKE, strict=True)])
def test_a_list_that_is_not_ours_ends_the_attempt(
    site: Site, way: tuple[int, str], verify: Verify
) -> None:
    aborted(site, challenged(site, *way), verify=verify)


@pytest.mark.parametrize(("way", "client"), [*zip(WAYS, reversed(UNLIKE), strict=True)])
def test_another_offer_than_in_sm1_ends_the_attempt(
    site: Site, way: tuple[int, str], client: Verify
) -> None:
    aborted(site, challenged(site, *way), client=client)


def aborted(site: Site, phone: Phone, **changes: Verify) -> None:
    """494 with the list under the new SAs, nothing at the core; then it is over with them."""
    registers, agreement = len(site.core.requests("REGISTER")), phone.pending
    assert agreement
    answer = phone.sm7(**changes)
    assert answer.status == 494
    assert came_under(phone, answer) is agreement
    assert answer.message.values("security-server") == agreement.server
    assert answer.message.header("require") == "sec-agree"
    assert phone.sm7().status == 403  # as it should have been: too late
    assert len(site.core.requests("REGISTER")) == registers
    site.wait_for_states(0, phone, seconds=AWAIT_AUTH / 2)
    phone.abandon()
    phone.register()
    site.talks(phone)


@pytest.mark.parametrize("header", ["verify", "client"])
@every_way
def test_the_lists_may_be_spelled_in_another_way(
    site: Site, version: int, transport: str, header: str
) -> None:
    phone = challenged(site, version, transport)
    phone.accept(phone.sm7(**{header: offers.respelled}))
    site.talks(phone)


@every_way
def test_a_temporary_set_carries_the_answer_to_its_challenge_and_nothing_else(
    site: Site, version: int, transport: str
) -> None:
    phone = challenged(site, version, transport)
    messages = len(site.core.requests("MESSAGE"))
    assert phone.finish(phone.start_request("MESSAGE", PEER, over=phone.pending)).status == 403
    assert len(site.core.requests("MESSAGE")) == messages
    phone.accept(phone.sm7())
    site.talks(phone)


# --- what fails


@every_way
def test_a_wrong_response_is_refused_under_the_new_sas(
    site: Site, version: int, transport: str
) -> None:
    phone = challenged(site, version, transport)
    answer = phone.sm7(res=b"mistaken")
    assert answer.status == 403
    assert came_under(phone, answer) is phone.agreements[-1]
    site.wait_for_states(0, phone, seconds=AWAIT_AUTH / 2)
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
    site.wait_for_states(0, phone, seconds=AWAIT_AUTH / 2)


@every_way
def test_a_card_out_of_step_is_resynchronised(site: Site, version: int, transport: str) -> None:
    phone = site.phone(version, transport=transport)
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


@every_way
def test_a_registered_phone_resynchronises(site: Site, version: int, transport: str) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    before = site.spis(phone)
    phone.usim.sqn_ms += 1 << 20
    answer = phone.sm1()
    with pytest.raises(SyncError) as caught:
        phone.take_challenge(answer)
    first = site.spis(phone) - before
    phone.take_challenge(phone.resync(caught.value))
    assert len(site.states(phone)) == 8
    assert before < site.spis(phone)
    assert not first & site.spis(phone)
    phone.install()
    phone.accept(phone.sm7())
    site.talks(phone)
    site.wait_for_states(4, phone)


@every_way
def test_a_challenge_from_a_false_network_is_refused(
    site: Site, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    usim, phone.usim = phone.usim, Usim(CARDS[-1].functions)
    with pytest.raises(MacError):
        phone.take_challenge(phone.sm1())
    assert len(site.states(phone)) == 4
    assert phone.mac_failure().status == 403
    assert site.states(phone) == []
    phone.usim = usim
    phone.register()
    site.talks(phone)
