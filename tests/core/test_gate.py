"""Messages at the five points: changed, refused, sent elsewhere, and made to wait."""

import pytest

from pcscf.core.effects import Report
from pcscf.core.events import Deregister, HooksAnswered
from pcscf.core.flow import Endpoint, Transport
from pcscf.core.hooks import Case, Point, Verdict
from pcscf.core.policy import EmergencyPolicy, NextHop, SecAgree, Target, WithoutECscf
from pcscf.sip.message import Request, Response
from pcscf.sip.response import make_response
from tests.core.call import (
    NO_EVS,
    WITHOUT_EVS,
    IncomingCall,
    OutgoingCall,
    statuses,
    with_sdp,
)
from tests.core.phone import Phone
from tests.core.scripted import Answer, Scripted, later, marks, rejects, sends_to
from tests.core.stage import CK, CORE_SIDE, FROM_CORE, GM, IK, IMPI, S_CSCF, TWO_HOPS, UE, Stage
from tests.garbage import no_garbage

BOB = "sip:b@example.net"
CHALLENGE = f'Digest realm="a", nonce="b", ck="{CK}", ik="{IK}"'
ELSEWHERE = Endpoint("203.0.113.77", 5070)
E_CSCF = Endpoint("203.0.113.12", 5060)
CALLS_SERVED = EmergencyPolicy(
    e_cscf=(Target(E_CSCF.host, E_CSCF.port, Transport.UDP),), numbers=frozenset({"112"}),
    anonymous=True,
)  # fmt: skip


def target(endpoint: Endpoint = ELSEWHERE) -> Target:
    return Target(endpoint.host, endpoint.port, Transport.UDP)


@pytest.fixture
def stage() -> Stage:
    return Stage(emergency=CALLS_SERVED)


@pytest.fixture
def phone(stage: Stage) -> Phone:
    phone = Phone(stage)
    phone.registered()
    return phone


def over(stage: Stage) -> None:
    """All that is left are the phone's registration and what belongs to it."""
    stage.wait(300)
    left = stage.left_over()
    assert "transactions" not in left
    assert "waits for hooks" not in left
    assert stage.edge.held()["waiting_for_hooks"] == 0


# --- who is asked about what


def test_a_registration_is_asked_about_message_by_message(stage: Stage) -> None:
    hooks = Scripted(stage)
    Phone(stage).registered()
    first, challenge, second, accepted = hooks.cases
    assert hooks.points() == [Point.REGISTRATION, Point.RESPONSE] * 2
    assert first.phone is not None
    assert second.phone is not None
    assert (first.phone.impi, first.phone.address, first.phone.protected) == (IMPI, UE, False)
    assert second.phone.protected
    assert challenge.towards_phone
    assert accepted.towards_phone
    assert isinstance(challenge.message, Response)
    assert challenge.message.status == 401


def test_no_function_ever_sees_a_key(stage: Stage) -> None:
    hooks = Scripted(stage)
    phone = Phone(stage)
    phone.registered()
    phone.reregistered()
    phone.says(phone.message("MESSAGE", BOB))
    stage.core_says(stage.last_to_core(), 407, f'Proxy-Authenticate: Digest ck="{CK}",ik="{IK}"')
    assert {Point.REGISTRATION, Point.CORE, Point.RESPONSE} <= set(hooks.points())
    seen = b"".join(case.message.to_bytes() for case in hooks.cases)
    assert b"WWW-Authenticate" in seen
    for secret in (CK, IK):
        assert secret.encode() not in seen


def test_keys_go_whichever_way_a_response_comes(stage: Stage, phone: Phone) -> None:
    """Procedures take them out themselves; this is the net below them."""
    hooks = Scripted(stage)
    phone.says(phone.message("MESSAGE", BOB))
    wire = stage.edge._wire
    (server,) = [one for one in wire.servers._by_key.values() if hasattr(one, "request")]
    wire.answer(
        server, make_response(server.request, 401, headers=[("www-authenticate", CHALLENGE)])
    )
    shown = hooks.of(Point.RESPONSE)[-1].message
    assert "nonce" in (shown.get("www-authenticate") or "")
    assert CK.encode() not in shown.to_bytes()


