"""Calls from their INVITE to their BYE, both ways, on a simulated clock."""

import pytest

from pcscf.core.flow import Transport
from pcscf.sip.message import Request, parse
from tests.core.call import (
    CALLEE,
    NO_EVS,
    S_CSCF_ROUTE,
    WITHOUT_EVS,
    IncomingCall,
    OutgoingCall,
    statuses,
    with_sdp,
)
from tests.core.phone import Phone
from tests.core.stage import CORE_SIDE, FROM_CORE, GM, PORT_PS, S_CSCF, Stage

T1, T2 = 0.5, 4.0  # core
LONG = 600_000


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def phone(stage: Stage) -> Phone:
    phone = Phone(stage)
    phone.registered(expires=LONG)
    return phone


@pytest.fixture
def token(stage: Stage, phone: Phone) -> str:
    return stage.token()


@pytest.fixture
def outgoing(stage: Stage, phone: Phone, token: str) -> OutgoingCall:
    stage.wait(200)
    stage.log.clear()
    return OutgoingCall(stage, phone)


@pytest.fixture
def incoming(stage: Stage, phone: Phone, token: str) -> IncomingCall:
    stage.wait(200)
    stage.log.clear()
    return IncomingCall(stage, phone, token)


def requests(stage: Stage, method: str) -> list[Request]:
    """All requests of a method that went to the core."""
    found = [parse(effect.data) for effect in stage.to_core]
    return [one for one in found if isinstance(one, Request) and one.method == method]


def is_over(stage: Stage) -> None:
    """After the timers nothing is left but the registration."""
    stage.wait(300)
    assert not {"transactions", "dialogs", "asked on connections"} & stage.left_over().keys()


# --- from the phone ---


def test_a_call_from_the_phone(stage: Stage, outgoing: OutgoingCall, token: str) -> None:
    outgoing.begins()
    assert statuses([effect.data for effect in stage.to_phone]) == [100]
    invite = outgoing.invite
    assert invite.elements("record-route") == [f"<sip:{token}@{CORE_SIDE};lr>"]
    outgoing.core_says(180)
    ringing = stage.last_to_phone()
    assert ringing.elements("record-route") == [S_CSCF_ROUTE, f"<sip:{GM}:{PORT_PS};lr>"]
    outgoing.core_says(200)
    assert statuses([effect.data for effect in stage.to_phone]) == [100, 180, 200]
    outgoing.says(outgoing.within("ACK"))
    (ack,) = requests(stage, "ACK")
    assert ack.uri == CALLEE
    assert ack.elements("route") == [S_CSCF_ROUTE]
    outgoing.says(outgoing.within("BYE"))
    assert stage.left_over()["dialogs"] == 1
    stage.core_says(stage.last_to_core(), 200)
    assert stage.last_to_phone().status == 200
    is_over(stage)


def test_the_other_side_hangs_up(stage: Stage, outgoing: OutgoingCall, token: str) -> None:
    outgoing.begins()
    outgoing.core_says(200)
    outgoing.says(outgoing.within("ACK"))
    stage.receive(FROM_CORE, outgoing.from_core("BYE", token=token))
    bye = stage.last_asked_of_phone()
    assert "route" not in bye
    outgoing.phone.says(outgoing.phone.answers(bye, 200))
    assert stage.last_answer_to_core().status == 200
    is_over(stage)


def test_the_invite_is_sent_again_until_something_is_heard(
    stage: Stage, outgoing: OutgoingCall
) -> None:
    """Timer A doubles without a bound (RFC 3261 17.1.1.2)."""
    outgoing.begins()
    stage.wait(31)
    times = [0.0, 0.5, 1.5, 3.5, 7.5, 15.5]
    assert len(requests(stage, "INVITE")) == len(times)
    stage.wait(1.1)
    assert stage.last_to_phone().status == 504
    outgoing.says(outgoing.within("ACK", branch="z9hG4bKout-1INVITE1"))
    is_over(stage)


def test_behind_a_1xx_it_is_not_sent_again_and_rings_until_timer_c(
    stage: Stage, outgoing: OutgoingCall
) -> None:
    outgoing.begins()
    outgoing.core_says(180)
    stage.wait(100)
    outgoing.core_says(180)
    stage.wait(stage.policy.timer_c - 1)
    assert len(requests(stage, "INVITE")) == 1
    assert not requests(stage, "CANCEL")
    stage.wait(1.2)
    (cancel,) = requests(stage, "CANCEL")
    stage.core_says(cancel, 200)
    outgoing.core_says(487)
    assert stage.last_to_phone().status == 487
    is_over(stage)


