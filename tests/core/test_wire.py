"""Answers follow the SAs, or are dropped: never in clear."""

import pytest

from pcscf.core.effects import SendSip
from pcscf.core.events import FlowClosed
from pcscf.core.flow import Endpoint, Transport
from pcscf.sip.message import parse
from tests.core.phone import Phone
from tests.core.stage import UE, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


def on_tcp(stage: Stage) -> tuple[Phone, SendSip]:
    """A request over a connection that is gone when its answer comes."""
    phone = Phone(stage, transport=Transport.TCP)
    phone.registered()
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    stage.play(FlowClosed(phone.protected_flow()))
    stage.core_says(stage.last_to_core(), 200)
    return phone, stage.to_phone[-1]


# --- under SAs ---


def test_over_udp_answers_go_from_pc_to_us_whatever_via_says(stage: Stage) -> None:
    phone = Phone(stage)
    phone.registered()
    data = phone.message("MESSAGE", "sip:b@example.net")
    phone.says(data.replace(b";branch", b";rport;maddr=192.0.2.66;branch"))
    stage.core_says(stage.last_to_core(), 200)
    assert stage.to_phone[-1].flow == phone.to_phone_flow()
    assert stage.last_to_phone().via.rport == ""


def test_over_tcp_answers_go_on_their_connection(stage: Stage) -> None:
    phone = Phone(stage, transport=Transport.TCP)
    phone.registered()
    for flow in (phone.protected_flow(), phone.to_phone_flow()):
        stage.receive(flow, phone.message("MESSAGE", "sip:b@example.net"))
        stage.core_says(stage.last_to_core(), 200)
        assert (stage.to_phone[-1].flow, stage.to_phone[-1].connect) == (flow, False)


def test_a_phone_may_use_both_transports_under_one_set(stage: Stage) -> None:
    phone = Phone(stage, transport=Transport.TCP)
    phone.registered()
    phone.transport = Transport.UDP
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    stage.core_says(stage.last_to_core(), 200)
    assert stage.to_phone[-1].flow == phone.to_phone_flow()


def test_a_connection_that_is_gone_is_replaced_by_one_from_pc_to_us(stage: Stage) -> None:
    """RFC 3261 18.2.2, under the SAs."""
    phone, sent = on_tcp(stage)
    stage.send_fails(sent, "no connection")
    again = stage.to_phone[-1]
    assert (again.flow, again.connect, again.data) == (phone.to_phone_flow(), True, sent.data)


def test_if_that_fails_too_the_answer_is_dropped(stage: Stage) -> None:
    _, sent = on_tcp(stage)
    stage.send_fails(sent)
    stage.send_fails(stage.to_phone[-1])
    before = len(stage.to_phone)
    stage.send_fails(stage.to_phone[-1])
    assert len(stage.to_phone) == before
    assert stage.reports[-1].event == "answer_dropped"


def test_without_any_set_the_answer_is_dropped(stage: Stage) -> None:
    phone = Phone(stage)
    phone.registered()
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    request = stage.last_to_core()
    phone.says(phone.register(expires=0))
    stage.accept(expires=0)
    stage.wait(31.5)
    before = len(stage.to_phone)
    stage.wait(1)
    assert not stage.kernel
    stage.core_says(request, 200)
    assert len(stage.to_phone) == before
    stage.wait(200)
    assert stage.left_over() == {}


def test_a_fin_deregisters_nobody(stage: Stage) -> None:
    phone = Phone(stage, transport=Transport.TCP)
    phone.registered()
    for flow in (phone.protected_flow(), phone.to_phone_flow(), phone.clear_flow()):
        stage.play(FlowClosed(flow))
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_core().method == "MESSAGE"


# --- in clear ---


@pytest.mark.parametrize(
    ("via", "port"),
    [
        (f"{UE}:7000", 7000),
        (f"{UE}", 5060),
        (f"{UE}:7000;rport", 6000),
        ("10.0.0.1:7000", 7000),
        ("phone.example:7000;received=192.0.2.66;maddr=192.0.2.66", 7000),
    ],
)
def test_in_clear_over_udp_the_source_address_and_the_port_in_via_count(
    stage: Stage, via: str, port: int
) -> None:
    """RFC 3261 18.2.2, RFC 3581 4."""
    phone = Phone(stage)
    flow = phone.clear_flow()._replace(remote=Endpoint(UE, 6000))
    data = phone.register().replace(
        f"{UE}:{phone.port_us};branch".encode(), f"{via};branch".encode()
    )
    stage.receive(flow, data)
    stage.challenge()
    assert stage.to_phone[-1].flow.remote == Endpoint(UE, port)


def test_in_clear_over_tcp_it_is_the_connection_or_nothing(stage: Stage) -> None:
    phone = Phone(stage, transport=Transport.TCP)
    phone.says_in_clear(phone.register())
    stage.challenge()
    sent = stage.to_phone[-1]
    assert (sent.flow, sent.connect) == (phone.clear_flow(), False)
    stage.send_fails(sent)
    assert len(stage.to_phone) == 1


@pytest.mark.parametrize("transport", list(Transport))
def test_every_request_of_ours_has_a_via_of_its_own(stage: Stage, transport: Transport) -> None:
    phone = Phone(stage, transport=transport)
    phone.registered()
    token = stage.token()
    branches = set()
    for _ in range(5):
        stage.core_asks(token)
        via = parse(stage.to_phone[-1].data).via
        assert via.transport == transport
        assert stage.to_phone[-1].ref == via.branch
        branches.add(via.branch)
    assert len(branches) == 5
