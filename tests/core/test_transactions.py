"""Every pair of state and input of both tables, played through the edge."""

import pytest

from pcscf.core.events import DeadlineReached, FlowClosed
from pcscf.core.flow import Side, Transport
from pcscf.core.policy import NextHop
from pcscf.core.transactions import (
    CLIENT,
    SERVER,
    ClientTransaction,
    Input,
    ServerTransaction,
    State,
)
from tests.core.phone import Phone
from tests.core.stage import FROM_CORE, S_CSCF, Stage

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
    (client,) = stage.edge._wire.transactions._clients.values()
    return client


def one_server(stage: Stage) -> ServerTransaction:
    (server,) = stage.edge._wire.transactions._servers.values()
    return server


# --- the tables ---


def test_the_tables_leave_no_way_out_of_the_end() -> None:
    for table in (CLIENT, SERVER):
        assert not any(state is X for state, _ in table)


@pytest.mark.parametrize("state", [T, P, C])
@pytest.mark.parametrize("given", list(Input))
def test_no_input_leads_backwards(state: State, given: Input) -> None:
    order = [T, P, C, X]
    for table in (CLIENT, SERVER):
        if (state, given) in table:
            assert order.index(table[state, given][0]) >= order.index(state)


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
    assert not stage.edge._wire.transactions._clients


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
    assert not stage.edge._wire.transactions._clients


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
    assert stage.edge._wire.transactions._clients
    stage.wait(0.2)
    assert not stage.edge._wire.transactions._clients


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


# --- server, RFC 3261 figure 8 ---


def asked_by_phone(
    state: State, transport: Transport = Transport.UDP
) -> tuple[Stage, Phone, bytes]:
    stage, phone, _ = registered(transport)
    message = phone.message("MESSAGE", "sip:b@example.net")
    phone.says(message)
    if state is P:
        stage.core_says(stage.last_to_core(), 180)
    if state is C:
        stage.core_says(stage.last_to_core(), 200)
    assert one_server(stage).state is state
    return stage, phone, message


@pytest.mark.parametrize(("state", "again"), [(T, 0), (P, 1), (C, 1)])
def test_a_retransmission_gets_the_last_answer_and_goes_no_further(
    state: State, again: int
) -> None:
    stage, phone, message = asked_by_phone(state)
    to_core, to_phone = len(stage.to_core), len(stage.to_phone)
    phone.says(message)
    assert len(stage.to_core) == to_core
    assert len(stage.to_phone) == to_phone + again
    assert stage.to_phone[-1] == stage.to_phone[to_phone - 1]


def test_provisional_then_final() -> None:
    stage, _, _ = asked_by_phone(P)
    stage.core_says(stage.last_to_core(), 183)
    assert stage.last_to_phone().status == 183
    stage.core_says(stage.last_to_core(), 200)
    assert stage.last_to_phone().status == 200


def test_timer_j_ends_it() -> None:
    stage, phone, message = asked_by_phone(C)
    stage.wait(127)
    phone.says(message)
    assert len(stage.to_core) == 3
    stage.wait(2)
    assert "transactions" not in stage.left_over()
    phone.says(message)
    assert len(stage.to_core) == 4


def test_over_tcp_it_ends_at_once() -> None:
    stage, _, _ = asked_by_phone(C, Transport.TCP)
    stage.wait(0)
    assert not stage.edge._wire.transactions._servers


def test_a_second_final_answer_replaces_one_that_never_left() -> None:
    """A refused install: the 401 is dropped, the 500 goes, and goes again."""
    stage = Stage()
    stage.refuse_install = "no such algorithm"
    phone = Phone(stage)
    register = phone.register()
    phone.says_in_clear(register)
    stage.challenge()
    phone.says_in_clear(register)
    assert [effect.data[:11] for effect in stage.to_phone] == [b"SIP/2.0 500"] * 2


# --- matching requests, RFC 3261 17.2.3 ---


def test_one_branch_under_two_sets_is_two_transactions() -> None:
    """A neighbour at the same address cannot have a phone's request taken for a copy."""
    stage = Stage()
    victim = Phone(stage)
    other = Phone(
        stage,
        impi="other@example.net",
        impu="sip:other@example.net",
        port_uc=50001,
        port_us=50002,
        spi_uc=9001,
        spi_us=9002,
        call_id="call-2",
    )
    victim.registered()
    other.registered()
    branch = "z9hG4bKguessed"
    for phone in (other, victim):
        phone.port_us = 40002  # in Via
        phone.says(phone.message("MESSAGE", "sip:b@example.net", branch=branch))
    assert [effect.data[:7] for effect in stage.to_core[-2:]] == [b"MESSAGE"] * 2


