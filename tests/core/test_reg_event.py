"""Our own subscription: when it is made, kept up, made anew, and when it ends."""

from dataclasses import replace

import pytest

from pcscf.core.policy import RegEventRoute
from tests.core.registrar import CONTACT, REGISTRAR, ROUTE, Desk, binding, contact, document, of
from tests.core.stage import IMPU, UE
from tests.garbage import no_garbage

OTHER = "sip:alias@example.net"
GONE = document(of(IMPU, contact()))


@pytest.fixture
def desk() -> Desk:
    return Desk()


# the first SUBSCRIBE


def test_the_first_200_makes_a_subscription_that_outlives_it(desk: Desk) -> None:
    desk.registered(binding(expires=1600.0))
    assert desk.last.get("expires") == str(600 + 3600)
    assert desk.asked[-1].towards is None  # as REGISTER goes


def test_the_margin_is_a_setting() -> None:
    desk = Desk(expires_margin=60.0)
    desk.registered(binding(expires=1600.5))
    assert desk.last.get("expires") == "661"


def test_the_longest_registration_does_not_overflow(desk: Desk) -> None:
    desk.registered(binding(expires=1000.0 + 2**31))
    assert desk.last.get("expires") == str(2**31)


def test_by_service_route(desk: Desk) -> None:
    desk = Desk(route=RegEventRoute.SERVICE_ROUTE)
    desk.registered()
    assert desk.last.elements("route") == list(ROUTE)
    assert desk.asked[-1].towards == "sip:orig@203.0.113.9:5060;lr"


def test_the_default_identity_is_the_resource(desk: Desk) -> None:
    desk.registered(replace(binding("sip:barred@b"), associated=(f'"A" <{OTHER}>', f"<{IMPU}>")))
    assert desk.last.uri == OTHER


def test_no_subscription_where_there_is_to_be_none() -> None:
    desk = Desk(enabled=False)
    desk.registered()
    assert desk.asked == []
    assert desk.left_over == (0, 1)  # the registration's own deadline


def test_none_for_an_emergency_registration(desk: Desk) -> None:
    emergency = desk.registered(emergency=True)
    assert desk.asked == []
    phone = desk.registered()
    desk.subscribed()
    desk.removed(phone)
    desk.removed(emergency)
    assert desk.left_over == (0, 0)


def test_one_subscription_serves_all_phones_of_a_user(desk: Desk) -> None:
    first = desk.registered()
    desk.subscribed()
    second = desk.registered(host="192.0.2.77")
    desk.wait(100)
    assert len(desk.asked) == 1
    desk.removed(first)
    assert desk.notify(document(version=1)) == 200
    desk.removed(second)
    assert desk.notify(document(version=2)) == 481
    assert desk.left_over == (0, 0)


def test_users_have_each_their_own(desk: Desk) -> None:
    desk.registered()
    first = desk.subscribed()
    desk.registered(binding(OTHER), impi="other@x")
    assert desk.last is not first
    desk.subscribed()
    assert desk.notify(of=first) == 200


# NOTIFY and its dialog


def test_a_notify_may_come_before_the_answer(desk: Desk) -> None:
    phone = desk.registered()
    assert desk.notify(GONE, state="active;expires=7200") == 200
    assert phone.bindings == ()
    desk.answers(200, ("expires", "7200"))
    assert "reg_event_lost" not in desk.reports


@pytest.mark.parametrize(
    "wrong",
    [
        {"call_id": "other"},
        {"to": "<sip:x@y>;tag=other"},
        {"to": "<sip:x@y>"},
        {"from": "<sip:x@y>;tag=other"},
        {"from": "<sip:x@y>"},
    ],
)
def test_a_notify_of_another_dialog_has_no_say(desk: Desk, wrong: dict[str, str]) -> None:
    phone = desk.registered()
    desk.subscribed()
    assert desk.notify(GONE, wrong=wrong) == 481
    assert phone.bindings


def test_only_one_dialog_comes_of_a_subscribe(desk: Desk) -> None:
    """RFC 3680 4.9: whoever answers first; the answer of another one does not replace it."""
    desk.registered()
    assert desk.notify(document(), tag="n1") == 200
    desk.answers(200, ("expires", "100"), tag="n2")
    assert desk.notify(document(version=1), tag="n2") == 481
    desk.wait(50)
    assert desk.last.to.tag == "n1"


