"""The guard by what it lets in: rates, blocks, scanners, load, and who is exempt."""

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcscf.core.blocks import Block
from pcscf.core.context import Context
from pcscf.core.effects import Report
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.core.guard import Guard
from pcscf.core.guard_policy import GuardPolicy
from pcscf.core.ids import Ids
from pcscf.core.offence import WEIGHT, Offence
from pcscf.core.state import Phone, Registration
from pcscf.errors import SipError
from pcscf.sip.message import Request
from tests.core.stage import CORE_SIDE, GM, IMPI, POLICY, UE

OTHER = "192.0.2.77"
SMALL = GuardPolicy(
    source_rate=8,  # an eighth of a second is exact
    source_burst=20,
    user_rate=2,
    user_burst=4,
    block_points=100,
    points_fade=1,
    retry_after_min=5,
    retry_after_max=8,
)


def clear(host: str = UE, port: int = 5060) -> Flow:
    return Flow(Transport.UDP, Side.CLEAR, Endpoint(GM, 5060), Endpoint(host, port))


def protected(host: str = UE) -> Flow:
    return clear(host, 40001)._replace(side=Side.PROTECTED, local=Endpoint(GM, 6100))


FROM_CORE = Flow(Transport.UDP, Side.CORE, CORE_SIDE, Endpoint(UE, 5060))


def request(method: str = "MESSAGE", *lines: str, to: str = "<sip:b@x>") -> Request:
    return Request(f"{method} sip:b@x SIP/2.0", [f"To: {to}", *lines])


class Scene:
    """A guard with a clock."""

    def __init__(self, policy: GuardPolicy = SMALL, **changes: object) -> None:
        guard = replace(policy, **changes)  # type: ignore[arg-type]
        draws = iter(range(1_000_000))
        ids = Ids(lambda octets: next(draws).to_bytes(octets, "big"))
        self.context = Context(replace(POLICY, guard=guard), ids)
        self.context.now = 1000.0
        self.guard = Guard(self.context)

    def wait(self, seconds: float) -> None:
        context = self.context
        end = context.now + seconds
        while (at := context.deadlines.next()) is not None and at <= end:
            context.now = max(context.now, at)
            while (owner := context.deadlines.pop_due(context.now)) is not None:
                assert isinstance(owner, Block)
                self.guard.on_deadline(owner)
        context.now = end

    def admitted(self, times: int, flow: Flow) -> int:
        return sum(self.guard.admits(flow) for _ in range(times))

    def note(self, offence: Offence, times: int, host: str = UE) -> None:
        for _ in range(times):
            self.guard.note(host, offence)

    def registered(self, host: str = UE, *, in_clear: bool = False) -> Registration:
        registration = Registration(Phone(IMPI, host, "", emergency=False), "token")
        self.context.registry.add(registration)
        if in_clear:
            self.context.registry.set_clear_flow(registration, clear(host))
        return registration

    def sources(self) -> list[str]:
        return [blocked.source for blocked in self.guard.blocked()]

    def counted(self, what: str) -> int:
        return self.context.counters[f"guard_{what}"]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def refusal(error: SipError) -> tuple[int, list[str]]:
    return error.status, [name for name, _ in error.headers]


# --- the rate of a source ---


def test_a_flood_is_refused_then_met_with_silence_then_blocked(scene: Scene) -> None:
    flow = clear()
    assert scene.admitted(20, flow) == 20
    scene.guard.check_source(flow)
    assert scene.guard.admits(flow)
    with pytest.raises(SipError) as caught:
        scene.guard.check_source(flow)
    assert refusal(caught.value) == (503, ["retry-after"])
    assert scene.admitted(100, flow) == 19
    assert scene.sources() == []
    assert scene.admitted(100, flow) == 0
    assert scene.sources() == [UE]
    assert scene.counted("refused_source") == 1
    assert scene.counted("dropped_flood") + scene.counted("dropped_blocked") == 181


def test_whoever_slows_down_is_served_again(scene: Scene) -> None:
    assert scene.admitted(100, clear()) == 40
    scene.wait(10)  # 100 - 80
    assert scene.admitted(1, clear()) == 1
    scene.wait(0.125)
    scene.guard.check_source(clear())


def test_one_flood_leaves_other_sources_and_sides_alone(scene: Scene) -> None:
    scene.admitted(1000, clear())
    assert scene.sources() == [UE]
    assert not scene.guard.admits(clear(port=4444))
    assert scene.guard.admits(clear(OTHER))
    scene.guard.check_source(clear(OTHER))
    assert scene.admitted(1000, protected()) == scene.admitted(1000, FROM_CORE) == 1000


