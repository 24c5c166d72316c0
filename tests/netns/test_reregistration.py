"""A registration is renewed: the new SAs are made before the old ones break (TS 33.203 7.4)."""

import pytest

from tests.netns.moments import MOMENTS, Moment, sm7_sent
from tests.netns.site import LINGER, PEER, SLACK, Site, came_under, every_way
from tests.peers.agreement import draw
from tests.peers.aka import initial_authorization
from tests.peers.core import Reaction
from tests.peers.offers import altered, left_out, read
from tests.peers.registrar import Behaviour

pytestmark = [pytest.mark.esp, pytest.mark.usefixtures("overheard")]

MOST = 12  # three sets of four: TS 33.203 7.1


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """Few client ports: one that is drawn by chance is soon one in use."""
    return {
        "gm": 'ports_pc = "6112-6115"',
        "security": f"sa_linger = {LINGER}\nsa_slack = {SLACK}",
    }


@every_way
def test_a_refresh_without_challenge_keeps_the_sas(
    site: Site, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    before = site.spis(phone)
    site.core.next.append(Reaction(challenge=False))
    answer = phone.register()
    assert came_under(phone, answer) is phone.current
    assert site.spis(phone) == before
    site.talks(phone)


@every_way
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


@pytest.mark.parametrize(("version", "transport"), [(4, "UDP"), (6, "TCP")])
def test_the_old_set_serves_to_its_own_end_and_no_longer(
    site: Site, version: int, transport: str
) -> None:
    """A phone that only listens never uses the new set, and gives up the old one in time."""
    phone = site.phone(version, transport=transport)
    phone.register(expires=2)
    old = phone.current
    phone.register()
    assert came_under(phone, site.request_to(phone)) is old
    assert len(site.states(phone)) == 8
    site.wait_for_states(4, phone)
    phone.drop_old()
    assert came_under(phone, site.request_to(phone)) is phone.current
    site.talks(phone)


@every_way
def test_the_server_ports_stay_and_the_rest_changes(
    site: Site, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    old = phone.current
    phone.register()
    new = phone.current
    assert old is not None
    assert new is not None
    assert new.peer.port_s == old.peer.port_s
    assert new.peer.port_c != old.peer.port_c
    assert not {*new.peer[:2]} & {*old.peer[:2]}


@pytest.mark.parametrize("protected", [True, False], ids=["renewed", "begun-anew"])
def test_a_new_client_port_is_none_of_the_sets_in_use(site: Site, *, protected: bool) -> None:
    """Each challenge draws anew, and may draw the numbers of the one that it replaces."""
    phone = site.phone()
    phone.register()
    old = phone.current
    assert old
    drawn = []
    for _ in range(30):
        numbers = draw(old.own if protected else None)
        answer = phone.sm1(protected=protected, numbers=numbers)
        drawn.append(read(answer.message.values("security-server"))[0].numbers)
        assert len(site.states(phone)) == 8
    assert {one.port_c for one in drawn} == set(range(6112, 6116)) - {old.peer.port_c}
    assert len({spi for one in drawn for spi in one[:2]}) == 60
    site.talks(phone)


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


@every_way
def test_three_sets_live_while_a_phone_renews_under_its_old_one(
    site: Site, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    old = phone.current
    phone.register()
    new, phone.current = phone.current, old
    confirmed = site.spis(phone)
    for _ in range(2):  # the second challenge takes the place of the first
        phone.take_challenge(phone.sm1())
        assert len(site.states(phone)) == MOST
        assert confirmed < site.spis(phone)
    assert came_under(phone, site.request_to(phone)) is old
    phone.current = new
    assert phone.message(PEER).status == 200  # which ends the old one
    site.wait_for_states(8, phone)
    assert came_under(phone, site.request_to(phone)) is new


# --- what fails


@every_way
def test_a_renewal_without_sm7_leaves_the_registration_as_it_was(
    site: Site, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    phone.take_challenge(phone.sm1())
    phone.install()
    phone.abandon()
    site.talks(phone)


@every_way
def test_a_renewal_that_is_refused_leaves_the_registration_as_it_was(
    site: Site, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    before = site.spis(phone)
    phone.take_challenge(phone.sm1())
    phone.install()
    answer = phone.sm7(res=b"mistaken")
    assert answer.status == 403
    assert came_under(phone, answer) is phone.pending
    site.wait_for_states(4, phone)
    assert site.spis(phone) == before
    phone.abandon()
    site.talks(phone)


@every_way
def test_a_renewal_refused_without_a_challenge_disturbs_nothing(
    site: Site, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    before = site.spis(phone)
    site.core.next.append(Reaction(status=403))
    answer = phone.sm1()
    assert answer.status == 403
    assert came_under(phone, answer) is phone.current
    assert site.spis(phone) == before
    site.talks(phone)


@every_way
def test_a_renewal_whose_sm7_is_lost_is_begun_anew_under_the_old_set(
    site: Site, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    before = site.spis(phone)
    sm7_sent(site, phone)
    lost = site.spis(phone) - before
    card = phone.subscription
    initial = initial_authorization(card.impi, card.realm, card.domain_uri)
    phone.take_challenge(phone.sm1(authorization=initial))
    assert len(site.states(phone)) == 8
    assert before < site.spis(phone)
    assert not lost & site.spis(phone)
    phone.install()
    phone.accept(phone.sm7())
    site.talks(phone)
    site.wait_for_states(4, phone)


@every_way
def test_an_altered_security_verify_in_a_renewal(site: Site, version: int, transport: str) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    agreed, before = phone.current, site.spis(phone)
    registers = len(site.core.requests("REGISTER"))
    answer = phone.sm1(verify=altered)
    assert answer.status == 494
    assert agreed
    assert answer.message.values("security-server") == agreed.server
    assert len(site.core.requests("REGISTER")) == registers
    assert site.spis(phone) == before
    site.talks(phone)


def test_a_renewal_without_an_offer_cannot_be_challenged(site: Site) -> None:
    phone = site.phone()
    phone.register()
    before = site.spis(phone)
    answer = phone.sm1(client=left_out)
    assert answer.status == 421
    assert came_under(phone, answer) is phone.current
    assert site.spis(phone) == before
    site.talks(phone)


# --- in clear


@every_way
def test_a_registered_phone_registers_in_clear(site: Site, version: int, transport: str) -> None:
    """The old set serves until the new one is confirmed; then it goes at once."""
    phone = site.phone(version, transport=transport)
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


@every_way
def test_a_refused_register_in_clear_disturbs_nothing(
    site: Site, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    before = site.spis(phone)
    site.core.next.append(Reaction(status=403))
    assert phone.sm1(protected=False, numbers=draw(None)).status == 403
    assert site.spis(phone) == before
    site.talks(phone)


@pytest.mark.parametrize("number", ["spi_c", "spi_s", "port_c"])
@every_way
def test_a_register_in_clear_with_a_number_in_use_is_refused(
    site: Site, version: int, transport: str, number: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    assert phone.current is not None
    before = site.spis(phone)
    numbers = draw(None)._replace(**{number: getattr(phone.current.own, number)})
    answer = phone.sm1(protected=False, numbers=numbers)
    assert (answer.status, answer.origin.role) == (400, "clear")
    assert site.spis(phone) == before
    site.talks(phone)


# --- a phone that forgets


@pytest.mark.parametrize("moment", MOMENTS)
@every_way
def test_a_phone_restarts_at_any_moment(
    site: Site, version: int, transport: str, moment: Moment
) -> None:
    phone = site.phone(version, transport=transport)
    moment(site, phone)
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
