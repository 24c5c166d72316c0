"""One subscription by itself: the request, the dialog, its times, the order of documents."""

from dataclasses import replace
from math import inf

import pytest

from pcscf.core.context import Context
from pcscf.core.ids import Ids
from pcscf.core.subscription import SOONEST, Subscription
from pcscf.sip.reginfo import RegInfo
from tests.core.registrar import REGISTRAR, Desk, document
from tests.core.stage import CORE_SIDE, IMPU, POLICY


@pytest.fixture
def subscription() -> Subscription:
    return Subscription("user@x", IMPU, "token", "tag")


def test_the_first_request_is_ours_about_the_user() -> None:
    desk = Desk()
    desk.registered()
    request = desk.last
    own = f"<sip:{CORE_SIDE}>"
    assert (request.method, request.uri) == ("SUBSCRIBE", IMPU)
    assert request.get("to") == f"<{IMPU}>"
    assert request.get("from") == f"{own};tag={request.from_.tag}"
    assert request.get("p-asserted-identity") == own
    assert request.get("cseq") == "1 SUBSCRIBE"
    assert request.get("event") == "reg"
    assert request.get("accept") == "application/reginfo+xml"
    assert request.get("max-forwards") == "70"
    assert "icid-value" in (request.get("p-charging-vector") or "")
    (contact,) = request.contacts
    assert contact.sip_uri.hostport == str(CORE_SIDE)
    assert len(contact.sip_uri.user or "") == 32
    assert "route" not in request


def test_our_address_has_the_family_of_the_entry_point() -> None:
    (hop,) = POLICY.next_hops
    v6 = hop.endpoint._replace(host="2001:db8:c::9")
    policy = replace(POLICY, next_hops=(type(hop)(hop.transport, v6),))
    subscription = Subscription("user@x", IMPU, "token", "tag")
    request = subscription.next_request(Context(policy, Ids(bytes)), 60)
    assert request.get("contact") == "<sip:token@[2001:db8:c::5]:5060>"


@pytest.mark.parametrize(
    ("seconds", "refresh"), [(600_000, 599_400), (1201, 601), (1200, 600), (100, 50)]
)
def test_when_to_refresh(subscription: Subscription, seconds: int, refresh: float) -> None:
    """600 s before the end, or at half of 1200 s and less (as TS 24.229 5.1.1.4)."""
    subscription.lasts(seconds, 1000)
    assert subscription.due == 1000 + refresh


def test_a_core_that_grants_seconds_does_not_make_us_ask_without_end(
    subscription: Subscription,
) -> None:
    subscription.asked_at = 1000
    subscription.lasts(40, 1000)
    assert subscription.refresh_at == 1000 + SOONEST


def test_the_whole_state_is_asked_for_at_a_distance(subscription: Subscription) -> None:
    subscription.asked_at = 1000
    subscription.review_soon(1010)
    assert subscription.due == 1032
    subscription.review_soon(1100)
    assert subscription.due == 1100


def info(version: int, *, full: bool = False) -> RegInfo:
    return RegInfo.parse(document(version=version, full=full))


def test_documents_in_order_ask_for_nothing(subscription: Subscription) -> None:
    assert all(subscription.takes(info(n, full=n == 5), 1000) for n in (5, 6, 7, 7))
    assert subscription.due == inf


def test_an_older_document_is_not_taken(subscription: Subscription) -> None:
    assert subscription.takes(info(5, full=True), 1000)
    assert not subscription.takes(info(4, full=True), 1000)
    assert subscription.takes(info(6), 1000)


@pytest.mark.parametrize("versions", [(0,), (0, 1), (7,)])
def test_a_change_without_the_whole_before_it_asks_for_that(
    subscription: Subscription, versions: tuple[int, ...]
) -> None:
    assert all(subscription.takes(info(version), 1000) for version in versions)
    assert subscription.due == 1000


def test_a_gap_is_asked_about_once_until_the_whole_state_comes(subscription: Subscription) -> None:
    """RFC 3680 5.2; a core that always counts by two is not asked without end."""
    subscription.takes(info(0, full=True), 1000)
    assert subscription.takes(info(2), 1000)
    assert subscription.due == 1000
    subscription.review_at = inf  # it was asked
    subscription.takes(info(4), 1000)
    assert subscription.due == inf
    subscription.takes(info(6, full=True), 1000)
    subscription.takes(info(8), 1000)
    assert subscription.due == 1000


def test_a_gap_before_the_whole_state_matters_no_more(subscription: Subscription) -> None:
    assert subscription.takes(info(0, full=True), 1000)
    assert subscription.takes(info(9, full=True), 1000)
    assert subscription.due == inf


def test_a_refresh_stays_in_the_dialog() -> None:
    desk = Desk()
    desk.registered()
    first = desk.subscribed(100)
    desk.wait(50)
    again = desk.last
    assert again is not first
    assert again.uri == desk.asked[-1].towards == REGISTRAR
    assert again.get("to") == f"<{IMPU}>;tag=n1"
    assert again.get("from") == first.get("from")
    assert again.call_id == first.call_id
    assert again.get("contact") == first.get("contact")
    assert again.cseq.number == 2


def test_a_gap_that_came_during_a_subscribe_is_not_forgotten() -> None:
    desk = Desk()
    desk.registered()
    desk.notify(document(version=3, full=False), state="active;expires=7200")
    desk.answers(200, ("expires", "7200"))
    desk.wait(SOONEST - 1)
    assert len(desk.asked) == 1
    desk.wait(1)
    assert len(desk.asked) == 2
