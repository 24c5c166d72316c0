"""When dialogs begin and end; ``test_calls`` has what passes within them."""

import pytest

from pcscf.core.dialogs import is_last, key_of
from pcscf.sip.message import Request, parse
from tests.core.call import S_CSCF_ROUTE, IncomingCall, OutgoingCall
from tests.core.phone import Phone
from tests.core.stage import FROM_CORE, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def phone(stage: Stage) -> Phone:
    phone = Phone(stage)
    phone.registered(expires=600_000)
    return phone


def held(stage: Stage) -> int:
    return stage.left_over().get("dialogs", 0)


def parsed(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def test_a_dialog_has_one_name_whoever_asks(stage: Stage, phone: Phone) -> None:
    call = OutgoingCall(stage, phone)
    from_phone = parsed(call.within("INFO"))
    from_core = parsed(call.from_core("INFO", token="t"))
    assert key_of(from_phone, by_phone=True) == key_of(from_core, by_phone=False)
    assert key_of(from_phone, by_phone=True) != key_of(from_phone, by_phone=False)


@pytest.mark.parametrize(("method", "dialogs"), [("SUBSCRIBE", 1), ("REFER", 1), ("MESSAGE", 0)])
def test_which_methods_begin_one(stage: Stage, phone: Phone, method: str, dialogs: int) -> None:
    call = OutgoingCall(stage, phone)
    call.begins(method=method)
    assert ("record-route" in call.invite) is bool(dialogs)
    call.core_says(202)
    assert held(stage) == dialogs


def test_a_refused_request_begins_none(stage: Stage, phone: Phone) -> None:
    call = OutgoingCall(stage, phone)
    call.begins(method="SUBSCRIBE")
    call.core_says(489)
    assert held(stage) == 0


def test_a_subscription_of_the_phone_ends_with_the_last_notify(stage: Stage, phone: Phone) -> None:
    token = stage.token()
    call = OutgoingCall(stage, phone)
    call.begins(method="SUBSCRIBE")
    call.core_says(200)
    for state, left in (("active;expires=100", 1), ("Terminated ;reason=timeout", 0)):
        line = f"Subscription-State: {state}"
        data = call.from_core("NOTIFY", line, token=token).replace(b"NOTIFY1", state[:2].encode())
        stage.receive(FROM_CORE, data)
        notify = stage.last_asked_of_phone()
        assert notify.method == "NOTIFY"
        phone.says(phone.answers(notify, 200))
        assert held(stage) == left


def test_a_notify_may_be_ahead_of_the_200(stage: Stage, phone: Phone) -> None:
    """RFC 6665 4.1.2.4: it begins the dialog."""
    token = stage.token()
    call = OutgoingCall(stage, phone)
    call.begins(method="SUBSCRIBE")
    notify = call.from_core("NOTIFY", f"Record-Route: {S_CSCF_ROUTE}", token=token)
    stage.receive(FROM_CORE, notify)
    phone.says(phone.answers(stage.last_asked_of_phone(), 200))
    assert held(stage) == 1
    call.core_says(200)
    assert held(stage) == 1
    call.says(call.within("SUBSCRIBE"))
    assert stage.last_to_core().elements("route") == [S_CSCF_ROUTE]


@pytest.mark.parametrize(("status", "left"), [(200, 1), (491, 1), (481, 0), (408, 0)])
def test_a_dialog_that_is_gone_elsewhere_is_gone(
    stage: Stage, phone: Phone, status: int, left: int
) -> None:
    """RFC 3261 12.2.1.2."""
    call = OutgoingCall(stage, phone)
    call.begins()
    call.core_says(200)
    call.says(call.within("INFO"))
    stage.core_says(stage.last_to_core(), status)
    assert held(stage) == left


def test_without_a_route_set_requests_follow_the_contact(stage: Stage, phone: Phone) -> None:
    """And a new Contact of the other side moves them: target refresh (RFC 3261 12.2)."""
    call = IncomingCall(stage, phone, stage.token())
    data = call.invite().replace(f"Record-Route: {S_CSCF_ROUTE}\r\n".encode(), b"")
    stage.receive(FROM_CORE, data)
    call.asked = stage.last_asked_of_phone()
    call.phone_says(200)
    out = OutgoingCall(stage, phone, call_id=call.call_id)

    def info() -> str:
        data = out.within("INFO", tag="a1").replace(b";tag=caller", b";tag=p1")
        out.says(data.replace(f", {S_CSCF_ROUTE}".encode(), b""))
        return str(stage.to_core[-1].flow.remote)

    assert info() == "198.51.100.99:5062"
    stage.receive(FROM_CORE, call.within("UPDATE", "Contact: <sip:b@203.0.113.44:5099>"))
    assert info() == "203.0.113.44:5099"


@pytest.mark.parametrize(
    ("state", "last"),
    [("terminated", True), ("TERMINATED;reason=x", True), ("active;expires=0", False), ("", False)],
)
def test_the_last_notify_says_so(state: str, *, last: bool) -> None:
    lines = [f"Subscription-State: {state}"] if state else ["X: y"]
    request = parsed("\r\n".join(["NOTIFY sip:x@y SIP/2.0", *lines, "", ""]).encode())
    assert is_last(request) is last