def test_an_ipv6_phone_does_not_multiply_by_its_prefix(scene: Scene) -> None:
    flows = [clear(f"2001:db8:1:2::{number:x}") for number in range(1, 400)]
    assert sum(scene.guard.admits(flow) for flow in flows) == 40
    assert scene.sources() == ["2001:db8:1:2::/64"]
    assert scene.guard.admits(clear("2001:db8:1:3::1"))


def test_a_rate_of_nothing_limits_nobody() -> None:
    scene = Scene(source_rate=0, user_rate=0)
    assert scene.admitted(10_000, clear()) == 10_000
    scene.guard.check_source(clear())
    user = scene.registered()
    for _ in range(1000):
        scene.guard.check_user(user)


@given(st.lists(st.floats(0, 3), min_size=1, max_size=100))
def test_nobody_below_the_rate_is_ever_kept_out(pauses: list[float]) -> None:
    scene = Scene()
    for pause in pauses:
        scene.wait(0.125 + pause)
        assert scene.guard.admits(clear())
        scene.guard.check_source(clear())
    assert scene.sources() == []


@given(st.floats(1.5, 1000))
def test_whoever_stays_above_the_rate_is_always_blocked(times: float) -> None:
    """Once it is ten bursts ahead."""
    scene = Scene()
    for _ in range(int(200 / (times - 1) * times) + 30):
        scene.wait(0.125 / times)
        scene.guard.admits(clear())
    assert scene.sources() == [UE]


def test_sources_are_counted_within_bounds() -> None:
    scene = Scene(max_sources=50)
    for number in range(1000):
        scene.guard.admits(clear(f"10.0.{number // 250}.{number % 250}"))
        scene.guard.note(f"10.0.{number // 250}.{number % 250}", Offence.UNREADABLE)
    assert len(scene.guard._messages) == len(scene.guard._points) == 50


# --- offences ---