def test_a_call_is_asked_about_in_each_direction(stage: Stage, phone: Phone) -> None:
    token, hooks = stage.token(), Scripted(stage)
    call = OutgoingCall(stage, phone)
    call.begins()
    call.core_says(180)
    call.core_says(200)
    call.says(call.within("ACK"))
    call.says(call.within("BYE"))
    stage.receive(stage.to_core[-1].flow, call.from_core("MESSAGE", token=token))
    asked = [(case.point, case.message.cseq.method, case.in_dialog) for case in hooks.cases]
    assert asked == [
        (Point.CORE, "INVITE", False),
        (Point.RESPONSE, "INVITE", True),
        (Point.RESPONSE, "INVITE", True),
        (Point.CORE, "BYE", True),
        (Point.PHONE, "MESSAGE", True),
    ]
    assert {case.phone.impi if case.phone else "" for case in hooks.cases} == {IMPI}


def test_an_answer_of_the_phone_goes_to_the_core_with_whose_it_is(
    stage: Stage, phone: Phone
) -> None:
    hooks = Scripted(stage)
    stage.core_asks(stage.token())
    phone.says(phone.answers(stage.last_asked_of_phone(), 200))
    case = hooks.of(Point.RESPONSE)[-1]
    assert not case.towards_phone
    assert case.phone is not None
    assert case.phone.impi == IMPI


def test_a_phone_in_clear_is_told_as_such() -> None:
    stage = Stage(sec_agree=SecAgree.OFF)
    phone = Phone(stage)
    phone.says_in_clear(phone.register())
    stage.accept()
    hooks = Scripted(stage)
    stage.core_asks(stage.token())
    assert hooks.cases[0].phone is not None
    assert not hooks.cases[0].phone.protected
    phone.says_in_clear(phone.register())
    stage.accept()
    assert hooks.cases[-1].phone is None


# --- changes


def test_what_functions_make_of_a_message_is_what_leaves(stage: Stage) -> None:
    Scripted(stage, **{point: marks(point) for point in Point})
    phone = Phone(stage)
    phone.says_in_clear(phone.register())
    assert stage.last_to_core().get("x-mark") == Point.REGISTRATION
    assert stage.challenge().get("x-mark") == Point.RESPONSE
    phone.take_server(stage.last_to_phone())
    stage.accept_answer_of(phone)
    token = stage.token()
    phone.says(phone.message("MESSAGE", BOB))
    assert stage.last_to_core().get("x-mark") == Point.CORE
    phone.says(phone.message("MESSAGE", "urn:service:sos"))
    assert stage.last_to_core().get("x-mark") == Point.EMERGENCY
    stage.core_asks(token)
    assert stage.last_asked_of_phone().get("x-mark") == Point.PHONE
    phone.says(phone.answers(stage.last_asked_of_phone(), 200))
    assert stage.last_answer_to_core().get("x-mark") == Point.RESPONSE


def test_what_goes_to_the_next_hop_after_a_failure_is_changed_too() -> None:
    stage = Stage(next_hops=TWO_HOPS)
    Scripted(stage, before_core=marks("1"))
    phone = Phone(stage)
    phone.registered()
    phone.says(
        phone.message("OPTIONS", BOB).replace(b"To:", b"Route: <sip:203.0.113.9:5060;lr>\r\nTo:")
    )
    stage.core_says(stage.last_to_core(), 503)
    assert stage.last_to_core().get("x-mark") == "1"


# --- refusals


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("uri", [BOB, "urn:service:sos"])
def test_a_request_of_a_phone_is_refused(stage: Stage, phone: Phone, uri: str, waits: bool) -> None:
    refusal = rejects(403, ("retry-after", "5"))
    first = later if waits else refusal
    hooks = Scripted(stage, before_core=first, on_emergency=first)
    before = len(stage.to_core)
    phone.says(phone.message("MESSAGE", uri))
    if waits:
        hooks.goes_on(answer=refusal)
    answer = stage.last_to_phone()
    assert (answer.status, answer.get("retry-after")) == (403, "5")
    assert len(stage.to_core) == before
    fields = next(r.fields for r in stage.reports if r.event == "refused_by_hook")
    assert fields == {
        "call_id": "call-1", "impi": IMPI, "ue": UE, "method": "MESSAGE", "status": 403,
        "function": "f",
    }  # fmt: skip
    over(stage)


