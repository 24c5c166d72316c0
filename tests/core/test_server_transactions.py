"""Requests that come again, and what is held for them."""

import pytest

from pcscf.core.events import DeadlineReached
from pcscf.core.flow import Side, Transport
from pcscf.core.machines import State
from pcscf.core.server_transactions import ServerTransaction
from tests.core.phone import Phone
from tests.core.stage import FROM_CORE, Stage
from tests.core.test_client_transactions import registered

T, P, C = State.TRYING, State.PROCEEDING, State.COMPLETED


def one_server(stage: Stage) -> ServerTransaction:
    (server,) = stage.edge._wire.servers._by_key.values()
    return server


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
    assert not stage.edge._wire.servers._by_key


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
    assert stage.left_over()["transactions"] == 6  # the last one in made two


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
