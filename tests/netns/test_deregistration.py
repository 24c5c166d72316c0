"""Registrations end: by the phone, by time, by a newer one elsewhere. The SAs go with them."""

import time
from dataclasses import replace

import pytest

from tests.netns.namespace import wait_until
from tests.netns.site import LINGER, PEER, SLACK, Site, came_under, every_way
from tests.peers.agreement import draw
from tests.peers.core import Reaction
from tests.peers.registrar import Behaviour

pytestmark = pytest.mark.esp

INSTANCE = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"
GONE = 404  # the Path token leads to nobody


@pytest.mark.parametrize("challenge", [True, False], ids=["challenged", "unchallenged"])
@every_way
def test_the_200_arrives_under_the_sas_and_then_they_go(
    site: Site, version: int, transport: str, *, challenge: bool
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    policies = site.lab.pcscf.xfrm_policies()
    site.core.next.append(Reaction(challenge=challenge))
    answer = phone.register(expires=0)
    assert came_under(phone, answer) is phone.current
    site.wait_for_states(0, phone)
    assert site.lab.pcscf.xfrm_policies() == policies


@every_way
def test_a_registered_phone_leaves_in_clear(site: Site, version: int, transport: str) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    phone.take_challenge(phone.sm1(protected=False, numbers=draw(None), expires=0))
    phone.install()
    answer = phone.sm7(protected=None)
    assert answer.status == 200
    assert came_under(phone, answer) is phone.pending
    site.wait_for_states(0, phone)


@pytest.mark.parametrize("leaves", ["ordinary", "emergency"])
@every_way
def test_ordinary_and_emergency_registration_end_each_for_itself(
    site: Site, version: int, transport: str, leaves: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    ordinary = phone.current
    phone.register(uri_params=";sos")
    stays = phone.current
    if leaves == "ordinary":
        phone.current = ordinary
        phone.register(expires=0)
    else:
        phone.register(uri_params=";sos", expires=0)
        stays = ordinary
    site.wait_for_states(4, phone)
    phone.current = stays
    # What is left of an emergency registration serves emergencies, and who calls back.
    assert phone.message(PEER).status == (403 if leaves == "ordinary" else 200)
    assert came_under(phone, site.request_to(phone)) is stays


@pytest.mark.parametrize("challenge", [True, False], ids=["challenged", "unchallenged"])
@pytest.mark.parametrize("version", [4, 6])
def test_a_200_that_was_lost_is_sent_again(site: Site, version: int, *, challenge: bool) -> None:
    """The SAs stay that long. Over TCP nothing is lost, and nothing sent again."""
    phone = site.phone(version)
    phone.register()
    site.core.next.append(Reaction(challenge=challenge))
    sent = phone.send_sm1(expires=0)
    answer = phone.finish(sent)
    if challenge:
        phone.take_challenge(answer)
        phone.install()
        sent = phone.send_sm7()
        answer = phone.finish(sent)
    assert answer.status == 200
    sent.repeat()
    wait_until(lambda: len(sent.answers) > 1, "the same answer")
    assert {one.data for one in sent.answers} == {answer.data}
    assert came_under(phone, sent.answers[1]) is phone.agreements[-1]
    site.wait_for_states(0, phone)


def test_a_star_ends_every_contact(site: Site) -> None:
    phone = site.phone()
    phone.register()
    phone.register(contact="*", expires=0)
    site.wait_for_states(0, phone)


def test_nothing_is_served_after_the_end(site: Site) -> None:
    phone = site.phone()
    phone.register()
    path = site.core.bindings(phone.identity)[0].path
    uri = site.core.bindings(phone.identity)[0].uri
    site.core.next.append(Reaction(challenge=False))
    phone.register(expires=0)
    assert phone.message(PEER).status == 403
    assert request_along(site, uri, path) == GONE
    site.wait_for_states(0, phone)
    assert phone.requests("MESSAGE") == []


def request_along(site: Site, uri: str, path: list[str]) -> int:
    """Send a request from the core to a contact of old; return the status."""
    headers = [("From", f"<{PEER}>;tag=1"), ("To", f"<{uri}>"), ("Call-ID", site.core.new_id())]
    sent = site.core.send_along("MESSAGE", uri, path, headers=[*headers, ("CSeq", "1 MESSAGE")])
    return site.core.finish(sent).status


def test_the_sas_stay_until_the_last_identity_has_left(site: Site) -> None:
    phone = site.phone()
    first, second, *_ = phone.subscription.impus
    # A barred identity is in no P-Associated-URI: not in the implicit set of the first.
    record = site.core.registrar.records[phone.subscription.impi]
    record.subscription = replace(phone.subscription, barred=frozenset({second}))
    site.core.registrar.behaviour = Behaviour(challenge_refresh=False)
    phone.register()
    phone.register(impu=second)
    phone.register(impu=second, expires=0)
    time.sleep(2 * LINGER)
    assert len(site.states(phone)) == 4
    site.talks(phone)
    phone.register(impu=first, expires=0)
    site.wait_for_states(0, phone)


def test_identities_of_an_implicit_set_leave_together(site: Site) -> None:
    phone = site.phone()
    site.core.registrar.behaviour = Behaviour(challenge_refresh=False)
    phone.register()
    contact = site.core.bindings(phone.identity)[0].uri
    phone.register(impu=phone.subscription.impus[1], contact=f"<{contact}>", expires=0)
    site.wait_for_states(0, phone)


def test_a_registration_ends_when_its_time_is_over(site: Site) -> None:
    phones = [site.phone(version, transport=way) for version in (4, 6) for way in ("UDP", "TCP")]
    for phone in phones:
        phone.register(expires=2)
        assert phone.granted == 2
        site.talks(phone)
    ends = [site.core.bindings(phone.identity)[0] for phone in phones]
    site.wait_for_states(0, *phones)
    assert {request_along(site, end.uri, end.path) for end in ends} == {GONE}


@pytest.mark.parametrize("in_header", [False, True], ids=["contact", "expires-header"])
def test_what_the_core_grants_counts_not_what_was_asked(site: Site, *, in_header: bool) -> None:
    site.core.registrar.behaviour = Behaviour(max_expires=2, expires_header=in_header)
    phone = site.phone()
    phone.register(expires=600_000)
    assert phone.granted == 2
    assert len(site.states(phone)) == 4
    site.wait_for_states(0, phone)


def test_a_refresh_without_challenge_lengthens_the_life_of_the_sas(site: Site) -> None:
    site.core.registrar.behaviour = Behaviour(max_expires=3, challenge_refresh=False)
    phone = site.phone()
    phone.register()
    first_end = time.monotonic() + 3 + SLACK
    time.sleep(1.5)
    phone.register()
    time.sleep(first_end + 0.3 - time.monotonic())
    assert len(site.states(phone)) == 4
    site.wait_for_states(0, phone)


@pytest.mark.parametrize(
    ("before", "after", "transport"), [(4, 4, "UDP"), (6, 6, "TCP"), (4, 6, "UDP"), (6, 4, "TCP")]
)
def test_a_phone_that_moved_leaves_nothing_at_its_old_address(
    site: Site, before: int, after: int, transport: str
) -> None:
    phone = site.phone(before, instance=INSTANCE, transport=transport)
    phone.register()
    old = phone.address
    site.move(phone, after)
    phone.register()
    site.wait_for_states(0, old)
    assert len(site.states(phone)) == 4
    site.talks(phone)


@every_way
def test_an_address_may_pass_from_one_phone_to_another(
    site: Site, version: int, transport: str
) -> None:
    first = site.phone(version, instance=INSTANCE, transport=transport)
    first.register()
    address = first.address
    site.move(first, version)
    second = site.phone(version, transport=transport)
    second.restart(address)
    second.register()
    assert len(site.states(address)) == 8  # nobody has said that the first has gone
    site.talks(second)
    first.register()
    site.wait_for_states(4, address)
    for phone in (first, second):
        site.talks(phone)
