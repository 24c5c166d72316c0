"""Answers follow the SAs, or are dropped: never in clear."""

import pytest

from pcscf.core.effects import SendSip
from pcscf.core.events import FlowClosed
from pcscf.core.flow import Endpoint, Transport
from pcscf.sip.message import parse
from tests.core.call import IncomingCall
from tests.core.phone import Phone
from tests.core.stage import FROM_CORE, UE, Stage


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


# --- large requests (RFC 3261 18.1.1) ---

LARGE = f"X-Padding: {'x' * 1300}"


@pytest.fixture
def large() -> tuple[Stage, Phone, str]:
    stage = Stage()
    phone = Phone(stage)
    phone.registered(expires=600_000)
    return stage, phone, stage.token()


def test_a_large_request_to_a_phone_goes_over_tcp(large: tuple[Stage, Phone, str]) -> None:
    stage, phone, token = large
    stage.core_asks(token, LARGE)
    sent = stage.to_phone[-1]
    assert (sent.flow.transport, sent.connect) == (Transport.TCP, True)
    assert sent.flow._replace(transport=Transport.UDP) == phone.to_phone_flow()
    assert stage.last_asked_of_phone().via.transport == "TCP"
    phone.says(phone.answers(stage.last_asked_of_phone(), 200))
    assert stage.last_answer_to_core().status == 200


def test_on_the_phones_own_connection_if_it_has_one(large: tuple[Stage, Phone, str]) -> None:
    stage, phone, token = large
    own = phone.protected_flow()._replace(transport=Transport.TCP)
    stage.receive(own, phone.message("MESSAGE", "sip:b@example.net"))
    stage.core_asks(token, LARGE)
    assert (stage.to_phone[-1].flow, stage.to_phone[-1].connect) == (own, False)


def test_a_phone_that_refuses_tcp_gets_it_over_udp_and_is_remembered(
    large: tuple[Stage, Phone, str],
) -> None:
    stage, phone, token = large
    stage.core_asks(token, LARGE)
    over_tcp = stage.to_phone[-1]
    stage.send_fails(over_tcp)
    over_udp = stage.to_phone[-1]
    assert over_udp.flow == phone.to_phone_flow()
    assert stage.last_asked_of_phone().via.transport == "UDP"
    assert over_udp.ref == over_tcp.ref
    stage.wait(2.5)
    assert stage.to_phone.count(over_udp) == 2  # it is sent again as any other
    stage.core_asks(token, LARGE)
    assert stage.to_phone[-1].flow.transport is Transport.UDP


def test_the_end_of_its_own_connection_says_nothing_of_that(
    large: tuple[Stage, Phone, str],
) -> None:
    stage, phone, token = large
    own = phone.protected_flow()._replace(transport=Transport.TCP)
    stage.receive(own, phone.message("MESSAGE", "sip:b@example.net"))
    stage.core_asks(token, LARGE)
    stage.play(FlowClosed(own))
    assert stage.to_phone[-1].flow == phone.to_phone_flow()
    stage.core_asks(token, LARGE)
    assert stage.to_phone[-1].flow.transport is Transport.TCP


def way_to_core(stage: Stage) -> Transport:
    return stage.to_core[-1].flow.transport


def test_a_large_request_to_the_core_goes_over_tcp_until_it_is_refused(
    large: tuple[Stage, Phone, str],
) -> None:
    stage, phone, _ = large
    phone.says(phone.message("MESSAGE", "sip:b@example.net", LARGE))
    assert way_to_core(stage) is Transport.TCP
    assert stage.last_to_core().via.transport == "TCP"
    stage.send_fails(stage.to_core[-1])
    assert way_to_core(stage) is Transport.UDP
    assert stage.last_to_core().via.transport == "UDP"
    phone.says(phone.message("MESSAGE", "sip:b@example.net", LARGE))
    assert way_to_core(stage) is Transport.UDP
    stage.wait(601)
    phone.says(phone.message("MESSAGE", "sip:b@example.net", LARGE))
    assert way_to_core(stage) is Transport.TCP


def test_a_large_invite_that_came_back_to_udp_is_cancelled_and_acknowledged_there(
    large: tuple[Stage, Phone, str],
) -> None:
    stage, phone, token = large
    call = IncomingCall(stage, phone, token)
    call.begins(LARGE)
    stage.send_fails(stage.to_phone[-1])
    call.asked = stage.last_asked_of_phone()
    call.phone_says(180)
    stage.receive(FROM_CORE, call.invite(method="CANCEL"))
    cancel = stage.last_asked_of_phone()
    assert (cancel.method, cancel.via.transport) == ("CANCEL", "UDP")
    assert cancel.via.branch == call.asked.via.branch
    call.phone_says(487)
    ack = stage.last_asked_of_phone()
    assert (ack.method, ack.via.transport) == ("ACK", "UDP")


@pytest.mark.parametrize("limit", [500, 1080, 1300])
def test_the_limit_is_the_operators(limit: int) -> None:
    stage = Stage(udp_limit=limit)
    phone = Phone(stage)
    phone.registered()
    token = stage.token()
    stage.core_asks(token)
    size = len(stage.to_phone[-1].data)
    for padding, transport in ((limit - size, Transport.UDP), (limit - size + 1, Transport.TCP)):
        stage.core_asks(token, "X: " + "x" * (padding - len("X: \r\n")))
        sent = stage.to_phone[-1]
        assert sent.flow.transport is transport