def test_a_refusal_is_acknowledged_hop_by_hop(stage: Stage, outgoing: OutgoingCall) -> None:
    data = outgoing.begins()
    outgoing.core_says(486)
    (ack,) = requests(stage, "ACK")
    assert ack.via.branch == outgoing.invite.via.branch
    assert ack.to.tag == "b1"
    assert ack.elements("route") == outgoing.invite.elements("route")
    outgoing.core_says(486)  # its copy
    assert len(requests(stage, "ACK")) == 2
    assert statuses([effect.data for effect in stage.to_phone]) == [100, 486]
    outgoing.says(data)  # a copy of the INVITE is answered again
    assert statuses([effect.data for effect in stage.to_phone]) == [100, 486, 486]
    stage.wait(7)  # timer G on Gm: 2, 4, 8
    assert statuses([effect.data for effect in stage.to_phone]) == [100, 486, 486, 486, 486]
    outgoing.says(outgoing.within("ACK", branch="z9hG4bKout-1INVITE1"))
    before = len(stage.to_core)
    stage.wait(60)
    assert len(stage.to_core) == before
    assert len(stage.to_phone) == 5
    is_over(stage)


def test_without_an_ack_a_refusal_is_sent_until_timer_h(
    stage: Stage, outgoing: OutgoingCall
) -> None:
    outgoing.begins()
    outgoing.core_says(603)
    stage.wait(300)
    assert statuses([effect.data for effect in stage.to_phone]).count(603) == 11
    is_over(stage)


@pytest.mark.parametrize("ringing", [True, False])
def test_the_caller_hangs_up_before_an_answer(
    stage: Stage, outgoing: OutgoingCall, *, ringing: bool
) -> None:
    """RFC 3261 9.1: the CANCEL waits for a sign of life."""
    outgoing.begins()
    if ringing:
        outgoing.core_says(180)
    reason = 'Reason: SIP;cause=200;text="elsewhere"'
    outgoing.says(outgoing.request("CANCEL", reason, branch="z9hG4bKout-1INVITE1"))
    assert stage.last_to_phone().status == 200
    assert bool(requests(stage, "CANCEL")) is ringing
    if not ringing:
        outgoing.core_says(100)
    (cancel,) = requests(stage, "CANCEL")
    assert cancel.via.branch == outgoing.invite.via.branch
    assert (cancel.uri, cancel.cseq.number) == (outgoing.invite.uri, outgoing.invite.cseq.number)
    assert cancel.get("reason") == 'SIP;cause=200;text="elsewhere"'
    stage.core_says(cancel, 200)
    outgoing.core_says(487)
    assert stage.last_to_phone().status == 487
    is_over(stage)


def test_a_cancel_is_sent_again_until_it_is_answered(stage: Stage, outgoing: OutgoingCall) -> None:
    outgoing.begins()
    outgoing.core_says(180)
    outgoing.says(outgoing.request("CANCEL", branch="z9hG4bKout-1INVITE1"))
    stage.wait(4)
    assert len(requests(stage, "CANCEL")) == 4  # 0, 0.5, 1.5, 3.5
    stage.wait(40)
    assert stage.last_to_phone().status == 487  # RFC 3261 9.1: taken for cancelled
    is_over(stage)


def test_a_cancel_that_crosses_the_200_changes_nothing(
    stage: Stage, outgoing: OutgoingCall
) -> None:
    outgoing.begins()
    outgoing.core_says(200)
    outgoing.says(outgoing.request("CANCEL", branch="z9hG4bKout-1INVITE1"))
    assert stage.last_to_phone().status == 200
    assert not requests(stage, "CANCEL")
    outgoing.says(outgoing.within("ACK"))
    assert requests(stage, "ACK")


def test_a_cancel_of_nothing(stage: Stage, outgoing: OutgoingCall) -> None:
    outgoing.says(outgoing.request("CANCEL"))
    assert stage.last_to_phone().status == 481
    is_over(stage)


