"""The policy changes while phones are registered and calls are under way: nothing of them is lost.

Each test looks at a message that goes another way, or at what goes on as it did.
"""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from pcscf.core.events import SasUsed
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.core.guard_policy import GuardPolicy
from pcscf.core.hop_health import HopState
from pcscf.core.policy import (
    EmergencyPolicy,
    GmAddress,
    HealthPolicy,
    LivenessPolicy,
    NextHop,
    RegEventPolicy,
    SecAgree,
    Target,
    Timers,
    WithoutECscf,
)
from pcscf.sip.limits import Limits
from pcscf.sip.message import Request, parse
from tests.core.call import NO_EVS, WITHOUT_EVS, OutgoingCall, statuses, with_sdp
from tests.core.phone import Phone
from tests.core.stage import (
    AES,
    GM,
    IMPU,
    NULL,
    POLICY,
    PORTS_PC,
    S_CSCF,
    S_CSCF_2,
    TWO_HOPS,
    UE,
    Stage,
)
from xfrm.model import SelectorMode

LONG = 600_000
ONE, TWO = TWO_HOPS
WATCHING = LivenessPolicy(interval=60, silent_after=600)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def phone(stage: Stage) -> Phone:
    phone = Phone(stage)
    phone.registered(expires=LONG)
    stage.wait(200)
    stage.log.clear()
    return phone


def other_phone(stage: Stage) -> Phone:
    other = Phone(stage, host="192.0.2.11", impi="other@x", impu="sip:other@x", call_id="c-2")
    other.spi_uc, other.spi_us = 55001, 55002
    return other


def anew(phone: Phone) -> None:
    """A REGISTER in clear, of a phone that began anew."""
    phone.new_numbers(restart=True)
    phone.call_id += "x"
    phone.says_in_clear(phone.register())


def hops_asked(stage: Stage) -> list[Endpoint]:
    """Where requests to the core went since the log was emptied."""
    requests = [one for one in stage.to_core if isinstance(parse(one.data), Request)]
    return [one.flow.remote for one in requests]


