"""What comes in: noise, broken messages and streams, answers of nobody."""

import pytest

from pcscf.core.events import SipUnreadable
from pcscf.core.flow import Side, Transport
from pcscf.errors import ParseError
from tests.core.phone import Phone
from tests.core.stage import FROM_CORE, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def phone(stage: Stage) -> Phone:
    return Phone(stage)


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