def test_a_notify_without_a_tag_makes_no_dialog(desk: Desk) -> None:
    desk.registered()
    assert desk.notify(document(), wrong={"from": "<sip:x@y>"}) == 481


def test_another_package_is_not_ours(desk: Desk) -> None:
    desk.registered()
    desk.subscribed()
    assert desk.notify(event="presence") == 489
    assert desk.notify(event="") == 489
    assert desk.notify(event="reg;x=y") == 200


def test_the_route_set_is_that_of_the_notify(desk: Desk) -> None:
    """RFC 6665 4.4.1."""
    desk.registered()
    desk.answers(200, ("expires", "100"), ("record-route", "<sip:a;lr>, <sip:b;lr>"))
    desk.notify(document(), ("record-route", "<sip:c;lr>, <sip:d;lr>"))
    desk.wait(50)
    assert desk.last.elements("route") == ["<sip:c;lr>", "<sip:d;lr>"]
    assert desk.asked[-1].towards == "sip:c;lr"
    assert desk.last.uri == REGISTRAR
    desk.notify(document(version=1), ("record-route", "<sip:e;lr>"))
    desk.answers(200, ("expires", "100"), ("record-route", "<sip:f;lr>"))
    desk.wait(50)
    assert desk.last.elements("route") == ["<sip:c;lr>", "<sip:d;lr>"]


def test_a_refresh_goes_by_the_route_set_of_the_answer_where_a_notify_gave_none(
    desk: Desk,
) -> None:
    """Only so while no NOTIFY came: its own list counts, and an empty one too."""
    desk.registered()
    desk.answers(200, ("expires", "100"), ("record-route", "<sip:a;lr>, <sip:b;lr>"))
    known = next(iter(desk.events._by_user.values()))
    assert known.route == ("<sip:b;lr>", "<sip:a;lr>")
    desk.notify(document())
    desk.wait(50)
    assert "route" not in desk.last
    assert desk.asked[-1].towards == REGISTRAR


def test_the_registrar_may_move(desk: Desk) -> None:
    desk.registered()
    desk.subscribed(100)
    desk.notify(contact="<sip:203.0.113.88>")
    desk.notify(contact="*")
    desk.notify(contact="nonsense")
    desk.notify(contact="")
    desk.wait(50)
    assert desk.last.uri == "sip:203.0.113.88"


def test_an_old_notify_is_refused_and_a_copy_is_not_acted_on(desk: Desk) -> None:
    phone = desk.registered()
    desk.subscribed()
    assert desk.notify(document(version=1), cseq=500) == 200
    assert desk.notify(GONE, cseq=499) == 500
    assert desk.notify(GONE, cseq=500) == 200
    assert phone.bindings


def test_an_old_document_is_not_acted_on(desk: Desk) -> None:
    phone = desk.registered()
    desk.subscribed()
    assert desk.notify(document(version=5)) == 200
    assert desk.notify(document(of(IMPU, contact()), version=4)) == 200
    assert phone.bindings


def test_a_gap_is_acted_on_and_the_whole_state_asked_for(desk: Desk) -> None:
    phone = desk.registered()
    desk.subscribed()
    desk.wait(100)
    assert desk.notify(document(of(IMPU, contact("active", "refreshed")), version=3, full=False))
    desk.wait(0)
    assert len(desk.asked) == 2
    assert desk.last.to.tag == "n1"
    assert phone.bindings


def test_a_core_that_skips_versions_is_asked_now_and_then(desk: Desk) -> None:
    desk.registered(binding(expires=9000))
    desk.subscribed(8000)
    for number in range(1, 50):
        desk.notify(document(version=3 * number, full=number % 2 == 0))
        desk.wait(1)
        if len(desk.asked) > 1 and desk.events._by_user:
            desk.answers(200, ("expires", "8000"))
    assert len(desk.asked) <= 3


@pytest.mark.parametrize(
    ("body", "other", "status"),
    [
        (b"<x", {}, 400),
        (b"<!DOCTYPE x>" + GONE, {}, 400),
        (GONE, {"content_type": "text/xml"}, 415),
        (GONE, {"content_type": ""}, 415),
        (GONE, {"subscription_state": ""}, 400),
        (GONE, {"subscription_state": "@"}, 400),
        (b"", {"content_type": ""}, 200),
    ],
)
def test_what_cannot_be_read_changes_nothing(
    desk: Desk, body: bytes, other: dict[str, str], status: int
) -> None:
    phone = desk.registered()
    desk.subscribed()
    assert desk.notify(body, wrong=other) == status
    assert phone.bindings
    assert desk.notify(document(version=1)) == 200


