"""Next hops in order, and an answer in any case."""

import pytest

from pcscf.core.dns_records import RecordType
from pcscf.core.effects import Resolve
from pcscf.core.events import FlowClosed, Resolved
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.core.policy import NextHop, SecAgree, Target
from pcscf.sip.message import Request, parse
from tests.core.call import OutgoingCall, statuses
from tests.core.phone import Phone
from tests.core.stage import CORE_SIDE, S_CSCF, S_CSCF_2, TWO_HOPS, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage(next_hops=TWO_HOPS)


@pytest.fixture
def phone(stage: Stage) -> Phone:
    return Phone(stage)


def fail(stage: Stage, way: str) -> None:
    """Let the latest request to the core fail."""
    if way == "silence":
        stage.wait(40)
    elif way == "refused":
        stage.send_fails(stage.to_core[-1])
    else:
        stage.core_says(stage.last_to_core(), int(way))


WAYS = ["silence", "refused", "503", "480", "302"]


@pytest.mark.parametrize("way", WAYS[1:])
def test_a_register_goes_on_to_the_next_hop(stage: Stage, phone: Phone, way: str) -> None:
    phone.says_in_clear(phone.register())
    assert stage.to_core[-1].flow.remote == S_CSCF
    fail(stage, way)
    assert stage.to_core[-1].flow.remote == S_CSCF_2
    assert not stage.to_phone
    assert stage.challenge().status == 401


