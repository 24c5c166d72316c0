"""OPTIONS to next hops: which, when, and what their answers and silence do."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from pcscf.core.client_transactions import ClientTransaction
from pcscf.core.context import Context
from pcscf.core.deadlines import Timed
from pcscf.core.dns_records import Question, RecordType
from pcscf.core.effects import Resolve, SendSip
from pcscf.core.events import Resolved
from pcscf.core.flow import Side
from pcscf.core.hop_health import HopRecord
from pcscf.core.ids import Ids
from pcscf.core.lookups import Lookup
from pcscf.core.policy import HealthPolicy, NextHop, Target
from pcscf.core.probes import Probes, Round
from pcscf.core.wire import Wire
from pcscf.sip.message import Request, Response, parse
from pcscf.sip.response import make_response
from tests.core.stage import POLICY
from tests.core.zone import tcp, udp

ONE, TWO = udp("198.51.100.1"), tcp("2001:db8::2", 5070)


class World:
    """Probes on a clock of the test's own; the hops are played by the test."""

    def __init__(
        self, *hops: NextHop, entry_points: tuple[Target, ...] = (), **limits: float
    ) -> None:
        health = replace(HealthPolicy(interval=30, timeout=4, failures=2), **limits)  # type: ignore[arg-type]
        policy = replace(POLICY, health=health, next_hops=hops, entry_points=entry_points)
        self.context = Context(policy, Ids(Random(1).randbytes))
        self.wire = Wire(self.context)
        self.next_hops = self.wire.next_hops
        probes = Probes(self.wire, self.next_hops)
        self._seen: set[str] = set()
        self._timed: dict[type[Timed], Callable[..., None]] = {
            Round: probes.on_deadline,
            ClientTransaction: self.wire.clients.on_deadline,
            Lookup: self.next_hops.lookups.on_deadline,
            HopRecord: self.next_hops.health.on_deadline,
        }

    def wait(self, seconds: float) -> list[SendSip]:
        """Let time pass; give what was sent for the first time, each branch once."""
        end = self.context.now + seconds
        self.context.effects = []
        while (at := self.context.deadlines.next()) is not None and at <= end:
            self.context.now = max(self.context.now, at)
            owner = self.context.deadlines.pop_due(self.context.now)
            if owner is not None:
                self._timed[type(owner)](owner)
        self.context.now = end
        sent = [effect for effect in self.context.effects if isinstance(effect, SendSip)]
        new = {effect.ref: effect for effect in sent if effect.ref not in self._seen}
        self._seen |= new.keys()
        return list(new.values())

    def answer(self, effect: SendSip, status: int) -> None:
        request = parse(effect.data)
        assert isinstance(request, Request)
        response = parse(make_response(request, status, to_tag="t").to_bytes())
        assert isinstance(response, Response)
        client = self.wire.clients.find(response, Side.CORE)
        assert client is not None
        self.wire.clients.respond(client, response)

    def flags(self) -> list[str]:
        return [status.flags for status in self.next_hops.status()]


def remotes(sent: list[SendSip]) -> list[str]:
    return [str(effect.flow.remote) for effect in sent]


def test_every_configured_hop_is_asked_at_the_start_and_then_at_intervals() -> None:
    world = World(ONE, TWO)
    for pause in (0, 30, 30):
        sent = world.wait(pause)
        assert remotes(sent) == ["198.51.100.1:5060", "[2001:db8::2]:5070"]
        for effect in sent:
            world.answer(effect, 200)
    assert world.wait(29) == []
    assert world.flags() == ["AP", "AP"]


def test_the_request_is_for_the_hop_itself() -> None:
    world = World(TWO)
    (effect,) = world.wait(0)
    request = parse(effect.data)
    assert isinstance(request, Request)
    assert request.start_line == "OPTIONS sip:[2001:db8::2]:5070;transport=tcp SIP/2.0"
    assert request.get("max-forwards") == "0"
    assert request.get("to") == "<sip:[2001:db8::2]:5070;transport=tcp>"
    assert request.from_.tag
    assert request.via.host == "[2001:db8:c::5]"
    assert (effect.flow.side, effect.flow.local.host, effect.connect) == (
        Side.CORE,
        "2001:db8:c::5",
        True,
    )


