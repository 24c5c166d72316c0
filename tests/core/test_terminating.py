"""Requests from the core to a phone."""

from collections.abc import Callable

import pytest

from pcscf.core.effects import SendSip
from pcscf.core.events import FlowClosed
from pcscf.core.flow import Transport
from pcscf.core.policy import SecAgree
from pcscf.sip.message import parse
from tests.core.phone import Phone
from tests.core.stage import CK, CORE_SIDE, FROM_CORE, GM, IK, IMPU, PORT_PS, Stage, digest


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def phone(stage: Stage) -> Phone:
    phone = Phone(stage)
    phone.registered()
    return phone


def test_what_the_phone_sees(stage: Stage, phone: Phone) -> None:
    stage.core_asks(
        stage.token(),
        "P-Charging-Vector: icid-value=1",
        "P-Access-Network-Info: x",
        digest(CK, IK),
        uri=f"sip:ue@192.0.2.10:{phone.port_us}",
    )
    request = stage.last_asked_of_phone()
    assert stage.to_phone[-1].flow == phone.to_phone_flow()
    assert (request.via.host, request.via.port) == (GM, PORT_PS)
    for name in ("route", "p-charging-vector", "p-access-network-info"):
        assert name not in request
    assert b"ck=" not in request.to_bytes()


def test_the_answer_goes_back_under_the_cores_via(stage: Stage, phone: Phone) -> None:
    stage.core_asks(stage.token())
    data = phone.answers(
        stage.last_asked_of_phone(),
        200,
        "P-Asserted-Identity: <sip:boss@example.net>",
        "P-Preferred-Identity: <sip:boss@example.net>",
        "P-Charging-Vector: icid-value=1",
    )
    phone.says(data)
    answer = stage.last_answer_to_core()
    assert answer.status == 200
    assert len(answer.elements("via")) == 1
    for name in ("p-preferred-identity", "p-charging-vector"):
        assert name not in answer
    assert answer.values("p-asserted-identity") == [f"<{phone.impu}>"]


def test_a_phone_that_spoils_the_via_list_does_no_harm(stage: Stage, phone: Phone) -> None:
    stage.core_asks(stage.token())
    request = stage.last_asked_of_phone()
    request.set("via", request.elements("via")[0])
    phone.says(phone.answers(request, 200))
    answer = stage.last_answer_to_core()
    assert answer.status == 200
    assert [via.partition(" ")[2] for via in answer.elements("via")] == [
        "203.0.113.9:5060;branch=z9hG4bKcore1"
    ]
    stage.wait(200)
    assert stage.left_over().get("transactions") is None


@pytest.mark.parametrize("transport", list(Transport))
def test_the_transport_is_the_registrations(stage: Stage, transport: Transport) -> None:
    phone = Phone(stage, transport=transport)
    phone.registered()
    stage.core_asks(stage.token())
    sent = stage.to_phone[-1]
    assert sent.flow.transport is transport
    # Over TCP the phone's own connection is there.
    assert sent.flow == (
        phone.to_phone_flow() if transport is Transport.UDP else phone.protected_flow()
    )


def test_the_phones_own_connection_is_kept_beside_ours(stage: Stage) -> None:
    phone = Phone(stage, transport=Transport.TCP)
    phone.registered()
    token = stage.token()
    stage.receive(phone.to_phone_flow(), phone.message("MESSAGE", "sip:b@example.net"))
    stage.core_asks(token)
    assert stage.to_phone[-1].flow == phone.protected_flow()


def test_a_phone_that_gained_sas_is_no_longer_asked_in_clear() -> None:
    stage = Stage(sec_agree=SecAgree.PREFER)
    phone = Phone(stage, security_client="")
    phone.says_in_clear(phone.register())
    stage.accept()
    stage.core_asks(stage.edge._context.registry.of_user(phone.impi)[0].token)
    asked = stage.to_phone[-1]
    stage.wait(1)
    phone.security_client = None
    phone.registered()
    stage.wait(60)
    assert stage.to_phone.count(asked) == 1
    assert stage.last_answer_to_core().status == 480


def test_without_a_connection_one_is_opened_to_us(stage: Stage) -> None:
    phone = Phone(stage, transport=Transport.TCP)
    phone.registered()
    stage.play(FlowClosed(phone.protected_flow()))
    stage.core_asks(stage.token())
    sent = stage.to_phone[-1]
    assert (sent.flow, sent.connect) == (phone.to_phone_flow(), True)
    stage.send_fails(sent)
    assert stage.last_answer_to_core().status == 480
    assert stage.kernel


# --- a connection that dies under a request ---


@pytest.fixture
def asked(stage: Stage) -> Phone:
    """A phone with a connection of its own, on which a request is under way."""
    phone = Phone(stage, transport=Transport.TCP)
    phone.registered()
    stage.core_asks(stage.token())
    assert stage.to_phone[-1].flow == phone.protected_flow()
    return phone