def test_the_type_of_a_document_may_have_parameters(desk: Desk) -> None:
    phone = desk.registered()
    desk.subscribed()
    desk.notify(
        document(of(IMPU, contact()), version=1), content_type="Application/RegInfo+xml;q=1"
    )
    assert phone.bindings == ()


# time


def test_a_subscription_is_refreshed_in_time(desk: Desk) -> None:
    desk.registered(binding(expires=100_000))
    desk.subscribed(7200)
    desk.wait(6599)
    assert len(desk.asked) == 1
    desk.wait(1)
    assert len(desk.asked) == 2
    assert desk.last.get("expires") == str(100_000 - 7600 + 3600)
    desk.subscribed(7200)
    desk.wait(6600)
    assert len(desk.asked) == 3


def test_without_a_word_of_the_core_it_lasts_as_asked(desk: Desk) -> None:
    phone = desk.registered(binding(expires=3000))
    desk.answers(200)
    desk.notify(document())
    desk.confirmed(phone, binding(expires=100_000))
    desk.wait(2000 + 3600 - 601)
    assert len(desk.asked) == 1
    desk.wait(2)
    assert len(desk.asked) == 2


def test_a_notify_may_shorten_or_lengthen_it(desk: Desk) -> None:
    desk.registered(binding(expires=100_000))
    desk.subscribed(7200)
    desk.notify(state="active;expires=200")
    desk.wait(100)
    assert len(desk.asked) == 2
    desk.subscribed(200)
    desk.notify(state="pending;expires=7200")
    desk.wait(1000)
    assert len(desk.asked) == 2


def test_a_subscription_without_any_notify_is_lost(desk: Desk) -> None:
    """RFC 6665 4.1.2.4, timer N."""
    phone = desk.registered()
    desk.answers(200, ("expires", "7200"))
    desk.wait(31)
    assert desk.reports == []
    desk.wait(2)
    assert desk.reports == ["reg_event_lost"]
    assert desk.notify(document()) == 481
    desk.confirmed(phone)
    assert len(desk.asked) == 2


def test_a_refresh_without_a_notify_is_lost_too(desk: Desk) -> None:
    desk.registered(binding(expires=100_000))
    desk.subscribed(7200)
    desk.wait(6600)
    desk.answers(200, ("expires", "7200"))
    desk.wait(33)
    assert desk.reports == ["reg_event_lost"]


@pytest.mark.parametrize("seconds", ["0", "1"])
def test_a_core_that_grants_no_time_is_not_asked_again(desk: Desk, seconds: str) -> None:
    phone = desk.registered()
    desk.notify(document())
    desk.answers(200, ("expires", seconds))
    desk.wait(500)
    assert len(desk.asked) == 1
    assert phone.bindings


# refusals


@pytest.mark.parametrize("status", [302, 403, 404, 408, 423, 481, 489, 500, 503, 603])
def test_a_refusal_is_reported_once_and_harms_nobody(desk: Desk, status: int) -> None:
    phone = desk.registered()
    desk.answers(status)
    desk.wait(500)
    assert desk.reports == ["reg_event_refused"]
    assert len(desk.asked) == 1
    assert phone.bindings
    desk.confirmed(phone)
    assert len(desk.asked) == 2
    assert desk.asked[1].request.call_id != desk.asked[0].request.call_id


def test_silence_is_a_refusal(desk: Desk) -> None:
    desk.registered()
    desk.fails()
    assert desk.reports == ["reg_event_refused"]
    assert desk.left_over == (0, 1)


def test_a_core_that_cannot_be_asked_at_all(desk: Desk) -> None:
    desk.unreachable = "no next hop"
    desk.registered()
    assert desk.left_over == (0, 1)
    desk.unreachable = ""
    phone = desk.registered(binding(OTHER, expires=100_000), impi="other@x")
    desk.subscribed(100)
    desk.unreachable = "no next hop"
    desk.wait(50)
    assert len(desk.asked) == 4  # a refresh, and another subscription
    desk.removed(phone)
    assert desk.left_over == (0, 1)