@pytest.mark.parametrize("offence", list(Offence))
def test_offences_add_up_to_a_block(scene: Scene, offence: Offence) -> None:
    enough = int(SMALL.block_points // WEIGHT[offence])
    scene.note(offence, enough)
    assert scene.guard.admits(clear())
    scene.note(offence, 1)
    assert not scene.guard.admits(clear())
    assert [(b.source, b.reason) for b in scene.guard.blocked()] == [(UE, offence.value)]
    assert scene.counted(offence.value) == enough + 1
    assert scene.guard.admits(clear(OTHER))


def test_offences_are_forgiven_with_time(scene: Scene) -> None:
    scene.note(Offence.PROBE, 10)
    scene.wait(50)
    scene.note(Offence.PROBE, 5)
    assert scene.sources() == []
    scene.note(Offence.PROBE, 1)
    assert scene.sources() == [UE]


@given(st.lists(st.tuples(st.sampled_from(list(Offence)), st.floats(1, 20)), max_size=100))
def test_offences_no_faster_than_they_are_forgiven_never_block(
    offences: list[tuple[Offence, float]],
) -> None:
    scene = Scene()
    for offence, times in offences:
        scene.note(offence, 1)
        scene.wait(WEIGHT[offence] * times)
    assert scene.sources() == []


def test_a_block_is_over_in_time_and_what_led_to_it_with_it(scene: Scene) -> None:
    scene.note(Offence.PROBE, 11)
    scene.note(Offence.PROBE, 1000)
    scene.wait(59.9)
    assert not scene.guard.admits(clear())
    scene.wait(0.1)
    assert scene.guard.admits(clear())
    scene.note(Offence.PROBE, 10)
    assert scene.sources() == []
    scene.note(Offence.PROBE, 1)
    (blocked,) = scene.guard.blocked()
    assert blocked.until - scene.context.now == 120


def test_a_block_does_not_touch_the_protected_port(scene: Scene) -> None:
    scene.registered()
    scene.note(Offence.MISMATCH, 100)
    assert not scene.guard.admits(clear())
    assert scene.guard.admits(protected())


def test_a_phone_that_registered_in_clear_goes_on_where_it_did(scene: Scene) -> None:
    scene.registered(in_clear=True)
    scene.note(Offence.PROBE, 100)
    assert scene.guard.admits(clear())
    assert not scene.guard.admits(clear(port=6666))
    assert scene.counted("dropped_blocked") == 1


def test_a_phone_that_registered_in_clear_is_no_part_of_a_flood_from_its_source(
    scene: Scene,
) -> None:
    scene.registered(in_clear=True)
    scene.admitted(60, clear(port=6666))
    assert scene.guard.admits(clear())
    scene.guard.check_source(clear())
    assert not scene.guard.admits(clear(port=6666))


def test_what_a_flood_makes_the_log_say(scene: Scene) -> None:
    scene.admitted(10_000, clear())
    scene.note(Offence.PROBE, 10_000, OTHER)
    reports = [effect for effect in scene.context.effects if isinstance(effect, Report)]
    assert [(report.event, report.fields["reason"]) for report in reports] == [
        ("source_blocked", "flood"),
        ("source_blocked", "probe"),
    ]


# --- settings and the operator ---


def test_a_trusted_range_wins_over_a_blocked_one() -> None:
    scene = Scene(trusted=(ip_network("192.0.2.0/24"),), blocked=(ip_network("192.0.0.0/16"),))
    assert scene.guard.admits(clear())
    assert not scene.guard.admits(clear("192.0.3.1"))


def test_a_trusted_range_is_neither_limited_nor_blocked() -> None:
    scene = Scene(trusted=(ip_network("192.0.2.0/24"),))
    assert scene.admitted(10_000, clear()) == 10_000
    scene.guard.check_source(clear())
    scene.note(Offence.SCANNER, 100)
    scanner = request("OPTIONS", "User-Agent: friendly-scanner")
    assert scene.guard.admits_request(scanner, clear())
    user = scene.registered()
    for _ in range(1000):
        scene.guard.check_user(user)
    assert scene.sources() == []


def test_one_trusted_address_does_not_suffer_for_its_prefix() -> None:
    scene = Scene(trusted=(ip_network("2001:db8::7/128"),))
    scene.note(Offence.SCANNER, 100, "2001:db8::8")
    assert scene.guard.admits(clear("2001:db8::7"))
    assert not scene.guard.admits(clear("2001:db8::8"))


def test_a_blocked_range_stays_out() -> None:
    scene = Scene(blocked=(ip_network("192.0.2.64/26"),))
    assert not scene.guard.admits(clear(OTHER))
    scene.wait(1e6)
    assert not scene.guard.admits(clear(OTHER))
    assert scene.guard.admits(clear(UE))
    assert scene.guard.admits(protected(OTHER))
    assert scene.counted("dropped_blocked") == 2


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (UE, UE),
        ("2001:DB8:0:0:1::5", "2001:db8:0:0::/64"),
        ("2001:db8:0:0::/64", "2001:db8:0:0::/64"),
        ("2001:db8::/64", "2001:db8:0:0::/64"),
    ],
)
def test_the_operator_blocks_and_lets_free(scene: Scene, text: str, name: str) -> None:
    scene.guard.block(text, 100, "a neighbour complained")
    assert scene.guard.blocked() == [(name, 1100, "a neighbour complained")]
    host = name.removesuffix("/64")
    assert not scene.guard.admits(clear(host))
    assert scene.guard.unblock(name)
    assert not scene.guard.unblock(name)
    assert scene.guard.blocked() == []
    assert scene.guard.admits(clear(host))


def test_who_is_let_free_by_hand_is_served_at_once(scene: Scene) -> None:
    scene.admitted(1000, clear())
    scene.note(Offence.PROBE, 11, OTHER)
    for host in (UE, OTHER):
        assert scene.guard.unblock(host)
        assert scene.guard.admits(clear(host))
        scene.guard.check_source(clear(host))
        scene.note(Offence.PROBE, 10, host)
    assert scene.sources() == []


@pytest.mark.parametrize("text", ["phone", "192.0.2.1/24", "2001:db8::/48", ""])
def test_what_is_no_address_is_not_blocked(scene: Scene, text: str) -> None:
    for verb in (lambda: scene.guard.block(text, 1, "x"), lambda: scene.guard.unblock(text)):
        with pytest.raises(ValueError, match="does not appear to be"):
            verb()


def test_the_operator_is_told_that_a_trusted_address_cannot_be_blocked() -> None:
    scene = Scene(trusted=(ip_network("192.0.2.0/24"),))
    with pytest.raises(ValueError, match="is trusted by the settings"):
        scene.guard.block(UE, 60, "x")
    assert scene.sources() == []


# --- scanners ---


def test_a_scanner_is_not_answered_and_soon_blocked(scene: Scene) -> None:
    scanner = request("OPTIONS", "User-Agent: Friendly-Scanner/1.0")
    assert [scene.guard.admits_request(scanner, clear()) for _ in range(3)] == [False] * 3
    assert scene.sources() == [UE]
    assert scene.counted("scanner") == 3