def copies(stage: Stage) -> list[SendSip]:
    """Every copy of the request that the phone was sent last."""
    return [effect for effect in stage.to_phone if effect.data == stage.to_phone[-1].data]


def dies(stage: Stage) -> None:
    """End the connection that the last request went out on."""
    stage.play(FlowClosed(stage.to_phone[-1].flow))


def breaks(stage: Stage) -> None:
    """Let the last request not leave."""
    stage.send_fails(stage.to_phone[-1], "no connection")


@pytest.mark.parametrize("end", [dies, breaks])
def test_a_request_on_the_phones_dying_connection_goes_once_more_from_pc_to_us(
    stage: Stage, asked: Phone, end: Callable[[Stage], None]
) -> None:
    assert not stage.to_phone[-1].connect
    before = len(stage.to_core)
    end(stage)
    ways = [(effect.flow, effect.connect) for effect in copies(stage)]
    assert ways == [(asked.protected_flow(), False), (asked.to_phone_flow(), True)]
    assert len(stage.to_core) == before
    stage.receive(asked.to_phone_flow(), asked.answers(stage.last_asked_of_phone(), 200))
    assert stage.last_answer_to_core().status == 200


@pytest.mark.parametrize("second", [dies, breaks])
@pytest.mark.parametrize("first", [dies, breaks])
def test_a_request_that_loses_that_one_too_is_480_at_once(
    stage: Stage, asked: Phone, first: Callable[[Stage], None], second: Callable[[Stage], None]
) -> None:
    first(stage)
    second(stage)
    second(stage)
    assert len(copies(stage)) == 2
    assert stage.last_answer_to_core().status == 480
    stage.wait(200)
    assert "transactions" not in stage.left_over()


def test_a_request_that_lost_its_connection_is_not_sent_for_ever(
    stage: Stage, asked: Phone
) -> None:
    dies(stage)
    stage.wait(129)
    assert len(copies(stage)) == 2
    assert stage.last_answer_to_core().status == 408


def test_silence_on_a_connection_that_stands_is_no_reason_to_ask_again(
    stage: Stage, asked: Phone
) -> None:
    stage.wait(129)
    assert len(copies(stage)) == 1
    assert stage.last_answer_to_core().status == 408


def test_what_was_answered_is_not_sent_again(stage: Stage, asked: Phone) -> None:
    asked.says(asked.answers(stage.last_asked_of_phone(), 200))
    dies(stage)
    assert len(copies(stage)) == 1
    assert stage.last_answer_to_core().status == 200


def test_another_connection_that_dies_does_not_matter(stage: Stage, asked: Phone) -> None:
    for flow in (asked.to_phone_flow(), asked.clear_flow()):
        stage.play(FlowClosed(flow))
    assert len(copies(stage)) == 1


def test_after_a_renewal_it_goes_under_the_set_in_use(stage: Stage, asked: Phone) -> None:
    """A phone closes the connection of its old set when it has a new one."""
    old = asked.reregistered()
    asked.says(asked.message("MESSAGE", "sip:b@example.net"))
    stage.play(FlowClosed(old))
    assert stage.to_phone[-1].flow == asked.to_phone_flow()
    assert stage.last_asked_of_phone().method == "MESSAGE"


def test_a_phone_that_said_goodbye_is_not_called_back(stage: Stage, asked: Phone) -> None:
    asked.says(asked.register(expires=0))
    stage.accept(expires=0)
    before = len(stage.to_phone)
    stage.play(FlowClosed(asked.protected_flow()))
    assert len(stage.to_phone) == before
    assert stage.last_answer_to_core().status == 480


def test_a_phone_in_clear_is_not_called_back() -> None:
    stage = Stage(sec_agree=SecAgree.PREFER)
    phone = Phone(stage, security_client="", transport=Transport.TCP)
    phone.says_in_clear(phone.register())
    stage.accept()
    stage.core_asks(stage.edge._context.registry.of_user(phone.impi)[0].token)
    assert (stage.to_phone[-1].flow, stage.to_phone[-1].connect) == (phone.clear_flow(), False)
    # Not even if it has SAs by then: the request's Via names the unprotected port.
    phone.security_client = None
    phone.registered()
    before = len(stage.to_phone)
    stage.play(FlowClosed(phone.clear_flow()))
    assert len(stage.to_phone) == before
    assert stage.last_answer_to_core().status == 480


def test_silence_is_408_and_a_refused_connection_480(stage: Stage, phone: Phone) -> None:
    token = stage.token()
    stage.core_asks(token)
    stage.wait(129)
    assert stage.last_answer_to_core().status == 408
    stage.core_asks(token)
    stage.send_fails(stage.to_phone[-1])
    assert stage.last_answer_to_core().status == 480