def test_a_request_for_a_phone_is_refused(stage: Stage, phone: Phone) -> None:
    Scripted(stage, before_phone=rejects(603))
    before = len(stage.to_phone)
    stage.core_asks(stage.token(), method="INVITE")
    assert stage.last_answer_to_core().status == 603
    assert len(stage.to_phone) == before
    over(stage)


@pytest.mark.parametrize("waits", [False, True])
def test_a_registration_is_refused_before_and_after_its_challenge(waits: bool) -> None:
    stage = Stage()
    phone = Phone(stage)
    phone.challenged()
    assert stage.kernel
    hooks = Scripted(stage, on_registration=later if waits else rejects(403))
    for say, data in ((phone.says, phone.answer()), (phone.says_in_clear, phone.register())):
        say(data)
        if waits:
            hooks.goes_on(answer=rejects(403))
        assert stage.last_to_phone().status == 403
    stage.wait(stage.policy.sa_linger + 1)
    assert not stage.kernel  # the temporary set went with it
    stage.wait(300)
    assert stage.left_over() == {}


# --- where a request goes


def test_a_function_chooses_where_a_request_goes(stage: Stage, phone: Phone) -> None:
    other = Endpoint("203.0.113.78", 5060)
    Scripted(stage, before_core=sends_to(target(), target(other)))
    phone.says(phone.message("MESSAGE", BOB))
    assert stage.to_core[-1].flow.remote == ELSEWHERE
    stage.send_fails(stage.to_core[-1])
    assert stage.to_core[-1].flow.remote == other
    stage.send_fails(stage.to_core[-1])
    assert stage.last_to_phone().status == 504  # the S-CSCF was not meant


def test_the_media_policy_holds_wherever_a_request_goes() -> None:
    stage = Stage(media=NO_EVS)
    phone = Phone(stage)
    phone.registered()
    Scripted(stage, before_core=sends_to(target()))
    phone.says(with_sdp(OutgoingCall(stage, phone).request("INVITE")))
    assert stage.to_core[-1].flow.remote == ELSEWHERE
    assert stage.last_to_core().body == WITHOUT_EVS


def test_a_register_stays_with_the_entry_point_chosen_before() -> None:
    stage = Stage()
    hops = (target(), target(Endpoint("203.0.113.78", 5060)))
    Scripted(stage, on_registration=sends_to(*hops))
    phone = Phone(stage)
    phone.says_in_clear(phone.register())
    phone.take_server(stage.challenge())
    phone.says(phone.answer())
    assert stage.to_core[-1].flow.remote == ELSEWHERE
    stage.send_fails(stage.to_core[-1])
    stage.accept()
    phone.says(phone.register())
    assert stage.to_core[-1].flow.remote == Endpoint("203.0.113.78", 5060)


def test_an_emergency_goes_to_the_e_cscf_if_what_was_chosen_fails(
    stage: Stage, phone: Phone
) -> None:
    Scripted(stage, on_emergency=sends_to(target()))
    phone.says(phone.message("MESSAGE", "urn:service:sos"))
    assert stage.to_core[-1].flow.remote == ELSEWHERE
    stage.send_fails(stage.to_core[-1])
    assert stage.to_core[-1].flow.remote == E_CSCF


@pytest.mark.parametrize("host", [UE, GM, CORE_SIDE.host])
def test_no_request_is_sent_past_the_sas_or_to_ourselves(
    stage: Stage, phone: Phone, host: str
) -> None:
    port = CORE_SIDE.port if host == CORE_SIDE.host else phone.port_us
    Scripted(stage, before_core=sends_to(target(Endpoint(host, port))))
    before = len(stage.to_core)
    phone.says(phone.message("MESSAGE", BOB))
    assert stage.last_to_phone().status == 504
    assert len(stage.to_core) == before