def test_method_and_sent_by_tell_transactions_apart() -> None:
    stage = Stage()
    phone = Phone(stage)
    phone.registered()
    before = len(stage.to_core)
    for method in ("MESSAGE", "INFO", "MESSAGE"):
        phone.says(phone.message(method, "sip:b@example.net", branch="z9hG4bKsame"))
    assert len(stage.to_core) == before + 2


@pytest.mark.parametrize("branch", ["1", "anything"])
def test_requests_without_the_cookie_are_compared_by_what_they_are(branch: str) -> None:
    """RFC 2543 peers."""
    stage = Stage()
    phone = Phone(stage)
    register = phone.register(branch=branch)
    for _ in range(2):
        phone.says_in_clear(register)
    assert len(stage.to_core) == 1
    phone.says_in_clear(phone.register(branch=branch))
    assert len(stage.to_core) == 2


# --- bounds ---


def test_no_more_transactions_than_allowed() -> None:
    stage = Stage(max_transactions=5)
    phone = Phone(stage)
    phone.registered(expires=600_000)
    stage.wait(200)
    for _ in range(4):
        phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_phone().status == 503
    assert len(stage.edge._wire.transactions) == 6  # the last one in made two


def test_strangers_cannot_take_what_phones_with_sas_need() -> None:
    stage = Stage(max_transactions=8)
    phone = Phone(stage)
    phone.registered(expires=600_000)
    stage.wait(200)
    for number in range(5):
        stranger = Phone(stage, host=f"192.0.2.{100 + number}", impi=f"{number}@x")
        stranger.says_in_clear(stranger.register())
    assert stage.last_to_phone().status == 503
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_core().method == "MESSAGE"


@pytest.mark.parametrize("method", ["MESSAGE", "INVITE", "CANCEL", "REGISTER"])
def test_what_is_refused_in_clear_is_not_remembered(method: str) -> None:
    """A flood of it would keep everybody else out for as long as timer J."""
    stage = Stage()
    phone = Phone(stage, security_client="")
    for uri in ("sip:b@example.net", "urn:service:sos"):
        phone.says_in_clear(phone.message(method, uri, f"Contact: <sip:ue@{phone.host}>"))
        assert stage.last_to_phone().status >= 300
        assert stage.left_over() == {}


def test_a_retransmission_is_no_new_transaction_however_full_it_is() -> None:
    stage = Stage(max_transactions=4)
    phone = Phone(stage)
    first = phone.register()
    phone.says_in_clear(first)
    phone.says_in_clear(phone.register())
    assert stage.last_to_phone().status == 503
    before = len(stage.to_phone)
    phone.says_in_clear(first)
    assert len(stage.to_phone) == before


def test_a_flood_in_clear_leaves_nothing_behind() -> None:
    stage = Stage(max_transactions=50)
    for number in range(60):
        phone = Phone(stage, host=f"192.0.2.{number}", impi=f"{number}@example.net")
        phone.says_in_clear(phone.register())
    assert stage.last_to_phone().status == 503
    stage.wait(600)
    assert stage.left_over() == {}


def test_the_side_of_a_transaction_is_part_of_it() -> None:
    stage = Stage()
    phone = Phone(stage)
    phone.registered()
    message = phone.message("MESSAGE", "sip:b@example.net")
    phone.says(message)
    before = len(stage.to_core)
    stage.receive(FROM_CORE, message)
    assert stage.to_core[before].flow.side is Side.CORE
    assert stage.last_answer_to_core().status == 404


def test_an_answered_request_is_let_go_of_and_its_copies_are_answered_still() -> None:
    """Over UDP a transaction outlives its answer by minutes, and requests are large."""
    stage = Stage()
    phone = Phone(stage)
    request = phone.register()
    phone.says_in_clear(request)
    assert one_server(stage).request.method == "REGISTER"
    stage.challenge()
    stage.wait(1)
    stage.play(DeadlineReached())
    assert not hasattr(one_server(stage), "request")
    before = stage.to_phone[-1]
    phone.says_in_clear(request)
    assert stage.to_phone[-1] is before
    assert len(stage.to_phone) == 2
