"""Which messages of a registration's and a call's life belong to whom."""

import pytest

from pcscf.mirror import watched
from tests.core.call import IncomingCall, OutgoingCall
from tests.core.phone import Phone
from tests.core.stage import FROM_CORE, IMPI, IMPU, REALM, S_CSCF, UE
from tests.mirror.tapped import TappedStage, brief

TEL = "tel:+491701234567"  # which the core associates with whoever registers
OTHER = f"001010999999999@{REALM}"


def other(stage: TappedStage) -> Phone:
    return Phone(
        stage, host="192.0.2.77", impi=OTHER, impu=f"sip:{OTHER}", call_id="other",
        spi_uc=70_001, spi_us=70_002, port_uc=50_001, port_us=50_002,
    )  # fmt: skip


def incoming(stage: TappedStage, phone: Phone) -> IncomingCall:
    registration = next(one for one in stage.edge._context.registry.all() if one.impi == phone.impi)
    return IncomingCall(stage, phone, registration.token)


@pytest.mark.parametrize("who", [IMPU, IMPI, UE, f"[{UE}]"])
def test_a_phone_that_registers_and_is_called_is_seen_from_the_first_message_on(who: str) -> None:
    stage = TappedStage()
    trace, everything = stage.trace(who), stage.trace()
    phone = Phone(stage)
    phone.registered()
    call = incoming(stage, phone)
    call.begins()
    call.phone_says(200)
    assert brief(trace) == (seen := brief(everything))
    assert len(seen) == 8 + 5
    assert seen[8].startswith("INVITE ")
    assert f" {S_CSCF}>" in seen[8]


@pytest.mark.parametrize("who", [IMPU, IMPI, UE, TEL, f"sip:{IMPI}"])
def test_of_a_phone_that_was_there_before_likewise(who: str) -> None:
    stage = TappedStage()
    phone = Phone(stage)
    phone.registered()
    trace, everything = stage.trace(who), stage.trace()
    incoming(stage, phone).begins()
    call = OutgoingCall(stage, phone)
    call.begins()
    call.core_says(486)
    assert brief(trace) == brief(everything) != []


def test_another_identity_of_a_phone_is_known_once_the_core_has_named_it() -> None:
    stage = TappedStage()
    trace, everything = stage.trace(TEL), stage.trace()
    phone = Phone(stage)
    phone.registered()
    incoming(stage, phone).begins()
    assert brief(trace) == brief(everything)[6:]  # from the 200 on, in which it is


@pytest.mark.parametrize("who", [IMPU, IMPI, UE])
def test_nothing_of_another_phone(who: str) -> None:
    stage = TappedStage()
    Phone(stage).registered()
    stranger = other(stage)
    stranger.registered()
    trace = stage.trace(who)
    incoming(stage, stranger).begins()
    call = OutgoingCall(stage, stranger)
    call.begins()
    call.core_says(486)
    assert brief(trace) == []


def test_an_address_that_passed_to_another_phone_shows_that_phone_alone() -> None:
    stage = TappedStage()
    phone = Phone(stage)
    phone.registered()
    trace = stage.trace(IMPU)
    stage.receive(phone.protected_flow(), phone.register(expires=0, nonce="x", response="1"))
    stage.accept(expires=0)
    stage.wait(60)
    successor = Phone(
        stage, impi=OTHER, impu=f"sip:{OTHER}", call_id="next", port_uc=50_001, port_us=50_002
    )
    before = len(trace._queue)
    successor.challenged()
    stage.receive(successor.protected_flow(), successor.answer())
    assert len(trace._queue) == before


@pytest.mark.parametrize("method", ["NOTIFY", "REGISTER"])
def test_what_goes_with_a_phone_is_seen_anew_when_it_may_have_changed(method: str) -> None:
    stage = TappedStage()
    phone = Phone(stage)
    phone.registered()
    trace = stage.trace(IMPU)
    (registration,) = stage.edge._context.registry.all()
    stage.edge._confirmations.drop(registration, "deregistered")
    anything = b"OPTIONS sip:x SIP/2.0\r\n\r\n"
    trace.seen(phone.clear_flow(), anything, sent=False)
    assert len(trace._queue) == 1  # nobody has told yet
    request = phone.message(method, f"sip:{IMPI}")
    answer = b"SIP/2.0 200 OK" + request[request.index(b"\r\n") :]
    trace.seen(FROM_CORE, request, sent=False)
    trace.seen(FROM_CORE, answer, sent=True)
    trace.seen(phone.clear_flow(), anything, sent=False)
    assert len(trace._queue) == 3


def test_an_identity_that_a_phone_has_lost_leads_to_it_no_more() -> None:
    stage = TappedStage()
    phone = Phone(stage)
    phone.registered()
    trace = stage.trace(TEL)
    phone.rechallenged()
    stage.receive(phone.protected_flow(), phone.answer())
    contact = stage.last_to_core().contacts[0].uri
    stage.core_says(stage.last_to_core(), 200, f"Contact: <{contact}>;expires=600")
    before = len(trace._queue)
    assert before
    phone.says(phone.message("MESSAGE", "sip:b@example.net").replace(b"call-1", b"call-2"))
    assert len(trace._queue) == before


def test_calls_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "_CALLS", 2)
    stage = TappedStage()
    trace = stage.trace(UE)
    mine, core = Phone(stage).clear_flow(), FROM_CORE
    for call in ("a", "b", "a", "c"):  # "b" is the one used longest ago
        trace.seen(mine, f"OPTIONS sip:x SIP/2.0\r\nCall-ID: {call}\r\n\r\n".encode(), sent=False)
    before = len(trace._queue)
    for call in ("b", "a", "c"):
        trace.seen(core, f"SIP/2.0 200 OK\r\ni: {call}\r\n\r\n".encode(), sent=False)
    assert len(trace._queue) == before + 2
    trace.seen(mine, b"OPTIONS sip:x SIP/2.0\r\n\r\n", sent=False)  # without any Call-ID
    assert len(trace._queue) == before + 3


def invite(contact: str) -> bytes:
    return f"INVITE {contact} SIP/2.0\r\nTo: <sip:group@example.net>\r\n\r\n".encode()


def test_a_public_identity_may_be_written_without_its_scheme() -> None:
    stage = TappedStage()
    Phone(stage, impu="sip:alice@home.example").registered()
    trace = stage.trace("alice@home.example")
    trace.seen(FROM_CORE, invite(f"sip:ue@{UE}:40002"), sent=False)
    assert len(trace._queue) == 1


def test_a_trace_of_an_address_is_not_about_the_users_other_phone() -> None:
    stage = TappedStage()
    Phone(stage).registered()
    second = other(stage)
    second.impi, second.impu = IMPI, IMPU
    second.challenged()
    second.says(second.answer())
    contacts = (f"sip:ue@{UE}:40002", f"sip:ue@{second.host}:{second.port_us}")
    listed = [f"Contact: <{contact}>;expires=600" for contact in contacts]
    stage.core_says(stage.last_to_core(), 200, *listed)
    of_address, of_user = stage.trace(UE), stage.trace(IMPU)
    for trace in (of_address, of_user):
        for contact in contacts:
            trace.seen(FROM_CORE, invite(contact), sent=False)
    assert (len(of_address._queue), len(of_user._queue)) == (1, 2)
