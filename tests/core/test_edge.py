"""What comes in, and where it is handed to."""

import pytest

from pcscf.core.effects import PutOff
from pcscf.core.events import Deafen, Deregister, Drain, GiveUp, SipUnreadable
from pcscf.core.flow import Flow, Side, Transport
from pcscf.errors import ParseError
from tests.core.phone import Phone
from tests.core.stage import CK, FROM_CORE, IK, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def phone(stage: Stage) -> Phone:
    return Phone(stage)


OTHER_UE = "192.0.2.77"
UNREADABLE = [b"", b"\r\n\r\n", b"x", b"\x00" * 100, b"REGISTER\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n"]


@pytest.mark.parametrize("data", UNREADABLE)
def test_noise_is_met_with_silence(stage: Stage, phone: Phone, data: bytes) -> None:
    phone.registered()
    before = len(stage.to_phone) + len(stage.to_core)
    for flow in (phone.clear_flow(), phone.protected_flow(), FROM_CORE):
        stage.receive(flow, data)
    assert len(stage.to_phone) + len(stage.to_core) == before


@pytest.mark.parametrize("side", list(Side))
def test_a_broken_request_that_names_its_sender_is_answered(
    stage: Stage, phone: Phone, side: Side
) -> None:
    phone.registered()
    flows = {
        Side.CLEAR: phone.clear_flow(),
        Side.PROTECTED: phone.protected_flow(),
        Side.CORE: FROM_CORE,
    }
    data = phone.message("MESSAGE", "sip:b@x").replace(b"Content-Length: 0", b"Content-Length: 9")
    stage.receive(flows[side], data)
    sent = (stage.to_core if side is Side.CORE else stage.to_phone)[-1]
    assert sent.data.startswith(b"SIP/2.0 400")
    assert sent.flow == (phone.to_phone_flow() if side is Side.PROTECTED else flows[side])


@pytest.mark.parametrize(
    ("was", "now", "status"),
    [
        (b" SIP/2.0\r\n", b" SIP/3.0\r\n", 505),
        (b"CSeq: 1 MESSAGE", b"CSeq: 1 INFO", 400),
        (b"Max-Forwards: 70", b"Max-Forwards: 0", 483),
        (b"MESSAGE sip:", b"MESSAGE http:", 416),
        (b"Call-ID", b"X-Call-ID", 400),
        (b"From:", b"X-From:", 400),
    ],
)
@pytest.mark.parametrize("protected", [False, True])
def test_a_request_no_proxy_may_take_costs_no_transaction(
    stage: Stage, phone: Phone, was: bytes, now: bytes, status: int, *, protected: bool
) -> None:
    phone.registered()
    stage.wait(200)
    phone.cseq = 0
    data = phone.message("MESSAGE", "sip:b@x").replace(was, now, 1)
    stage.receive(phone.protected_flow() if protected else phone.clear_flow(), data)
    assert stage.to_phone[-1].data.startswith(f"SIP/2.0 {status}".encode())
    assert "transactions" not in stage.left_over()


def test_answers_nobody_waits_for_are_dropped(stage: Stage, phone: Phone) -> None:
    phone.registered()
    before = len(stage.log)
    answer = (
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKnone\r\n"
        b"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n\r\n"
    )
    for flow in (phone.clear_flow(), phone.protected_flow(), FROM_CORE):
        stage.receive(flow, answer)
    assert {getattr(effect, "event", "") for effect in stage.log[before:]} == {"stray_response"}


