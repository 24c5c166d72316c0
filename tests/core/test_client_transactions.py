"""Requests that we sent: again, in time, or not at all."""

import pytest

from pcscf.core.client_transactions import ClientTransaction
from pcscf.core.events import FlowClosed
from pcscf.core.flow import Transport
from pcscf.core.machines import State
from pcscf.core.policy import NextHop
from tests.core.phone import Phone
from tests.core.stage import S_CSCF, Stage

T, P, C, X = State.TRYING, State.PROCEEDING, State.COMPLETED, State.TERMINATED


def registered(transport: Transport = Transport.UDP) -> tuple[Stage, Phone, str]:
    """A phone, and its Path token; the transactions of its registration are over."""
    stage = Stage()
    phone = Phone(stage, transport=transport)
    phone.registered(expires=600_000)
    token = stage.token()
    stage.wait(200)
    assert "transactions" not in stage.left_over()
    return stage, phone, token


def one_client(stage: Stage) -> ClientTransaction:
    (client,) = stage.edge._wire.clients._by_ref.values()
    return client


# --- client: a request to the core, RFC 3261 figure 6 ---


def asked_core(state: State) -> tuple[Stage, Phone]:
    stage, phone, _ = registered()
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    if state is P:
        stage.core_says(stage.last_to_core(), 100)
    if state is C:
        stage.core_says(stage.last_to_core(), 200)
    assert one_client(stage).state is state
    return stage, phone


@pytest.mark.parametrize("state", [T, P])
def test_a_request_without_an_answer_is_sent_again_until_timer_f(state: State) -> None:
    stage, _ = asked_core(state)
    stage.wait(31.9)
    copies = {effect.data for effect in stage.to_core if b"MESSAGE sip:" in effect.data}
    assert len(copies) == 1
    sent = sum(effect.data in copies for effect in stage.to_core)
    # 0.5, 1, 2, 4, 4 ...; behind a 1xx the first is under way, then every 4
    assert sent == {T: 11, P: 9}[state]
    assert stage.to_phone[-1].data.startswith(b"SIP/2.0 2")
    stage.wait(0.2)
    assert stage.last_to_phone().status == 504


@pytest.mark.parametrize("status", [180, 200, 404])
@pytest.mark.parametrize("state", [T, P])
def test_a_response_goes_on(state: State, status: int) -> None:
    stage, _ = asked_core(state)
    stage.core_says(stage.last_to_core(), status)
    assert stage.last_to_phone().status == status
    assert one_client(stage).state is (P if status < 200 else C)


@pytest.mark.parametrize("state", [T, P])
def test_a_request_that_does_not_leave_is_given_up(state: State) -> None:
    stage, _ = asked_core(state)
    stage.send_fails(stage.to_core[-1])
    assert stage.last_to_phone().status == 504
    assert not stage.edge._wire.clients._by_ref


@pytest.mark.parametrize("status", [180, 200, 404])
def test_late_responses_are_absorbed(status: int) -> None:
    stage, _ = asked_core(C)
    before = len(stage.to_phone)
    stage.core_says(stage.last_to_core(), status)
    stage.send_fails(stage.to_core[-1])
    assert len(stage.to_phone) == before
    assert one_client(stage).state is C


def test_late_responses_do_not_hold_the_transaction() -> None:
    stage, _ = asked_core(C)
    for _ in range(6):
        stage.wait(1)
        stage.core_says(stage.last_to_core(), 100)
    assert not stage.edge._wire.clients._by_ref


def test_provisional_responses_do_not_move_timer_f() -> None:
    """RFC 3261 17.1.2.2."""
    stage, _ = asked_core(T)
    for _ in range(33):
        stage.core_says(stage.last_to_core(), 100)
        stage.wait(1)
    assert stage.last_to_phone().status == 504


def test_timer_k_ends_it() -> None:
    stage, _ = asked_core(C)
    stage.wait(4.9)
    assert stage.edge._wire.clients._by_ref
    stage.wait(0.2)
    assert not stage.edge._wire.clients._by_ref


def test_nothing_is_sent_again_over_tcp() -> None:
    stage = Stage(next_hops=(NextHop(Transport.TCP, S_CSCF),))
    phone = Phone(stage)
    phone.says_in_clear(phone.register())
    stage.wait(31)
    assert len(stage.to_core) == 1
    assert stage.to_core[0].connect
    stage.wait(2)
    assert stage.last_to_phone().status == 504


def test_responses_match_by_branch_method_and_side() -> None:
    """RFC 3261 17.1.3."""
    stage, phone = asked_core(T)
    request = stage.last_to_core()
    before = len(stage.to_phone)
    other = request.copy()
    other.set("cseq", "1 INFO")
    stage.core_says(other, 200)
    other = request.copy()
    other.pop_element("via")
    stage.core_says(other, 200)
    for flow in (phone.clear_flow(), phone.protected_flow()):
        stage.receive(flow, phone.answers(request, 200))
    assert len(stage.to_phone) == before
    assert one_client(stage).state is T


# --- client: a request to a phone ---


def test_gm_has_its_own_timers() -> None:
    """TS 24.229 7.7: T1 2 s, T2 16 s."""
    stage, _, token = registered()
    stage.core_asks(token)
    asked = stage.to_phone[-1].data
    stage.wait(127)
    assert sum(effect.data == asked for effect in stage.to_phone) == 1 + 10
    stage.wait(2)
    assert stage.last_answer_to_core().status == 408
    stage.wait(40)
    assert "transactions" not in stage.left_over()


@pytest.mark.parametrize(("state", "left"), [(T, X), (P, P), (C, C)])
def test_the_end_of_a_connection_counts_before_a_response(state: State, left: State) -> None:
    """Behind a 1xx the request has arrived; its answer may come over another connection."""
    stage, phone, token = registered(Transport.TCP)
    stage.play(FlowClosed(phone.protected_flow()))
    stage.core_asks(token)
    client = one_client(stage)
    if state is not T:
        phone.says(phone.answers(stage.last_asked_of_phone(), 180 if state is P else 200))
    stage.play(FlowClosed(phone.to_phone_flow()))
    assert client.state is left
    stage.wait(129)
    assert stage.last_answer_to_core().status == {T: 480, P: 408, C: 200}[state]
    assert "asked on connections" not in stage.left_over()


def test_a_request_is_not_sent_again_under_sas_that_are_gone() -> None:
    """Another user may have the numbers by then."""
    stage, phone, token = registered()
    stage.core_asks(token)
    asked = stage.to_phone[-1].data
    phone.says(phone.register(expires=0))
    stage.accept(expires=0)
    stage.wait(stage.policy.sa_linger)
    assert not stage.kernel
    sent = sum(effect.data == asked for effect in stage.to_phone)
    stage.wait(20)
    assert sum(effect.data == asked for effect in stage.to_phone) == sent
    assert stage.last_answer_to_core().status == 480


def test_one_phones_1xx_do_not_hold_a_request_for_ever() -> None:
    stage, phone, token = registered()
    stage.core_asks(token)
    asked = stage.last_asked_of_phone()
    for _ in range(13):
        stage.wait(10)
        phone.says(phone.answers(asked, 183))
    assert stage.last_answer_to_core().status == 408
