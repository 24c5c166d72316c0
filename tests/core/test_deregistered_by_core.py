"""The core ends or shortens a registration by reg event, as the edge plays it."""

import pytest

from pcscf.core.policy import RegEventPolicy
from pcscf.sip.message import Request
from tests.core.call import wire
from tests.core.phone import Phone
from tests.core.registrar import contact, document, of
from tests.core.stage import CORE_SIDE, FROM_CORE, IMPU, S_CSCF, Stage

LONG = 600_000


@pytest.fixture
def stage() -> Stage:
    return Stage(reg_event=RegEventPolicy(grace=5.0))


@pytest.fixture
def phone(stage: Stage) -> Phone:
    phone = Phone(stage)
    phone.registered(expires=LONG)
    return phone


def subscribed(stage: Stage) -> Request:
    """Our SUBSCRIBE, accepted."""
    request = stage.last_to_core()
    assert request.method == "SUBSCRIBE"
    stage.core_says(request, 200, f"Contact: <sip:{S_CSCF}>", "Expires: 600000")
    return request


def notify(subscribe: Request, body: bytes, *, cseq: int = 1) -> bytes:
    (ours,) = subscribe.contacts
    return wire(
        f"NOTIFY {ours.uri} SIP/2.0",
        [
            f"Via: SIP/2.0/UDP {S_CSCF};branch=z9hG4bKn{cseq}",
            f"From: {subscribe.get('to')};tag=n",
            f"To: {subscribe.get('from')}",
            f"Call-ID: {subscribe.call_id}",
            f"CSeq: {cseq} NOTIFY",
            "Event: reg",
            "Subscription-State: active;expires=1000",
            "Content-Type: application/reginfo+xml",
        ],
        body,
    )


def to_phone(token: str, phone: Phone, body: bytes) -> bytes:
    return wire(
        f"NOTIFY sip:ue@{phone.host}:{phone.port_us} SIP/2.0",
        [
            f"Via: SIP/2.0/UDP {S_CSCF};branch=z9hG4bKphone",
            f"Route: <sip:{token}@{CORE_SIDE};lr>",
            f"From: <{IMPU}>;tag=r",
            f"To: <{IMPU}>;tag=u",
            "Call-ID: own-subscription",
            "CSeq: 9 NOTIFY",
            "Event: reg",
            "Subscription-State: terminated",
            "Content-Type: application/reginfo+xml",
        ],
        body,
    )


def ended(phone: Phone) -> bytes:
    uri = f"sip:ue@{phone.host}:{phone.port_us}"
    return document(of(IMPU, contact(uri=uri), state="active"))


def token_of(stage: Stage, phone: Phone) -> str:
    return stage.edge._context.registry.of_user(phone.impi)[0].token


def test_it_subscribes_once_the_phone_has_its_200(stage: Stage, phone: Phone) -> None:
    """TS 24.229 5.2.3."""
    kinds = [effect.data[:9] for effect in stage.log if hasattr(effect, "data")]
    assert kinds[-2:] == [b"SIP/2.0 2", b"SUBSCRIBE"]
    request = subscribed(stage)
    assert request.get("event") == "reg"
    phone.reregistered()
    stage.wait(100)
    assert sum(effect.data.startswith(b"SUBSCRIBE") for effect in stage.to_core) == 1


def test_the_sas_wait_for_the_phones_own_notify(stage: Stage, phone: Phone) -> None:
    subscribe = subscribed(stage)
    token = token_of(stage, phone)
    stage.receive(FROM_CORE, notify(subscribe, ended(phone)))
    assert stage.last_answer_to_core().status == 200
    assert stage.kernel
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_phone().status == 403
    stage.core_asks(token)
    assert stage.last_answer_to_core().status == 480
    stage.receive(FROM_CORE, to_phone(token, phone, ended(phone)))
    asked = stage.last_asked_of_phone()
    assert asked.method == "NOTIFY"
    phone.says(phone.answers(asked, 200))
    assert stage.last_answer_to_core().status == 200
    assert not stage.kernel
    stage.wait(300)
    assert stage.left_over() == {}


def test_without_it_they_go_after_a_while(stage: Stage, phone: Phone) -> None:
    subscribe = subscribed(stage)
    stage.receive(FROM_CORE, notify(subscribe, ended(phone)))
    stage.wait(4.9)
    assert stage.kernel
    stage.wait(0.2)
    assert not stage.kernel
    stage.wait(300)
    assert stage.left_over() == {}


def test_shortened_shortens(stage: Stage, phone: Phone) -> None:
    """RFC 3680: the phone is to be authenticated anew."""
    subscribe = subscribed(stage)
    uri = f"sip:ue@{phone.host}:{phone.port_us}"
    body = document(of(IMPU, contact("active", "shortened", uri, 'expires="60"')))
    stage.receive(FROM_CORE, notify(subscribe, body))
    stage.wait(59)
    stage.core_asks(token_of(stage, phone))
    assert stage.last_asked_of_phone().method == "MESSAGE"
    stage.wait(2)
    stage.core_asks(token_of(stage, phone))
    assert stage.last_answer_to_core().status == 480


def test_a_notify_of_nobodys_subscription(stage: Stage, phone: Phone) -> None:
    subscribe = subscribed(stage)
    data = notify(subscribe, ended(phone)).replace(subscribe.call_id.encode(), b"guessed", 1)
    stage.receive(FROM_CORE, data)
    assert stage.last_answer_to_core().status == 481
    assert stage.left_over()["registrations"] == 1


def test_the_phones_deregistration_ends_it(stage: Stage, phone: Phone) -> None:
    subscribe = subscribed(stage)
    phone.says(phone.register(expires=0))
    stage.accept(expires=0)
    assert "subscriptions" not in stage.left_over()
    stage.receive(FROM_CORE, notify(subscribe, ended(phone)))
    assert stage.last_answer_to_core().status == 481
    stage.wait(300)
    assert stage.left_over() == {}
