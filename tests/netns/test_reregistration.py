"""A registration is renewed: the new SAs are made before the old ones break (TS 33.203 7.4)."""

import pytest

from tests.netns.site import PEER, Site, came_under
from tests.peers.agreement import draw
from tests.peers.core import Reaction
from tests.peers.offers import altered
from tests.peers.registrar import Behaviour

pytestmark = pytest.mark.esp

MOST = 12  # three sets of four: TS 33.203 7.1


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_refresh_without_challenge_keeps_the_sas(site: Site, transport: str) -> None:
    phone = site.phone(transport=transport)
    phone.register()
    before = site.spis(phone)
    site.core.next.append(Reaction(challenge=False))
    answer = phone.register()
    assert came_under(phone, answer) is phone.current
    assert site.spis(phone) == before
    site.talks(phone)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("version", [4, 6])
def test_requests_go_out_on_the_old_set_until_the_phone_has_used_the_new_one(
    site: Site, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    old = phone.current
    answer = phone.sm1()
    assert came_under(phone, answer) is old
    phone.take_challenge(answer)
    phone.install()
    assert len(site.states(phone)) == 8
    answer = phone.accept(phone.sm7())
    new = phone.current
    assert new is not old
    assert came_under(phone, answer) is new
    # The phone has sent SM7 under the new set, but no request after its 200.
    assert came_under(phone, site.request_to(phone)) is old
    assert len(site.states(phone)) == 8
    assert phone.message(PEER).status == 200
    assert came_under(phone, site.request_to(phone)) is new
    site.wait_for_states(4, phone)
    phone.drop_old()
    site.talks(phone)


def test_the_server_ports_stay_and_the_rest_changes(site: Site) -> None:
    phone = site.phone()
    phone.register()
    old = phone.current
    phone.register()
    new = phone.current
    assert old is not None
    assert new is not None
    assert new.peer.port_s == old.peer.port_s
    assert new.peer.port_c != old.peer.port_c
    assert not {*new.peer[:2]} & {*old.peer[:2]}


def test_at_most_three_sets_live_however_fast_a_phone_renews(site: Site) -> None:
    phone = site.phone()
    phone.register()
    for _ in range(4):
        phone.take_challenge(phone.sm1())
        assert len(site.states(phone)) <= MOST
        # The P-CSCF has given up the oldest by now, and may draw its client port again.
        phone.drop(*phone.sets[:-2])
        phone.install()
        phone.accept(phone.sm7())
        assert len(site.states(phone)) <= MOST
    site.talks(phone)
    site.wait_for_states(4, phone)


def test_three_sets_live_while_a_phone_renews_under_its_old_one(site: Site) -> None:
    phone = site.phone()
    phone.register()
    old = phone.current
    phone.register()
    new, phone.current = phone.current, old
    phone.take_challenge(phone.sm1())
    assert len(site.states(phone)) == MOST
    assert came_under(phone, site.request_to(phone)) is old
    phone.current = new
    assert phone.message(PEER).status == 200  # which ends the old one


@pytest.mark.parametrize("answered", [False, True], ids=["sm7-never-sent", "sm7-refused"])
def test_a_renewal_that_fails_leaves_the_registration_as_it_was(
    site: Site, *, answered: bool
) -> None:
    phone = site.phone()
    phone.register()
    before = site.spis(phone)
    phone.take_challenge(phone.sm1())
    phone.install()
    if answered:
        assert phone.sm7(res=b"mistaken").status == 403
        site.wait_for_states(4, phone)
        assert site.spis(phone) == before
    phone.abandon()
    site.talks(phone)


def test_an_altered_security_verify_in_a_renewal(site: Site) -> None:
    phone = site.phone()
    phone.register()
    assert phone.sm1(verify=altered).status == 494
    assert len(site.states(phone)) == 4
    site.talks(phone)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_registered_phone_registers_in_clear(site: Site, transport: str) -> None:
    """The old set serves until the new one is confirmed; then it goes at once."""
    phone = site.phone(transport=transport)
    phone.register()
    old, before = phone.current, site.spis(phone)
    phone.take_challenge(phone.sm1(protected=False, numbers=draw(None)))
    assert site.spis(phone) > before
    assert came_under(phone, site.request_to(phone)) is old
    phone.install()
    phone.accept(phone.sm7(protected=None))
    assert len(site.states(phone)) == 4
    assert not site.spis(phone) & before
    site.talks(phone)


def test_a_refused_register_in_clear_disturbs_nothing(site: Site) -> None:
    phone = site.phone()
    phone.register()
    before = site.spis(phone)
    site.core.next.append(Reaction(status=403))
    assert phone.sm1(protected=False, numbers=draw(None)).status == 403
    assert site.spis(phone) == before
    site.talks(phone)


def test_a_register_in_clear_with_numbers_in_use_is_refused(site: Site) -> None:
    phone = site.phone()
    phone.register()
    assert phone.current is not None
    answer = phone.sm1(protected=False, numbers=phone.current.own)
    assert (answer.status, answer.origin.role) == (400, "clear")
    assert len(site.states(phone)) == 4
    site.talks(phone)


@pytest.mark.parametrize(
    "moment", ["challenged", "registered", "renewal-challenged", "renewed", "left"]
)
def test_a_phone_restarts_at_any_moment(site: Site, moment: str) -> None:
    phone = site.phone()
    if moment == "challenged":
        phone.take_challenge(phone.sm1())
        phone.install()
    else:
        phone.register()
    if moment == "renewal-challenged":
        phone.take_challenge(phone.sm1())
        phone.install()
    elif moment == "renewed":
        phone.register()
    elif moment == "left":
        phone.register(expires=0)
    phone.restart()
    phone.register()
    site.wait_for_states(4, phone)
    site.talks(phone)


def test_a_refresh_is_challenged_again_after_many_that_were_not(site: Site) -> None:
    site.core.registrar.behaviour = Behaviour(challenge_refresh=False)
    phone = site.phone()
    phone.register()
    for _ in range(3):
        phone.register()
    site.core.next.append(Reaction(challenge=True))
    phone.register()
    site.talks(phone)
    site.wait_for_states(4, phone)