def test_busy_cores_are_asked_when_they_say(desk: Desk) -> None:
    phone = desk.registered()
    first = desk.last
    desk.answers(503, ("retry-after", "60 (busy)"))
    desk.confirmed(phone)
    desk.wait(59)
    assert len(desk.asked) == 1
    desk.wait(1)
    assert desk.last.call_id == first.call_id
    assert desk.last.cseq.number == 2
    desk.answers(503, ("retry-after", "0"))
    desk.wait(31)
    assert len(desk.asked) == 2
    desk.wait(1)
    assert len(desk.asked) == 3
    assert desk.reports == ["reg_event_refused"]


@pytest.mark.parametrize("status", [408, 481])
def test_a_refresh_that_finds_no_subscription_makes_another(desk: Desk, status: int) -> None:
    desk.registered()
    first = desk.subscribed(100)
    desk.wait(50)
    desk.answers(status)
    assert len(desk.asked) == 3
    assert desk.last.call_id != first.call_id
    assert desk.last.to.tag is None
    assert desk.last.from_.tag != first.from_.tag
    assert desk.notify(of=first) == 481
    desk.subscribed()


def test_a_refresh_that_nobody_answers_makes_another_once(desk: Desk) -> None:
    desk.registered()
    desk.subscribed(100)
    desk.wait(50)
    desk.fails()
    desk.fails()
    desk.wait(200)
    assert len(desk.asked) == 3


@pytest.mark.parametrize("status", [404, 405, 410, 416, 480, 485, 489, 501, 604])
def test_a_refresh_may_end_it(desk: Desk, status: int) -> None:
    """RFC 6665 4.1.2.2."""
    desk.registered()
    desk.subscribed(100)
    desk.wait(50)
    desk.answers(status)
    assert desk.notify() == 481
    desk.wait(200)
    assert len(desk.asked) == 2


@pytest.mark.parametrize("status", [400, 403, 500, 503, 600])
def test_another_refusal_leaves_it_the_time_it_has(desk: Desk, status: int) -> None:
    phone = desk.registered()
    desk.subscribed(100)
    desk.wait(50)
    desk.answers(status)
    desk.wait(49)
    assert desk.notify(document(of(IMPU, contact("active", "created")), version=1)) == 200
    desk.wait(2)
    assert desk.notify() == 481
    assert phone.bindings
    assert desk.reports == ["reg_event_refused"]


def test_provisional_answers_say_nothing(desk: Desk) -> None:
    desk.registered()
    desk.answers(100)
    desk.answers(183)
    desk.subscribed()
    assert desk.reports == []


# what the core says of the subscription


@pytest.mark.parametrize("reason", ["deactivated", "timeout", "probation", "giveup", "x", ""])
def test_a_terminated_subscription_is_made_anew(desk: Desk, reason: str) -> None:
    desk.registered()
    first = desk.subscribed()
    desk.wait(100)
    assert desk.notify(state=f"terminated;reason={reason}" if reason else "terminated") == 200
    assert len(desk.asked) == 2
    assert desk.last.call_id != first.call_id
    assert desk.notify(of=first) == 481
    desk.subscribed()


def test_a_core_that_always_terminates_is_asked_now_and_then(desk: Desk) -> None:
    desk.registered(binding(expires=9000))
    for _ in range(200):
        if desk.events._by_user and len(desk.asked) and desk.notify(state="terminated") == 200:
            desk.answers(200)
        desk.wait(1)
    assert 5 <= len(desk.asked) <= 8


@pytest.mark.parametrize(
    ("reason", "seconds"), [("probation", 500), ("giveup", 500), ("deactivated", 0)]
)
def test_a_time_to_wait_counts_where_it_means_something(
    desk: Desk, reason: str, seconds: int
) -> None:
    phone = desk.registered(binding(expires=9000))
    desk.subscribed()
    desk.wait(100)
    desk.notify(state=f"terminated;reason={reason};retry-after=500")
    desk.confirmed(phone)
    desk.wait(seconds - 1 if seconds else 0)
    assert len(desk.asked) == (1 if seconds else 2)
    desk.wait(1)
    assert len(desk.asked) == 2


@pytest.mark.parametrize("reason", ["rejected", "noresource", "invariant"])
def test_a_subscription_may_be_terminated_for_good(desk: Desk, reason: str) -> None:
    phone = desk.registered()
    desk.subscribed()
    desk.wait(100)
    desk.notify(state=f"terminated;reason={reason}")
    desk.wait(400)
    assert len(desk.asked) == 1
    assert phone.bindings
    desk.confirmed(phone)
    assert len(desk.asked) == 2