def test_a_forking_core(stage: Stage, outgoing: OutgoingCall) -> None:
    """Early dialogs and several 2xx all reach the phone; each has a dialog (RFC 6026)."""
    outgoing.begins()
    for tag in ("b1", "b2", "b3"):
        outgoing.core_says(183, tag=tag)
    assert stage.left_over()["dialogs"] == 3
    outgoing.core_says(200, tag="b1")
    outgoing.core_says(200, tag="b2")
    assert statuses([effect.data for effect in stage.to_phone]) == [100, 183, 183, 183, 200, 200]
    for tag in ("b1", "b2"):
        outgoing.says(outgoing.within("ACK", tag=tag))
    assert [ack.to.tag for ack in requests(stage, "ACK")] == ["b1", "b2"]
    for tag in ("b1", "b2"):
        outgoing.says(outgoing.within("BYE", tag=tag))
        stage.core_says(stage.last_to_core(), 200)
    is_over(stage)  # the early one that was never confirmed as well


def test_a_200_that_is_sent_again_is_passed_again(stage: Stage, outgoing: OutgoingCall) -> None:
    outgoing.begins()
    for _ in range(3):
        outgoing.core_says(200)
        stage.wait(1)
    assert statuses([effect.data for effect in stage.to_phone]) == [100, 200, 200, 200]
    assert stage.left_over()["dialogs"] == 1


def test_a_200_that_comes_again_behind_the_bye_begins_nothing(
    stage: Stage, outgoing: OutgoingCall
) -> None:
    """The ACK was lost; what is left of the call would stay for ever."""
    outgoing.begins()
    outgoing.core_says(200)
    outgoing.says(outgoing.within("ACK"))
    outgoing.says(outgoing.within("BYE"))
    stage.core_says(stage.last_to_core(), 200)
    outgoing.core_says(200)
    assert "dialogs" not in stage.left_over()


def test_nor_does_that_of_the_phone(stage: Stage, incoming: IncomingCall) -> None:
    incoming.begins()
    incoming.phone_says(200)
    stage.receive(FROM_CORE, incoming.within("BYE"))
    incoming.phone.says(incoming.phone.answers(stage.last_asked_of_phone(), 200))
    incoming.phone_says(200)
    assert "dialogs" not in stage.left_over()


def test_requests_within_a_dialog(stage: Stage, outgoing: OutgoingCall, token: str) -> None:
    """PRACK and UPDATE in the early one, INFO, re-INVITE and REFER in the confirmed one."""
    outgoing.begins()
    first = outgoing.invite.get("p-charging-vector")
    outgoing.core_says(183, "RSeq: 1", "Require: 100rel")
    for method in ("PRACK", "UPDATE"):
        outgoing.says(outgoing.within(method))
        request = stage.last_to_core()
        assert (request.method, request.uri) == (method, CALLEE)
        assert request.elements("route") == [S_CSCF_ROUTE]
        assert request.get("p-charging-vector") == first
        assert "record-route" not in request
        stage.core_says(request, 200)
        assert stage.last_to_phone().status == 200
    outgoing.core_says(200)
    outgoing.says(outgoing.within("ACK"))
    for method in ("INFO", "REFER", "MESSAGE", "INVITE"):
        outgoing.says(outgoing.within(method))
        # A target refresh is recorded again, though it changes no route set (RFC 3261 12.2).
        refreshes = method in {"REFER", "INVITE"}
        assert ("record-route" in stage.last_to_core()) is refreshes
        stage.core_says(stage.last_to_core(), 200)
        assert stage.last_to_phone().status == 200
    assert stage.left_over()["dialogs"] == 1


def test_a_dialog_goes_on_under_new_sas(stage: Stage, outgoing: OutgoingCall, token: str) -> None:
    outgoing.begins()
    outgoing.core_says(200)
    outgoing.says(outgoing.within("ACK"))
    outgoing.phone.reregistered()
    outgoing.says(outgoing.within("INFO"))
    assert stage.last_to_core().method == "INFO"
    stage.wait(300)
    stage.receive(FROM_CORE, outgoing.from_core("BYE", token=token))
    assert stage.to_phone[-1].flow == outgoing.phone.to_phone_flow()
    outgoing.phone.says(outgoing.phone.answers(stage.last_asked_of_phone(), 200))
    is_over(stage)