def test_each_request_is_a_transaction_and_call_of_its_own() -> None:
    world = World(ONE)
    first, second = world.wait(0)[0], world.wait(30)[0]
    requests = [parse(effect.data) for effect in (first, second)]
    assert first.ref != second.ref
    assert requests[0].call_id != requests[1].call_id


def test_silence_makes_a_hop_inactive_and_answers_bring_it_back() -> None:
    world = World(ONE)
    world.wait(0)
    world.wait(30)
    assert world.flags() == ["AP"]
    world.wait(4)
    assert world.flags() == ["IP"]
    for pause, flags in ((26, "IP"), (30, "AP")):
        (effect,) = world.wait(pause)
        world.answer(effect, 483)
        assert world.flags() == [flags]


def test_503_counts_as_a_failure() -> None:
    world = World(ONE)
    world.answer(world.wait(0)[0], 503)
    world.answer(world.wait(30)[0], 503)
    assert world.flags() == ["IP"]


def test_a_refused_connection_counts_at_once() -> None:
    world = World(TWO, failures=1)
    (effect,) = world.wait(0)
    world.wire.clients.fail(effect.ref, "connection refused")
    assert [(s.flags, s.reason) for s in world.next_hops.status()] == [("IP", "connection refused")]


def test_a_provisional_answer_is_none_yet() -> None:
    world = World(ONE)
    world.next_hops.on_no_answer(ONE, "no answer")
    (effect,) = world.wait(0)
    world.answer(effect, 100)
    assert world.next_hops.status()[0].failures == 1


def test_a_hop_that_has_not_answered_yet_is_not_asked_again() -> None:
    world = World(ONE, interval=3, timeout=4)
    assert len(world.wait(0)) == 1
    assert world.wait(3.5) == [] or remotes(world.wait(0)) == []
    world.wait(1)
    assert len(world.wait(3)) == 1


def test_no_hop_is_asked_that_is_disabled_or_rests() -> None:
    world = World(ONE, TWO)
    world.wait(0)
    world.next_hops.health.disable(ONE)
    world.next_hops.health.on_failed(TWO, "503", 100)
    assert world.wait(60) == []
    assert len(world.wait(60)) == 1


def test_interval_0_asks_nobody() -> None:
    world = World(ONE, interval=0)
    assert world.context.deadlines.next() is None
    assert world.flags() == ["AX"]


def tell(world: World, *addresses: str, error: str = "") -> None:
    for effect in [e for e in world.context.effects if isinstance(e, Resolve)]:
        records = addresses if effect.question.type is RecordType.A else ()
        world.next_hops.lookups.on_resolved(Resolved(effect.question, records, 20, error))


def test_names_are_looked_up_in_every_round() -> None:
    world = World(entry_points=(Target("home.example", 5060),))
    world.wait(0)
    tell(world, "198.51.100.1")
    assert [str(s.hop) for s in world.next_hops.status()] == [str(ONE)]
    (asked,) = [e for e in world.context.effects if isinstance(e, SendSip)]
    world.answer(asked, 200)
    world.wait(30)
    tell(world, "198.51.100.7")
    assert [str(s.hop) for s in world.next_hops.status()] == ["udp:198.51.100.7:5060"]


def test_hops_are_asked_on_while_their_name_cannot_be_looked_up() -> None:
    world = World(entry_points=(Target("home.example", 5060),))
    name = Question("home.example", RecordType.A)
    world.wait(0)
    tell(world, "198.51.100.1")
    world.wait(10_000)
    world.next_hops.lookups.on_resolved(Resolved(name, error="no answer"))
    assert [s.flags for s in world.next_hops.status()] == ["IP"]


def test_nothing_is_left_of_a_round_but_its_deadline() -> None:
    world = World(ONE)
    world.answer(world.wait(0)[0], 200)
    world.wait(20)
    assert len(world.wire.clients) == 0
    assert world.context.deadlines._live == 1