def test_phones_that_came_and_went_later_are_known(stage: Stage, phone: Phone) -> None:
    second = Phone(stage, host="192.0.2.11", impi="2@example.net", impu="sip:2@example.net")
    second.spi_uc, second.spi_us = 7701, 7702
    Scripted(stage, before_core=sends_to(target(Endpoint(second.host, 5060))))
    second.registered()
    phone.says(phone.message("MESSAGE", BOB))
    assert stage.last_to_phone().status == 504
    stage.play(Deregister("2@example.net", second.host))
    phone.says(phone.message("MESSAGE", BOB))
    assert stage.to_core[-1].flow.remote.host == second.host


def test_an_emergency_served_by_the_s_cscf_is_asked_about_as_one() -> None:
    served = EmergencyPolicy(without_e_cscf=WithoutECscf.S_CSCF)
    stage = Stage(emergency=served)
    hooks = Scripted(stage, before_core=rejects(403))
    phone = Phone(stage)
    phone.registered()
    phone.says(phone.message("MESSAGE", "urn:service:sos"))
    assert hooks.points()[-1] is Point.EMERGENCY
    assert stage.last_to_core().uri == "urn:service:sos"


def test_a_guest_is_asked_about_without_an_identity(stage: Stage) -> None:
    hooks = Scripted(stage)
    phone = Phone(stage)
    phone.says_in_clear(phone.message("INVITE", "urn:service:sos"))
    (case,) = hooks.cases
    assert case.phone is not None
    assert (case.phone.impi, case.phone.address) == ("", UE)
    assert stage.to_core[-1].flow.remote == E_CSCF


# --- waiting


def test_a_request_waits_and_its_copies_are_absorbed(stage: Stage, phone: Phone) -> None:
    hooks = Scripted(stage, before_core=later)
    before, data = len(stage.log), phone.message("MESSAGE", BOB)
    for _ in range(3):
        phone.says(data)
    assert stage.log[before:] == []
    assert stage.edge.held()["waiting_for_hooks"] == 1
    hooks.goes_on()
    assert stage.last_to_core().get("x-mark") == "late"
    stage.core_says(stage.last_to_core(), 200)
    assert stage.last_to_phone().status == 200
    assert len(hooks.of(Point.CORE)) == 1
    over(stage)


def test_an_invite_that_waits_gets_one_100(stage: Stage, phone: Phone) -> None:
    hooks = Scripted(stage, before_core=later)
    call = OutgoingCall(stage, phone)
    call.says(call.request("INVITE"))
    assert stage.last_to_phone().status == 100
    before = len(stage.to_phone)
    hooks.goes_on()
    assert len(stage.to_phone) == before
    call.invite = stage.last_to_core()
    call.core_says(200)
    assert stage.last_to_phone().status == 200


def test_a_call_of_a_phone_that_waits_can_be_cancelled(stage: Stage, phone: Phone) -> None:
    hooks = Scripted(stage, before_core=later)
    call = OutgoingCall(stage, phone)
    call.says(call.request("INVITE", branch="z9hG4bKx"))
    call.says(call.request("CANCEL", branch="z9hG4bKx"))
    before = len(stage.to_core)
    hooks.goes_on()
    assert statuses([effect.data for effect in stage.to_phone[-2:]]) == [200, 487]
    assert len(stage.to_core) == before
    over(stage)


def test_a_call_for_a_phone_that_waits_can_be_cancelled(stage: Stage, phone: Phone) -> None:
    call, hooks = IncomingCall(stage, phone, stage.token()), Scripted(stage, before_phone=later)
    stage.receive(FROM_CORE, call.invite())
    stage.receive(FROM_CORE, call.invite(method="CANCEL"))
    before = len(stage.to_phone)
    hooks.goes_on()
    assert statuses([effect.data for effect in stage.to_core[-2:]]) == [200, 487]
    assert len(stage.to_phone) == before
    over(stage)