def test_a_dialog_that_is_not_there(stage: Stage, outgoing: OutgoingCall) -> None:
    """TS 24.229 5.2.6.3.5; or a phone could call past the S-CSCF with a To tag of its own."""
    before = len(stage.to_core)
    for method in ("BYE", "INVITE", "INFO", "ACK"):
        outgoing.says(outgoing.within(method))
    assert statuses([effect.data for effect in stage.to_phone]).count(403) == 3
    assert len(stage.to_core) == before


def test_the_phones_own_idea_of_the_way_does_not_count(
    stage: Stage, outgoing: OutgoingCall
) -> None:
    outgoing.begins()
    outgoing.core_says(200)
    outgoing.says(outgoing.within("INFO").replace(str(S_CSCF).encode(), b"203.0.113.66:5060"))
    assert stage.last_to_core().elements("route") == [S_CSCF_ROUTE]
    assert stage.to_core[-1].flow.remote == S_CSCF


# --- to the phone ---


def test_a_call_to_the_phone(stage: Stage, incoming: IncomingCall) -> None:
    incoming.begins("P-Called-Party-ID: <tel:+491701234567>", "P-Charging-Vector: icid-value=9")
    assert statuses([effect.data for effect in stage.to_core]) == [100]
    asked = incoming.asked
    assert asked.elements("record-route") == [f"<sip:{GM}:{PORT_PS};lr>", S_CSCF_ROUTE]
    incoming.phone_says(180)
    ringing = stage.last_answer_to_core()
    own = f"<sip:{incoming.token}@{CORE_SIDE};lr>"
    assert ringing.elements("record-route") == [own, S_CSCF_ROUTE]
    assert ringing.get("p-asserted-identity") == "<tel:+491701234567>"
    assert "term-ioi" in (ringing.get("p-charging-vector") or "")
    incoming.phone_says(200)
    stage.receive(FROM_CORE, incoming.within("ACK", cseq=1))
    assert stage.last_asked_of_phone().method == "ACK"
    # The phone hangs up: its route set is the list as it saw it.
    out = OutgoingCall(stage, incoming.phone, call_id=incoming.call_id)
    bye = out.within("BYE", tag="a1").replace(b";tag=caller", b";tag=p1")
    out.says(bye)
    request = stage.last_to_core()
    assert (request.method, request.elements("route")) == ("BYE", [S_CSCF_ROUTE])
    stage.core_says(request, 200)
    assert stage.last_to_phone().status == 200
    is_over(stage)


def test_the_phone_hangs_up_while_the_core_rings(stage: Stage, incoming: IncomingCall) -> None:
    incoming.begins()
    incoming.phone_says(486)
    ack = stage.last_asked_of_phone()
    assert (ack.method, ack.via.branch) == ("ACK", incoming.asked.via.branch)
    assert stage.last_answer_to_core().status == 486
    stage.wait(4)
    assert statuses([effect.data for effect in stage.to_core]).count(486) == 4
    stage.receive(FROM_CORE, incoming.within("ACK", cseq=1).replace(b"in-1ACK1", b"in1"))
    stage.wait(40)
    assert statuses([effect.data for effect in stage.to_core]).count(486) == 4
    is_over(stage)


def test_the_core_cancels(stage: Stage, incoming: IncomingCall) -> None:
    incoming.begins()
    incoming.phone_says(180)
    cancel = incoming.invite(method="CANCEL")
    stage.receive(FROM_CORE, cancel)
    request = stage.last_asked_of_phone()
    assert (request.method, request.via.branch) == ("CANCEL", incoming.asked.via.branch)
    incoming.phone.says(incoming.phone.answers(request, 200))
    incoming.phone_says(487)
    assert stage.last_answer_to_core().status == 487
    is_over(stage)


def test_an_answered_cancel_is_not_sent_again(stage: Stage, incoming: IncomingCall) -> None:
    incoming.begins()
    incoming.phone_says(180)
    stage.receive(FROM_CORE, incoming.invite(method="CANCEL"))
    request = stage.last_asked_of_phone()
    incoming.phone.says(incoming.phone.answers(request, 200))
    before = len(stage.to_phone)
    stage.wait(60)  # its copies would come every 2 to 4 s
    assert len(stage.to_phone) == before