def _request(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def states(stage: Stage) -> dict[NextHop, HopState]:
    return {one.hop: one.state for one in stage.edge._wire.next_hops.status()}


# registrations and calls


def test_a_phone_stays_registered_under_its_sas(stage: Stage, phone: Phone) -> None:
    kernel, token = dict(stage.kernel), stage.edge._context.registry.all()[0].token
    stage.decide(guard=GuardPolicy(source_rate=1), sa_slack=5, gm_timers=Timers(1, 2, 3))
    assert stage.kernel == kernel
    stage.core_asks(token)
    assert stage.last_asked_of_phone().uri == IMPU
    phone.says(phone.message("MESSAGE", "sip:b@x"))
    assert stage.last_to_core().method == "MESSAGE"
    phone.reregistered()
    assert len(stage.edge._context.registry) == 1


def test_a_call_goes_on_and_ends(stage: Stage, phone: Phone) -> None:
    call = OutgoingCall(stage, phone)
    call.begins()
    call.core_says(180)
    stage.decide(next_hops=(TWO,), timer_c=400.0, max_dialogs=1)
    call.core_says(200)
    call.says(call.within("ACK"))
    call.says(call.within("BYE"))
    assert stage.to_core[-1].flow.remote == S_CSCF  # which has record-routed
    stage.core_says(stage.last_to_core(), 200)
    assert statuses([one.data for one in stage.to_phone]) == [100, 180, 200, 200]
    stage.wait(300)
    assert not {"transactions", "dialogs"} & stage.left_over().keys()


def test_a_challenge_that_is_under_way_is_finished(stage: Stage) -> None:
    phone = Phone(stage)
    phone.challenged()
    stage.decide(suites=(NULL,), next_hops=(TWO,), sec_agree=SecAgree.OFF)
    stage.accept_answer_of(phone)
    assert stage.last_to_phone().status == 200


# what begins goes by the new policy


def test_new_agreements_have_the_new_algorithms_and_old_ones_their_own(
    stage: Stage, phone: Phone
) -> None:
    stage.decide(suites=(NULL, AES), require_verify=True)
    phone.says(phone.message("MESSAGE", "sip:b@x", f"Security-Verify: {phone.verify}"))
    assert stage.last_to_core().method == "MESSAGE"
    assert phone.set_in_kernel().suite == AES
    other = other_phone(stage)
    other.challenged()
    assert {one.suite for one in stage.kernel} == {AES, NULL}


def test_security_verify_becomes_required(stage: Stage, phone: Phone) -> None:
    phone.says(phone.message("MESSAGE", "sip:b@x"))
    assert stage.last_to_core().method == "MESSAGE"
    stage.decide(require_verify=True)
    phone.says(phone.message("MESSAGE", "sip:b@x"))
    assert stage.last_to_phone().status == 494


def test_the_security_policy_is_that_of_the_day(stage: Stage) -> None:
    phone = Phone(stage, security_client="")
    phone.says_in_clear(phone.register())
    assert stage.last_to_phone().status == 421
    stage.decide(sec_agree_by_network=((ip_network(f"{UE}/32"), SecAgree.PREFER),))
    anew(phone)
    assert stage.last_to_core().method == "REGISTER"


def test_media_timers_and_limits(stage: Stage, phone: Phone) -> None:
    stage.decide(media=NO_EVS, udp_limit=65535)
    call = OutgoingCall(stage, phone)
    call.says(with_sdp(call.request("INVITE")))
    assert stage.last_to_core().body == WITHOUT_EVS
    stage.decide(limits=Limits(max_headers=2))
    phone.says(phone.message("MESSAGE", "sip:b@x"))
    assert stage.last_to_phone().status in {400, 413, 513}


def test_a_longer_timer_of_the_core(stage: Stage, phone: Phone) -> None:
    """T1 of what begins; what was sent before keeps its pace up to its next copy."""
    stage.decide(core_timers=Timers(10, 20, 20))
    phone.says(phone.message("MESSAGE", "sip:b@x"))
    stage.wait(9.9)
    assert len(hops_asked(stage)) == 1
    stage.wait(0.2)
    assert len(hops_asked(stage)) == 2


def test_emergency_calls_get_an_e_cscf(stage: Stage, phone: Phone) -> None:
    phone.says(phone.message("INVITE", "urn:service:sos"))
    assert stage.last_to_phone().status == 380
    e_cscf = Target(S_CSCF_2.host, S_CSCF_2.port, Transport.UDP)
    stage.decide(emergency=EmergencyPolicy(e_cscf=(e_cscf,)))
    phone.says(phone.message("INVITE", "urn:service:sos"))
    assert hops_asked(stage) == [S_CSCF_2]
    stage.decide(emergency=EmergencyPolicy(without_e_cscf=WithoutECscf.S_CSCF))
    phone.says(phone.message("INVITE", "urn:service:sos"))
    assert hops_asked(stage)[-1] == S_CSCF


# what was made of sockets and SAs stays


def test_addresses_and_selectors_stay(stage: Stage, phone: Phone) -> None:
    elsewhere = (GmAddress("198.51.100.77", 5062, 7000, PORTS_PC),)
    stage.decide(gm=elsewhere, core=(Endpoint("203.0.113.77", 1),), selectors=SelectorMode.TOLERANT)
    policy = stage.edge._context.policy
    assert [one.host for one in policy.gm][:1] == [GM]
    assert policy.core == POLICY.core
    assert policy.selectors is SelectorMode.STRICT
    phone.says(phone.message("MESSAGE", "sip:b@x"))
    assert str(stage.last_to_core().via.host) == "203.0.113.5"


# next hops


def test_the_next_register_goes_to_the_new_hop(stage: Stage) -> None:
    stage.decide(next_hops=(TWO,))
    Phone(stage).says_in_clear(Phone(stage).register())
    assert hops_asked(stage) == [S_CSCF_2]


def test_path_is_of_the_new_hops_family(stage: Stage) -> None:
    six = NextHop(Transport.UDP, Endpoint("2001:db8:c::9", 5060))
    stage.decide(next_hops=(six,))
    phone = Phone(stage)
    phone.says_in_clear(phone.register())
    assert "[2001:db8:c::5]" in stage.last_to_core().elements("path")[0]


def test_health_of_hops_that_stay_is_kept_and_of_others_forgotten() -> None:
    three = NextHop(Transport.TCP, Endpoint("203.0.113.11", 5060))
    stage = Stage(next_hops=TWO_HOPS, health=HealthPolicy(interval=0, failures=1, hold=1000))
    health = stage.edge._wire.next_hops.health
    health.on_failed(ONE, "no answer")
    health.on_failed(TWO, "no answer")
    stage.decide(next_hops=(ONE, three))
    assert states(stage) == {ONE: HopState.INACTIVE, three: HopState.ACTIVE}
    stage.wait(1000)
    assert states(stage)[ONE] is HopState.ACTIVE
    assert stage.left_over() == {}


def test_a_hop_that_the_operator_took_out_stays_out(stage: Stage) -> None:
    stage.edge._wire.next_hops.health.disable(ONE)
    stage.decide(next_hops=(TWO,))
    stage.decide(next_hops=TWO_HOPS)
    assert states(stage)[ONE] is HopState.DISABLED


def test_new_hops_are_asked_at_once_and_at_the_new_interval() -> None:
    stage = Stage(health=HealthPolicy(interval=30))
    stage.wait(10)
    stage.core_says(stage.last_to_core(), 200)
    stage.log.clear()
    stage.decide(next_hops=TWO_HOPS, health=HealthPolicy(interval=300))
    stage.wait(0)
    assert hops_asked(stage) == [S_CSCF, S_CSCF_2]
    for sent in list(stage.to_core):
        stage.core_says(_request(sent.data), 200)
    stage.log.clear()
    stage.wait(299)
    assert hops_asked(stage) == []
    stage.wait(1)
    assert hops_asked(stage) == [S_CSCF, S_CSCF_2]


def test_nobody_is_asked_any_more_and_then_again() -> None:
    stage = Stage(health=HealthPolicy(interval=30))
    stage.wait(0)
    stage.core_says(stage.last_to_core(), 200)
    stage.decide(health=HealthPolicy(interval=0))
    stage.log.clear()
    stage.wait(1000)
    assert hops_asked(stage) == []
    stage.decide(health=HealthPolicy(interval=30))
    stage.wait(0)
    assert hops_asked(stage) == [S_CSCF]


def test_fewer_failures_are_enough(stage: Stage) -> None:
    health = stage.edge._wire.next_hops.health
    health.on_failed(ONE, "no answer")
    stage.decide(health=HealthPolicy(interval=0, failures=2))
    health.on_failed(ONE, "no answer")
    assert states(stage) == {ONE: HopState.INACTIVE}


# the guard


def flood(stage: Stage, messages: int) -> int:
    """Send as many OPTIONS in clear from one address; say how many were answered."""
    stage.log.clear()
    for number in range(messages):
        phone = Phone(stage, call_id=f"flood-{stage.now}-{number}")
        phone.says_in_clear(phone.message("OPTIONS", "sip:x@y"))
    return len(stage.to_phone)


def test_rates_change_and_who_was_ahead_stays_ahead() -> None:
    wide = GuardPolicy(source_rate=1, source_burst=1000, block_points=1e9)
    stage = Stage(guard=wide)
    assert flood(stage, 50) == 50
    stage.decide(guard=replace(wide, source_burst=20))
    assert flood(stage, 1) == 0  # silence: 51 is above twice 20
    stage.decide(guard=wide)
    assert flood(stage, 1) == 1


def test_a_source_that_is_blocked_stays_so_unless_it_is_trusted_now() -> None:
    strict = GuardPolicy(block_points=1)
    stage = Stage(guard=strict)
    flood(stage, 3)
    stage.decide(guard=replace(strict, block_points=1e9))
    assert flood(stage, 1) == 0
    stage.decide(guard=replace(strict, trusted=(ip_network(f"{UE}/32"),)))
    assert flood(stage, 1) == 1


def test_ranges_and_scanners_are_those_of_the_day(stage: Stage) -> None:
    stage.decide(guard=GuardPolicy(blocked=(ip_network("192.0.2.0/24"),)))
    assert flood(stage, 1) == 0
    stage.decide(guard=GuardPolicy(user_agents=("mad",)))
    assert flood(stage, 1) == 1
    phone = Phone(stage)
    phone.says_in_clear(phone.message("OPTIONS", "sip:x@y", "User-Agent: Nomadic"))
    assert len(stage.to_phone) == 1


# silence, registration state


def test_phones_that_are_there_are_watched_from_now_on(stage: Stage, phone: Phone) -> None:
    stage.decide(liveness=WATCHING)
    nothing = SasUsed({sa: 0 for one in stage.kernel for sa in one.ids})
    for _ in range(10):
        stage.wait(60)
        stage.play(nothing)
    assert stage.edge.held()["silent_phones"] == 1
    stage.decide(liveness=LivenessPolicy())
    assert stage.edge.held()["silent_phones"] == 0
    assert "watched" not in stage.left_over()


def test_no_subscription_is_kept_up_any_more() -> None:
    stage = Stage(reg_event=RegEventPolicy())
    phone = Phone(stage)
    phone.registered(expires=LONG)
    assert stage.edge.held()["subscriptions"] > 0
    stage.decide(reg_event=RegEventPolicy(enabled=False))
    assert stage.edge.held()["subscriptions"] == 0
    assert stage.edge.held()["registrations"] == 1


def test_a_phone_that_registered_in_clear_is_still_served() -> None:
    stage = Stage(sec_agree=SecAgree.OFF)
    phone = Phone(stage)
    phone.says_in_clear(phone.register())
    stage.accept()
    stage.decide(sec_agree=SecAgree.REQUIRE)
    phone.says_in_clear(phone.message("MESSAGE", "sip:b@x"))
    assert stage.last_to_core().method == "MESSAGE"
    flow = Flow(Transport.UDP, Side.CLEAR, Endpoint(GM, 5060), Endpoint(UE, 5060))
    assert stage.edge._context.registry.by_clear_flow(flow) is not None
