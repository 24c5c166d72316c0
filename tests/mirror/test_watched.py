"""Which messages of a registration's and a call's life belong to whom."""

import pytest

from pcscf.core.policy import RegEventPolicy
from pcscf.core.views import UeView
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


def test_what_the_core_takes_away_is_looked_up_as_well(monkeypatch) -> None:
    stage = TappedStage(reg_event=RegEventPolicy(enabled=True))
    phone = Phone(stage)
    phone.registered()
    trace = stage.trace(UE)
    looks: list[int] = []
    views = stage.edge.views
    find = views.ues_at

    def counting(address: str, now: float) -> list[UeView]:
        looks.append(1)
        return find(address, now)

    monkeypatch.setattr(views, "ues_at", counting)
    notify = phone.message("NOTIFY", f"sip:{IMPI}", "Event: reg", "Subscription-State: active")
    trace.seen(FROM_CORE, notify, sent=False)
    answer = b"SIP/2.0 200 OK\r\n" + b"\r\n".join(notify.split(b"\r\n")[1:])
    trace.seen(FROM_CORE, answer, sent=True)
    assert looks == []
    trace.seen(FROM_CORE, notify, sent=False)
    assert looks == [1]
    trace.seen(FROM_CORE, answer, sent=True)
    trace.seen(FROM_CORE, notify, sent=False)
    assert looks == [1]  # no second one within a second
    stage.now += 1
    trace.seen(FROM_CORE, notify, sent=False)
    assert looks == [1, 1]


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