@pytest.mark.parametrize(
    ("route", "status"),
    [
        (f"<sip:nobody@{CORE_SIDE};lr>", 404),
        (f"<sip:{CORE_SIDE};lr>", 404),
        ("<sip:t@203.0.113.66;lr>", 404),
        ("broken<", 400),
        ("<tel:+1>", 400),
    ],
)
def test_a_route_that_is_no_path_of_ours_reaches_nobody(
    stage: Stage, route: str, status: int
) -> None:
    head = [
        "MESSAGE sip:x@y SIP/2.0",
        "Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKa",
        f"Route: {route}",
        "From: <sip:a@b>;tag=1",
        "To: <sip:x@y>",
        "Call-ID: 1",
        "CSeq: 1 MESSAGE",
    ]
    stage.receive(FROM_CORE, ("\r\n".join(head) + "\r\n\r\n").encode())
    assert stage.last_answer_to_core().status == status


def test_the_token_is_nothing_to_guess_from(stage: Stage, phone: Phone) -> None:
    token = stage.token()
    for guess in (token[:-1], token.upper() + "x", ""):
        stage.core_asks(guess or "x")
        assert stage.last_answer_to_core().status == 404


def test_options_asks_whether_we_live(stage: Stage) -> None:
    head = [
        "OPTIONS sip:203.0.113.5 SIP/2.0",
        "Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKb",
        "From: <sip:a@b>;tag=1",
        "To: <sip:x@y>",
        "Call-ID: 1",
        "CSeq: 1 OPTIONS",
    ]
    stage.receive(FROM_CORE, ("\r\n".join(head) + "\r\n\r\n").encode())
    assert stage.last_answer_to_core().status == 200


# --- who may answer ---


def test_only_the_phone_that_was_asked_may_answer(stage: Stage, phone: Phone) -> None:
    """Neither another user's SA, nor a stranger in clear, nor the core."""
    other = Phone(
        stage, impi="b@x", impu="sip:b@x", port_uc=50001, port_us=50002, spi_uc=900, spi_us=901
    )
    token = stage.token()
    other.registered()
    stage.core_asks(token)
    data = phone.answers(stage.last_asked_of_phone(), 200)
    before = len(stage.to_core)
    other.says(data)
    other.says_in_clear(data)
    stage.receive(FROM_CORE, data)
    assert len(stage.to_core) == before
    phone.says(data)
    assert stage.last_answer_to_core().status == 200


def test_a_set_that_is_not_confirmed_brings_no_answers(stage: Stage, phone: Phone) -> None:
    stage.core_asks(stage.token())
    data = phone.answers(stage.last_asked_of_phone(), 200)
    phone.new_numbers(restart=True)
    phone.challenged()
    before = len(stage.to_core)
    phone.says(data)
    assert len(stage.to_core) == before


def test_an_answer_may_come_from_the_server_port_to_our_client_port(
    stage: Stage, phone: Phone
) -> None:
    stage.core_asks(stage.token())
    stage.receive(phone.to_phone_flow(), phone.answers(stage.last_asked_of_phone(), 200))
    assert stage.last_answer_to_core().status == 200


def test_an_answer_to_another_method_is_none(stage: Stage, phone: Phone) -> None:
    stage.core_asks(stage.token())
    request = stage.last_asked_of_phone()
    request.set("cseq", "1 BYE")
    before = len(stage.to_core)
    phone.says(phone.answers(request, 200))
    assert len(stage.to_core) == before


def test_the_request_uri_is_the_cores(stage: Stage, phone: Phone) -> None:
    stage.core_asks(stage.token(), uri=IMPU)
    request = parse(stage.to_phone[-1].data)
    assert stage.last_asked_of_phone().uri == IMPU
    assert request.get("max-forwards") == "59"


# --- a phone that has dropped its old SAs before it used the new ones ---


def test_a_copy_goes_under_the_new_set(stage: Stage, phone: Phone) -> None:
    """TS 33.203 7.4 has us send under the old one until the phone uses the new one."""
    token = stage.token()
    old = phone.to_phone_flow()
    phone.reregistered()
    stage.core_asks(token)
    first = stage.to_phone[-1]
    assert first.flow == old
    stage.wait(2)
    again = stage.to_phone[-1]
    assert again.flow == phone.to_phone_flow() != old
    assert again.data == first.data
    phone.says(phone.answers(stage.last_asked_of_phone(), 200))
    assert stage.last_answer_to_core().status == 200
    stage.wait(60)
    assert stage.to_phone[-1] == again


def test_a_connection_that_is_refused_under_the_old_set_is_tried_under_the_new_one(
    stage: Stage,
) -> None:
    phone = Phone(stage, transport=Transport.TCP)
    phone.registered()
    token = stage.token()
    old = phone.to_phone_flow()
    own = phone.reregistered()
    for flow in (own, phone.protected_flow()):
        stage.play(FlowClosed(flow))
    stage.core_asks(token)
    assert stage.to_phone[-1].flow == old
    stage.send_fails(stage.to_phone[-1], "no answer to the connection request")
    assert stage.to_phone[-1].flow == phone.to_phone_flow()
    stage.send_fails(stage.to_phone[-1], "no answer to the connection request")
    assert stage.last_answer_to_core().status == 480