@pytest.mark.parametrize(("point", "status"), [("before_core", 403), ("before_phone", 404)])
def test_the_phone_may_have_left_meanwhile(
    stage: Stage, phone: Phone, point: str, status: int
) -> None:
    token, hooks = stage.token(), Scripted(stage, **{point: later})
    if point == "before_core":
        phone.says(phone.message("MESSAGE", BOB))
    else:
        stage.core_asks(token)
    case = hooks.cases[-1]
    phone.says(phone.register(expires=0))
    stage.accept(expires=0)
    before = len(stage.to_phone) + len(stage.to_core)
    hooks.goes_on(case)
    assert len(stage.to_phone) + len(stage.to_core) == before + 1
    answer = stage.last_to_phone() if point == "before_core" else stage.last_answer_to_core()
    assert answer.status == status
    stage.wait(300)
    assert stage.left_over() == {}


def test_a_phone_whose_sas_are_gone_gets_nothing_in_clear(stage: Stage, phone: Phone) -> None:
    hooks = Scripted(stage, before_core=later)
    phone.says(phone.message("MESSAGE", BOB))
    stage.play(Deregister(IMPI, UE))
    before = len(stage.to_phone)
    hooks.goes_on()
    assert len(stage.to_phone) == before
    stage.wait(300)
    assert stage.left_over() == {}


def test_what_has_waited_goes_under_the_sas_of_then(stage: Stage, phone: Phone) -> None:
    hooks = Scripted(stage, before_phone=later)
    stage.core_asks(stage.token())
    case = hooks.cases[-1]
    phone.reregistered()
    phone.says(phone.message("OPTIONS", BOB))  # the new set is used
    stage.wait(40)
    assert len(stage.kernel) == 1
    hooks.goes_on(case)
    assert stage.to_phone[-1].flow == phone.to_phone_flow()


def test_a_register_that_waits_is_one_that_is_under_way(stage: Stage) -> None:
    stage = Stage(max_pending=1)
    hooks = Scripted(stage, on_registration=later)
    phone = Phone(stage)
    phone.says_in_clear(phone.register())
    phone.says_in_clear(phone.register())
    assert stage.last_to_phone().status == 503
    hooks.goes_on(hooks.cases[0])
    assert stage.challenge().status == 401


def test_whoever_is_asked_no_more_still_answers(stage: Stage, phone: Phone) -> None:
    hooks = Scripted(stage, before_core=later)
    phone.says(phone.message("MESSAGE", BOB))
    stage.edge.use_hooks(None)
    phone.says(phone.message("OPTIONS", BOB))
    assert stage.last_to_core().method == "OPTIONS"
    hooks.goes_on()
    assert stage.last_to_core().method == "MESSAGE"


def test_a_verdict_that_nobody_waits_for_changes_nothing(stage: Stage, phone: Phone) -> None:
    before = len(stage.log)
    stage.play(HooksAnswered(4711, Verdict(Request("OPTIONS sip:a SIP/2.0", []))))
    assert len(stage.log) == before


# --- responses that wait


def slow(status: int) -> dict[str, object]:
    """Responses of this status wait, others do not."""

    def answer(case: Case) -> Verdict | None:
        assert isinstance(case.message, Response)
        return None if case.message.status == status else Verdict(case.message)

    return {"on_response": answer}


@pytest.mark.parametrize("first", [180, 200])
def test_responses_leave_in_the_order_in_which_they_came(
    stage: Stage, phone: Phone, first: int
) -> None:
    hooks = Scripted(stage, on_response=later)
    call = OutgoingCall(stage, phone)
    call.begins()
    before = len(stage.to_phone)
    for status in (180, 200):
        call.core_says(status)
    ringing, taken = hooks.of(Point.RESPONSE)
    for case in (ringing, taken) if first == 180 else (taken, ringing):
        hooks.goes_on(case)
        if case is taken and first == 200:
            assert len(stage.to_phone) == before
    assert statuses([effect.data for effect in stage.to_phone[before:]]) == [180, 200]
    assert [parse_mark(effect.data) for effect in stage.to_phone[before:]] == ["late", "late"]