def test_a_stranger_cannot_answer_for_the_core(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    request = stage.last_to_core()
    stranger = Phone(stage, host="192.0.2.66")
    stranger.says_in_clear(stranger.answers(request, 200))
    assert not stage.to_phone
    assert stage.challenge(request).status == 401


# --- streams ---


@pytest.mark.parametrize("protected", [False, True])
def test_a_broken_stream_is_answered_once_and_closed(
    stage: Stage, phone: Phone, *, protected: bool
) -> None:
    phone.transport = Transport.TCP
    phone.registered()
    flow = phone.protected_flow() if protected else phone.clear_flow()
    head = phone.message("MESSAGE", "sip:b@x").partition(b"\r\n\r\n")[0]
    stage._asked_in_clear.add(f"z9hG4bKcall-1p{phone.port_uc}x{phone.cseq}".encode())
    before = len(stage.to_phone)
    stage.play(SipUnreadable(flow, head, ParseError(400, "Missing Content-Length")))
    assert len(stage.to_phone) == before + 1
    assert stage.to_phone[-1].flow == flow
    assert stage.closed[-1] == flow


def test_a_broken_stream_of_nobody_is_closed_without_a_word(stage: Stage, phone: Phone) -> None:
    flow = phone.protected_flow()._replace(transport=Transport.TCP)
    head = phone.message("MESSAGE", "sip:b@x").partition(b"\r\n\r\n")[0]
    stage.play(SipUnreadable(flow, head, ParseError(413, "Too Large")))
    assert not stage.to_phone
    assert stage.closed == [flow]


# --- the outside of it ---


def test_time_that_passes_without_a_deadline_does_nothing(stage: Stage) -> None:
    assert stage.edge.next_deadline() is None
    stage.wait(100_000)
    assert not stage.log


def test_a_send_that_fails_for_an_unknown_reference_is_nothing(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    sent = stage.to_core[-1]
    stage.challenge(stage.last_to_core())
    stage.wait(300)
    before = len(stage.log)
    stage.send_fails(sent)
    assert len(stage.log) == before


@pytest.mark.parametrize(
    "place", [b"Via: ", b"From: ", b"Contact: ", b"Authorization: ", b"Call-ID: "]
)
@pytest.mark.parametrize("junk", [b"\xff\xfe", b"\xc3\xa9", b'"', b"<", b",", b";;=", b"%00"])
def test_junk_in_a_register_does_no_harm(
    stage: Stage, phone: Phone, place: bytes, junk: bytes
) -> None:
    data = phone.register().replace(place, place + junk)
    stage.receive(phone.clear_flow(), data)
    stage.wait(400)
    assert stage.left_over() == {}


def test_reports_hold_no_keys(stage: Stage, phone: Phone) -> None:
    """The stage checks it at every effect; here once in plain sight."""
    phone.registered()
    phone.reregistered()
    text = repr(stage.reports)
    assert "challenged" in text
    assert CK not in text
    assert IK not in text


def test_a_flow_to_the_core_is_no_phone(stage: Stage, phone: Phone) -> None:
    """A REGISTER from the core side is nobody's."""
    stage.receive(Flow(*FROM_CORE), phone.register())
    assert stage.last_answer_to_core().status == 404


def test_draining_takes_no_new_phone_and_keeps_those_there_are(stage: Stage, phone: Phone) -> None:
    phone.registered()
    stage.play(Drain(on=True))
    stage.play(Drain(on=True))
    assert (stage.edge.draining, stage.reports[-1].event) == (True, "draining")
    other = Phone(stage, host=OTHER_UE, impi="b@example.net", impu="sip:b@example.net", call_id="b")
    other.says_in_clear(other.register())
    assert stage.last_to_phone().status == 503
    phone.reregistered()
    phone.says(phone.message("MESSAGE", "sip:b@home.example"))
    assert stage.last_to_core().method == "MESSAGE"
    stage.play(Drain(on=False))
    assert (stage.edge.draining, stage.reports[-1].event) == (False, "serving")
    other.registered()


def test_an_emergency_registration_is_taken_while_draining(stage: Stage) -> None:
    stage.play(Drain(on=True))
    Phone(stage, contact_params=";sos").registered()


def test_a_phone_is_deregistered_by_the_operator(stage: Stage, phone: Phone) -> None:
    phone.registered()
    stage.play(Deregister(phone.impi, OTHER_UE))
    assert stage.edge.held()["registrations"] == 1
    stage.play(Deregister(phone.impi, phone.host))
    assert stage.edge.held()["registrations"] == stage.edge.held()["sa_sets"] == 0
    assert not stage.kernel
    report = stage.reports[-1]
    assert (report.event, report.fields["ue"]) == ("removed_by_operator", phone.host)
    phone.registered()


def test_what_is_unanswered_at_the_end_is_answered_503(stage: Stage, phone: Phone) -> None:
    phone.registered()
    phone.says(phone.message("MESSAGE", "sip:b@home.example"))
    phone.says(phone.message("INVITE", "sip:b@home.example"))
    stage.core_says(stage.last_to_core(), 180)
    assert stage.edge.unanswered == 2
    stage.log.clear()
    stage.play(GiveUp())
    assert sorted(effect.data.split(b" ", 2)[1] for effect in stage.to_phone) == [b"503", b"503"]
    assert [effect.data.split()[0] for effect in stage.to_core] == [b"CANCEL"]
    assert stage.edge.unanswered == 0


def test_who_is_deaf_takes_no_new_request_and_finishes_those_under_way(
    stage: Stage, phone: Phone
) -> None:
    phone.registered()
    phone.says(message := phone.message("MESSAGE", "sip:b@home.example"))
    under_way = stage.last_to_core()
    stage.play(Deafen())
    stage.log.clear()
    phone.says(phone.message("MESSAGE", "sip:c@home.example"))
    assert stage.log == [PutOff()]
    stage.core_says(under_way, 200)
    assert stage.last_to_phone().status == 200
    phone.says(message)  # a copy is answered again
    assert len(stage.to_phone) == 2