def test_silence_is_an_answer_early_while_there_is_another_hop(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    stage.wait(3.9)
    assert {effect.flow.remote for effect in stage.to_core} == {S_CSCF}
    stage.wait(0.2)
    assert stage.to_core[-1].flow.remote == S_CSCF_2
    stage.wait(31)
    assert not stage.to_phone  # the last one has its full time
    assert stage.challenge().status == 401


def test_a_sign_of_life_buys_the_full_time(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    stage.core_says(stage.last_to_core(), 100)
    stage.wait(20)
    assert {effect.flow.remote for effect in stage.to_core} == {S_CSCF}


@pytest.mark.parametrize("last", WAYS)
@pytest.mark.parametrize("first", WAYS[1:])
def test_when_all_fail_it_is_504_once(stage: Stage, phone: Phone, first: str, last: str) -> None:
    phone.says_in_clear(phone.register())
    fail(stage, first)
    fail(stage, last)
    assert [effect.data[:11] for effect in stage.to_phone] == [b"SIP/2.0 504"]
    stage.wait(400)
    assert stage.left_over() == {}


def test_each_try_is_a_transaction_of_its_own(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    first = stage.last_to_core()
    fail(stage, "503")
    second = stage.last_to_core()
    assert first.via.branch != second.via.branch
    assert len(second.elements("via")) == 2
    assert first.get("path") == second.get("path")


def test_a_late_answer_of_a_hop_given_up_changes_nothing(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    first = stage.last_to_core()
    stage.wait(5)
    stage.challenge()
    rows = stage.rows
    stage.core_says(first, 401, 'WWW-Authenticate: Digest ck="00", ik="00"')
    assert stage.rows == rows
    assert len(stage.to_phone) == 1


def test_without_next_hops_it_is_504() -> None:
    stage = Stage(next_hops=())
    phone = Phone(stage)
    phone.says_in_clear(phone.register())
    assert stage.last_to_phone().status == 504
    stage.wait(200)
    assert stage.left_over() == {}


def test_a_hop_over_tcp_may_be_connected_to() -> None:
    stage = Stage(next_hops=(NextHop(Transport.TCP, S_CSCF),))
    phone = Phone(stage)
    phone.says_in_clear(phone.register())
    assert stage.to_core[-1].connect
    request = parse(stage.to_core[-1].data)
    assert isinstance(request, Request)
    assert request.via.transport == "TCP"


def over_tcp(*remotes: Endpoint) -> tuple[Stage, Phone]:
    """A phone's REGISTER is at the first of these next hops."""
    stage = Stage(next_hops=tuple(NextHop(Transport.TCP, remote) for remote in remotes))
    phone = Phone(stage)
    phone.says_in_clear(phone.register())
    return stage, phone


def closes(stage: Stage, remote: Endpoint) -> None:
    """End our connection to a next hop; its own port is the kernel's choice."""
    local = Endpoint(CORE_SIDE.host, 43210)
    stage.play(FlowClosed(Flow(Transport.TCP, Side.CORE, local, remote)))


def test_a_register_whose_connection_dies_goes_on_to_the_next_hop() -> None:
    stage, _ = over_tcp(S_CSCF, S_CSCF_2)
    closes(stage, S_CSCF)
    assert [effect.flow.remote for effect in stage.to_core] == [S_CSCF, S_CSCF_2]
    closes(stage, S_CSCF)
    assert not stage.to_phone
    assert stage.challenge().status == 401


def test_when_the_last_connection_dies_it_is_504_at_once() -> None:
    stage, _ = over_tcp(S_CSCF, S_CSCF_2)
    closes(stage, S_CSCF)
    closes(stage, S_CSCF_2)
    assert stage.last_to_phone().status == 504


def test_a_connection_that_dies_behind_the_answer_took_nothing_along() -> None:
    stage, _ = over_tcp(S_CSCF, S_CSCF_2)
    stage.core_says(stage.last_to_core(), 100)
    closes(stage, S_CSCF)
    assert stage.challenge().status == 401
    closes(stage, S_CSCF)
    assert len(stage.to_core) == len(stage.to_phone) == 1


def test_trying_stays_with_us_other_1xx_go_on(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    stage.core_says(stage.last_to_core(), 100)
    assert not stage.to_phone
    stage.core_says(stage.last_to_core(), 199, "P-Charging-Vector: icid-value=1")
    assert stage.last_to_phone().status == 199
    assert "p-charging-vector" not in stage.last_to_phone()


@pytest.mark.parametrize("status", [199, 200, 401, 404])
def test_an_answer_without_our_phones_via_still_reaches_it(
    status: int,
) -> None:
    stage = Stage(sec_agree=SecAgree.PREFER)
    phone = Phone(stage, security_client="")
    data = phone.register()
    phone.says_in_clear(data)
    request = stage.last_to_core()
    while len(request.elements("via")) > 1:
        top = request.pop_element("via")
        request.set("via", top)
    stage.core_says(request, status)
    assert stage.last_to_phone().status == status
    assert stage.last_to_phone().elements("via") == parse(data).elements("via")


# --- names, health, and staying where one is ---


def resolved(stage: Stage, *addresses: str) -> None:
    """Let the DNS answer everything it was asked about addresses."""
    asked = [effect for effect in stage.log if isinstance(effect, Resolve)]
    for effect in asked:
        records = addresses if effect.question.type is RecordType.A else ()
        stage.play(Resolved(effect.question, records, 60))


def test_a_name_is_looked_up_before_the_request_leaves() -> None:
    stage = Stage(next_hops=(), entry_points=(Target("pool.example", 5060),))
    phone = Phone(stage)
    phone.says_in_clear(phone.register())
    assert not stage.to_core
    resolved(stage, S_CSCF_2.host)
    assert stage.to_core[-1].flow.remote == S_CSCF_2
    assert stage.challenge().status == 401


def test_a_name_that_nobody_knows_is_504() -> None:
    stage = Stage(next_hops=(), entry_points=(Target("pool.example", 5060),))
    phone = Phone(stage)
    phone.says_in_clear(phone.register())
    resolved(stage)
    assert stage.last_to_phone().status == 504


def test_a_caller_that_hangs_up_while_a_name_is_looked_up() -> None:
    stage = Stage()
    phone = Phone(stage)
    phone.challenged()
    phone.says(phone.answer())
    contact = f"Contact: <sip:ue@{phone.host}:40002>;expires=600"
    stage.core_says(stage.last_to_core(), 200, contact, "Service-Route: <sip:s.example:5060;lr>")
    call = OutgoingCall(stage, phone)
    before = len(stage.to_core)
    call.says(call.request("INVITE"))
    call.says(call.request("CANCEL", branch="z9hG4bKout-1INVITE1"))
    resolved(stage, S_CSCF.host)
    assert stage.last_to_phone().status == 487
    assert len(stage.to_core) == before


def test_a_hop_that_fails_again_and_again_is_left_out(stage: Stage) -> None:
    for number in range(3):
        phone = Phone(stage, host=f"192.0.2.{100 + number}", impi=f"{number}@x")
        phone.says_in_clear(phone.register())
        assert stage.to_core[-1].flow.remote == S_CSCF
        stage.send_fails(stage.to_core[-1])
        assert stage.to_core[-1].flow.remote == S_CSCF_2
    phone = Phone(stage, host="192.0.2.200", impi="n@x")
    phone.says_in_clear(phone.register())
    assert stage.to_core[-1].flow.remote == S_CSCF_2


def test_a_phone_stays_with_the_hop_that_registered_it(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    stage.core_says(stage.last_to_core(), 503)
    phone.take_server(stage.challenge())
    phone.says(phone.answer())
    stage.core_says(stage.last_to_core(), 503)
    stage.accept()
    assert stage.to_core[-1].flow.remote == S_CSCF_2
    phone.says(phone.renewal())
    assert stage.to_core[-1].flow.remote == S_CSCF_2


@pytest.mark.parametrize("way", ["silence", "refused", "503"])
def test_an_invite_goes_on_to_the_next_hop(way: str) -> None:
    """A phone without Service-Route goes by the settings."""
    stage = Stage(next_hops=TWO_HOPS)
    phone = Phone(stage)
    phone.challenged()
    phone.says(phone.answer())
    contact = f"Contact: <sip:ue@{phone.host}:40002>;expires=600"
    stage.core_says(stage.last_to_core(), 200, contact)
    call = OutgoingCall(stage, phone)
    call.begins()
    if way == "503":
        call.core_says(503)
    elif way == "refused":
        stage.send_fails(stage.to_core[-1])
    else:
        stage.wait(5)
    assert stage.last_to_core().method == "INVITE"
    assert stage.to_core[-1].flow.remote == S_CSCF_2
    assert statuses([effect.data for effect in stage.to_phone])[-1] == 100


def test_503_of_the_last_hop_is_not_ours(stage: Stage, phone: Phone) -> None:
    """RFC 3261 16.7 step 6: the phone would leave us for as long as Retry-After says."""
    phone.registered()
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    for hop in (S_CSCF, S_CSCF_2):
        assert stage.to_core[-1].flow.remote == hop
        stage.core_says(stage.last_to_core(), 503, "Retry-After: 7")
    answer = stage.last_to_phone()
    assert (answer.status, answer.get("retry-after")) == (500, "7")