def parse_mark(data: bytes) -> str:
    return data.partition(b"X-Mark: ")[2].partition(b"\r")[0].decode()


def test_a_response_at_once_waits_for_one_that_came_before(stage: Stage, phone: Phone) -> None:
    hooks = Scripted(stage, **slow(180))  # type: ignore[arg-type]
    call = OutgoingCall(stage, phone)
    call.begins()
    before = len(stage.to_phone)
    call.core_says(180)
    call.core_says(200)
    assert len(stage.to_phone) == before
    hooks.goes_on(hooks.of(Point.RESPONSE)[0])
    assert statuses([effect.data for effect in stage.to_phone[before:]]) == [180, 200]
    call.says(call.within("ACK"))
    assert stage.last_to_core().method == "ACK"
    call.core_says(200)  # a copy, which meets no queue
    assert stage.last_to_phone().status == 200


def test_a_200_that_waits_registers_all_the_same(stage: Stage) -> None:
    hooks = Scripted(stage, **slow(200))  # type: ignore[arg-type]
    phone = Phone(stage)
    phone.challenged()
    phone.says(phone.answer())
    before = len(stage.to_phone)
    stage.accept_silently(stage.last_to_core())
    assert len(stage.to_phone) == before
    assert stage.edge.held()["registrations"] == 1
    hooks.goes_on()
    assert stage.last_to_phone().status == 200
    assert stage.to_phone[-1].flow == phone.to_phone_flow()


def test_if_the_kernel_refuses_the_challenge_that_waits_is_dropped(stage: Stage) -> None:
    stage.refuse_install = "no such algorithm"
    hooks = Scripted(stage, on_response=later)
    phone = Phone(stage)
    phone.says_in_clear(phone.register())
    assert stage.challenge().status == 500
    before = len(stage.to_phone)
    hooks.goes_on()
    assert len(stage.to_phone) == before
    stage.wait(300)
    assert stage.left_over() == {}


def test_a_response_for_a_request_that_is_over_goes_nowhere(stage: Stage, phone: Phone) -> None:
    hooks = Scripted(stage, on_response=later)
    phone.says(phone.message("MESSAGE", BOB))
    stage.core_says(stage.last_to_core(), 200)
    stage.play(Deregister(IMPI, UE))
    before = len(stage.to_phone)
    hooks.goes_on()
    assert len(stage.to_phone) == before
    stage.wait(300)
    assert stage.left_over() == {}


def test_our_own_answers_are_nobodys_to_change(stage: Stage, phone: Phone) -> None:
    hooks = Scripted(stage, on_response=marks("1"))
    phone.says_in_clear(phone.message("MESSAGE", BOB))
    assert stage.last_to_phone().status == 403
    assert hooks.cases == []


def test_next_hops_are_filtered_and_keep_their_order(stage: Stage) -> None:
    Scripted(stage)
    hops = [NextHop(Transport.UDP, one) for one in (S_CSCF, Endpoint(GM, 5060), ELSEWHERE)]
    assert stage.edge._wire.gate.outside(hops) == [hops[0], hops[2]]
    (report,) = stage.edge._context.effects
    assert isinstance(report, Report)
    assert report.event == "hook_route_refused"


@pytest.mark.parametrize("answer", [marks("1"), rejects(403), sends_to(target())])
def test_what_has_waited_leaves_no_garbage(stage: Stage, answer: Answer) -> None:
    phone = Phone(stage)
    phone.registered(expires=100_000)
    hooks = Scripted(stage, before_core=later, on_response=later)

    def call(number: int) -> None:
        one = OutgoingCall(stage, phone, call_id=f"call-{number}")
        one.says(one.request("INVITE", branch=f"z9hG4bKg{number}"))
        hooks.goes_on(answer=answer)
        one.says(one.request("CANCEL", branch=f"z9hG4bKg{number}"))
        stage.wait(300)
        stage.log.clear()
        hooks.cases.clear()

    call(1)
    with no_garbage():
        for number in range(2, 5):
            call(number)