def test_phones_are_no_scanners(scene: Scene) -> None:
    for lines in ([], ["User-Agent: Samsung IMS 6.0"], ["Server: sipvicious"]):
        assert scene.guard.admits_request(request("OPTIONS", *lines), clear())


def test_what_a_user_agent_is_called_under_sas_is_nobodys_business(scene: Scene) -> None:
    scanner = request("OPTIONS", "User-Agent: sipvicious")
    assert scene.guard.admits_request(scanner, protected())
    assert Scene(user_agents=()).guard.admits_request(scanner, clear())


def test_a_word_of_the_settings_is_no_pattern() -> None:
    scene = Scene(user_agents=("a.C", "X|y"))
    for agent, admitted in (("abc", True), ("x", True), ("A.C/2", False), ("x|y", False)):
        scanner = request("OPTIONS", f"User-Agent: {agent}")
        assert scene.guard.admits_request(scanner, clear()) is admitted


# --- the rate of a user ---


def test_a_user_above_the_rate_is_told_to_come_later(scene: Scene) -> None:
    user = scene.registered()
    for _ in range(4):
        scene.guard.check_user(user)
    with pytest.raises(SipError) as caught:
        scene.guard.check_user(user)
    assert refusal(caught.value) == (503, ["retry-after"])
    assert scene.counted("refused_user") == 1
    scene.wait(1)
    scene.guard.check_user(user)


def test_a_user_has_one_rate_on_all_phones_and_others_have_theirs(scene: Scene) -> None:
    tablet = Registration(Phone(IMPI, OTHER, "", emergency=False), "t2")
    other = Registration(Phone("b@x", UE, "", emergency=False), "t3")
    for _ in range(4):
        scene.guard.check_user(scene.registered())
    with pytest.raises(SipError):
        scene.guard.check_user(tablet)
    scene.guard.check_user(other)


# --- load ---

INVITE, IN_DIALOG = request("INVITE"), request("BYE", to="<sip:b@x>;tag=1")


def is_refused(scene: Scene, what: Request, flow: Flow, *, emergency: bool = False) -> bool:
    try:
        scene.guard.check_load(what, flow, emergency=emergency)
    except SipError as error:
        return refusal(error) == (503, ["retry-after"])
    return False


REFUSED_AT = [  # request, flow, at normal, high and severe load
    (request("REGISTER"), clear(), [False, True, True]),
    (INVITE, clear(), [False, True, True]),
    (request("ACK"), clear(), [False, False, False]),
    (INVITE, protected(), [False, False, True]),
    (request("MESSAGE"), protected(), [False, False, True]),
    (request("REGISTER"), protected(), [False, False, False]),
    (IN_DIALOG, protected(), [False, False, False]),
    (request("CANCEL"), protected(), [False, False, False]),
    (request("ACK"), protected(), [False, False, False]),
    (INVITE, FROM_CORE, [False, False, False]),
]


@pytest.mark.parametrize(("what", "flow", "refused"), REFUSED_AT)
def test_under_load_strangers_go_first_and_what_is_under_way_never(
    scene: Scene, what: Request, flow: Flow, refused: list[bool]
) -> None:
    seen = []
    for lag in (0, SMALL.overload_lag, SMALL.overload_lag_severe):
        scene.guard.on_load(lag)
        seen.append(is_refused(scene, what, flow))
    assert seen == refused
    assert scene.counted("refused_load") == sum(refused)


@pytest.mark.parametrize("flow", [clear(), protected()])
def test_an_emergency_is_taken_under_any_load(scene: Scene, flow: Flow) -> None:
    scene.guard.on_load(100)
    assert not is_refused(scene, INVITE, flow, emergency=True)


def test_a_phone_that_registered_in_clear_is_no_stranger(scene: Scene) -> None:
    scene.registered(in_clear=True)
    scene.guard.on_load(SMALL.overload_lag)
    assert not is_refused(scene, INVITE, clear())
    assert is_refused(scene, INVITE, clear(port=6666))
    scene.guard.on_load(SMALL.overload_lag_severe)
    assert is_refused(scene, INVITE, clear())
    assert not is_refused(scene, IN_DIALOG, clear())


def test_those_who_are_refused_together_do_not_come_back_together(scene: Scene) -> None:
    scene.guard.on_load(1)
    seconds = set()
    for _ in range(20):
        with pytest.raises(SipError) as caught:
            scene.guard.check_load(INVITE, clear(), emergency=False)
        seconds |= {int(value) for _, value in caught.value.headers}
    assert seconds == {5, 6, 7, 8}