def test_the_last_word_of_a_registration_ends_both(desk: Desk) -> None:
    phone = desk.registered()
    desk.subscribed()
    desk.wait(100)
    desk.notify(document(of(IMPU, contact()), version=1), state="terminated;reason=deactivated")
    assert len(desk.asked) == 1
    assert phone.bindings == ()
    desk.wait(10)
    assert desk.left_over == (0, 0)


def test_a_late_answer_to_a_subscription_that_is_gone(desk: Desk) -> None:
    phone = desk.registered()
    old = desk.asked[-1]
    assert old.sender.may_send_again()
    desk.removed(phone)
    assert not old.sender.may_send_again()
    desk.answers(200)
    desk.fails()
    desk.answers(481)
    desk.registered()
    assert not old.sender.may_send_again()
    assert len(desk.asked) == 2
    assert desk.reports == []


# registrations change and end


def test_a_registration_that_is_renewed_asks_nothing(desk: Desk) -> None:
    phone = desk.registered(binding(expires=1600))
    desk.subscribed()
    for n in range(1, 5):
        desk.wait(300)
        desk.confirmed(phone, binding(expires=1600.0 + 300 * n))
    assert len(desk.asked) == 1
    assert desk.notify(document(version=1)) == 200


def test_other_identities_ask_for_the_whole_state(desk: Desk) -> None:
    phone = desk.registered()
    desk.subscribed()
    desk.wait(100)
    desk.confirmed(phone, binding(expires=9000), binding(OTHER, expires=9000))
    desk.wait(0)
    assert len(desk.asked) == 2
    assert desk.last.to.tag == "n1"
    desk.subscribed()
    desk.confirmed(phone)
    desk.wait(100)
    assert len(desk.asked) == 2


def test_another_default_identity_is_subscribed_to_anew(desk: Desk) -> None:
    phone = desk.registered()
    desk.subscribed()
    desk.confirmed(phone, binding(OTHER, expires=9000))
    assert desk.last.uri == OTHER
    assert desk.last.to.tag is None
    desk.subscribed()
    desk.removed(phone)
    assert desk.left_over == (0, 0)


def test_a_deregistration_ends_it_without_a_word(desk: Desk) -> None:
    phone = desk.registered()
    desk.subscribed()
    desk.removed(phone)
    assert len(desk.asked) == 1
    assert desk.notify(state="terminated;reason=noresource") == 481
    assert desk.left_over == (0, 0)


def test_one_whose_phones_only_have_sas_left_is_not_refreshed(desk: Desk) -> None:
    phone = desk.registered()
    desk.subscribed(100)
    phone.bindings = ()
    desk.wait(60)
    assert len(desk.asked) == 1
    desk.removed(phone)
    assert desk.left_over == (0, 0)


def test_a_thousand_users_leave_nothing(desk: Desk) -> None:
    phones = []
    for n in range(1000):
        phones.append(desk.registered(binding(f"sip:u{n}@b", expires=9000), impi=f"u{n}"))
        if n % 3:
            desk.answers(200, ("expires", "4000"))
        if n % 5:
            desk.notify(document(of(f"sip:u{n}@b", contact()), full=bool(n % 2)))
    desk.wait(20)
    assert len(desk.dropped) == 800
    for phone in phones:
        desk.removed(phone)
    for asked in desk.asked:
        asked.sender.on_no_answer("no answer")
    assert desk.left_over == (0, 0)


def test_nothing_is_left_for_the_garbage_collector(desk: Desk) -> None:
    desk.registered(impi="other@x")
    with no_garbage():
        phone = desk.registered()
        desk.subscribed(100)
        desk.wait(50)
        desk.answers(481)
        desk.subscribed()
        desk.notify(document(of(IMPU, contact()), version=1))
        desk.phone_answers(phone, "active", GONE)
        assert len(desk.dropped) == 1
        desk.asked.clear()
        desk.dropped.clear()
        del phone


def test_a_subscription_is_small(desk: Desk) -> None:
    """Some 200,000 of them fit beside the registrations, which take 1.5 KB each."""
    import tracemalloc

    desk.registered()
    desk.subscribed()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for n in range(200):
            desk.registered(binding(), impi=f"u{n}")
            desk.subscribed()
        desk.asked.clear()
        desk.context.effects.clear()
        each = (tracemalloc.get_traced_memory()[0] - before) / 200
    finally:
        tracemalloc.stop()
    assert each < 2500, f"{each:.0f} octets, with the registration ({UE}, {CONTACT})"