def test_nobody_picks_up(stage: Stage, incoming: IncomingCall) -> None:
    """Timer B on Gm: 128 s (TS 24.229 7.7)."""
    incoming.begins()
    stage.wait(127)
    assert statuses([effect.data for effect in stage.to_core]) == [100]
    stage.wait(2)
    assert stage.last_answer_to_core().status == 408
    is_over(stage)


def test_a_spoiled_record_route_is_restored(stage: Stage, incoming: IncomingCall) -> None:
    incoming.begins()
    incoming.asked.set("record-route", "<sip:evil.example;lr>")
    incoming.phone_says(200)
    own = f"<sip:{incoming.token}@{CORE_SIDE};lr>"
    assert stage.last_answer_to_core().elements("record-route") == [own, S_CSCF_ROUTE]
    assert stage.edge._context.counters["record_route_restored"] == 1


def test_a_strict_router_before_us(stage: Stage, incoming: IncomingCall) -> None:
    """RFC 3261 16.4: our URI as Request-URI, the real one at the end of Route."""
    uri = f"sip:ue@{incoming.phone.host}:{incoming.phone.port_us}"
    data = incoming.invite(method="MESSAGE").decode()
    data = data.replace(f"MESSAGE {uri}", f"MESSAGE sip:{incoming.token}@{CORE_SIDE};lr")
    data = data.replace(f"<sip:{incoming.token}@{CORE_SIDE};lr>", f"<{uri}>")
    stage.receive(FROM_CORE, data.encode())
    asked = stage.last_asked_of_phone()
    assert asked.uri == uri
    assert "route" not in asked


@pytest.mark.parametrize("transport", list(Transport))
def test_a_registration_that_ends_takes_its_dialogs(transport: Transport) -> None:
    stage = Stage()
    phone = Phone(stage, transport=transport)
    phone.registered(expires=LONG)
    call = OutgoingCall(stage, phone)
    call.begins()
    call.core_says(200)
    phone.says(phone.register(expires=0))
    stage.accept(expires=0)
    stage.wait(300)
    assert stage.left_over() == {}


def test_too_many_dialogs_of_one_phone_push_the_oldest_out() -> None:
    stage = Stage(max_dialogs=2)
    phone = Phone(stage)
    phone.registered(expires=LONG)
    calls = [OutgoingCall(stage, phone, call_id=f"c{number}") for number in range(3)]
    for call in calls:
        call.begins()
        call.core_says(200)
    assert stage.left_over()["dialogs"] == 2
    calls[0].says(calls[0].within("BYE"))
    assert stage.last_to_phone().status == 403
    calls[2].says(calls[2].within("BYE"))
    assert stage.last_to_core().method == "BYE"


# --- media policy in all that carries an offer or an answer ---


@pytest.fixture
def strict() -> tuple[Stage, Phone]:
    stage = Stage(media=NO_EVS)
    phone = Phone(stage)
    phone.registered(expires=LONG)
    return stage, phone


def test_media_policy_holds_in_the_phones_offer_its_update_and_the_answers(
    strict: tuple[Stage, Phone],
) -> None:
    call = OutgoingCall(*strict)
    call.says(with_sdp(call.request("INVITE")))
    stage, call.invite = call.stage, call.stage.last_to_core()
    assert call.invite.body == WITHOUT_EVS
    answer = call.answer(call.invite, 200, *call.invite.lines("record-route"))
    stage.receive(FROM_CORE, with_sdp(answer))
    assert stage.last_to_phone().body == WITHOUT_EVS
    call.says(with_sdp(call.within("UPDATE")))
    assert stage.last_to_core().body == WITHOUT_EVS
    stage.receive(FROM_CORE, with_sdp(call.answer(stage.last_to_core(), 200)))
    assert stage.last_to_phone().body == WITHOUT_EVS


def test_media_policy_holds_in_the_cores_offer_and_the_phones_answer(
    strict: tuple[Stage, Phone],
) -> None:
    stage, phone = strict
    call = IncomingCall(stage, phone, stage.token())
    stage.receive(FROM_CORE, with_sdp(call.invite()))
    call.asked = stage.last_asked_of_phone()
    assert call.asked.body == WITHOUT_EVS
    phone.says(with_sdp(call.answer(200)))
    assert parse(stage.to_core[-1].data).body == WITHOUT_EVS
