"""Requests that wait for the DNS, as scripts on a clock of the test's own."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from pcscf.core.context import Context
from pcscf.core.dns_records import Question, RecordType
from pcscf.core.effects import Report, Resolve
from pcscf.core.events import Resolved
from pcscf.core.ids import Ids
from pcscf.core.lookups import Lookup, Lookups
from pcscf.core.policy import DnsPolicy, NextHop, Target
from tests.core.stage import POLICY
from tests.core.zone import A, Zone, udp

HOST = Target("scscf.example", 5060)
OTHER = Target("other.example", 5060)
NUMERIC = Target("198.51.100.9")
FAILED = "no answer"


class World:
    """Lookups of a P-CSCF with IPv4 only, the DNS, and who waits."""

    def __init__(self, **dns: float) -> None:
        policy = replace(POLICY, core=POLICY.core[:1], dns=replace(DnsPolicy(), **dns))  # type: ignore[arg-type]
        self.context = Context(policy, Ids(Random(1).randbytes))
        self.lookups = Lookups(self.context)
        self.found: list[Sequence[NextHop]] = []

    def find(self, *targets: Target) -> None:
        self.lookups.find(targets, self.found.append)

    def asked(self) -> list[Question]:
        """The questions that were emitted since the last look."""
        asked = [e.question for e in self.context.effects if isinstance(e, Resolve)]
        self.context.effects = [e for e in self.context.effects if isinstance(e, Report)]
        return asked

    def tell(self, question: Question, *addresses: str, error: str = "", ttl: float = 60) -> None:
        self.lookups.on_resolved(Resolved(question, addresses, ttl, error))

    def answer(self, zone: Zone | None = None, error: str = "") -> None:
        """Answer all that is asked until nothing is."""
        while asked := self.asked():
            for question in asked:
                records = (zone or {}).get(question, ())
                self.lookups.on_resolved(Resolved(question, records, 60, error))

    def wait(self, seconds: float) -> None:
        self.context.now += seconds
        while (owner := self.context.deadlines.pop_due(self.context.now)) is not None:
            assert isinstance(owner, Lookup)
            self.lookups.on_deadline(owner)

    def is_empty(self) -> bool:
        """Nobody waits, nothing is asked, and no deadline is left."""
        return not (len(self.lookups) or self.lookups._waiting or self.context.deadlines._live)


ZONE = dict([A("scscf.example", "198.51.100.1"), A("other.example", "198.51.100.2")])
NAME = Question("scscf.example", RecordType.A)


def test_addresses_are_found_at_once() -> None:
    world = World()
    world.find(NUMERIC)
    assert world.found == [[udp("198.51.100.9")]]
    assert world.asked() == []


def test_a_name_is_found_once_the_answer_is_there() -> None:
    world = World()
    world.find(HOST, NUMERIC)
    assert world.found == []
    assert world.asked() == [NAME]
    world.tell(NAME, "198.51.100.1")
    assert world.found == [[udp("198.51.100.1"), udp("198.51.100.9")]]
    assert world.is_empty()


def test_what_is_known_is_not_asked_until_its_time_is_over() -> None:
    world = World()
    world.find(HOST)
    world.answer(ZONE)
    world.wait(59)
    world.find(HOST)
    assert world.asked() == []
    world.wait(2)
    world.find(HOST)
    assert world.asked() == [NAME]
    assert len(world.found) == 2


def test_any_number_of_requests_ask_one_question() -> None:
    world = World()
    for _ in range(5):
        world.find(HOST)
    world.find(HOST, OTHER)
    assert world.asked() == [NAME, Question("other.example", RecordType.A)]
    world.tell(NAME, "198.51.100.1")
    assert world.found == [[udp("198.51.100.1")]] * 5
    world.tell(Question("other.example", RecordType.A), "198.51.100.2")
    assert world.found[5] == [udp("198.51.100.1"), udp("198.51.100.2")]
    assert world.context.counters["dns_asked"] == 2


def test_naptr_srv_and_address_follow_one_another() -> None:
    world = World()
    world.find(Target("scscf.example"))
    assert [q.type for q in world.asked()] == ["NAPTR"]
    world.tell(Question("scscf.example", RecordType.NAPTR))
    services = world.asked()
    assert [q.type for q in services] == ["SRV", "SRV"]
    for question in services:
        world.tell(question)
    assert world.asked() == [NAME]
    world.tell(NAME, "198.51.100.1")
    assert world.found == [[udp("198.51.100.1")]]


def test_an_answer_that_runs_out_meanwhile_counts_for_who_waited() -> None:
    world = World(min_ttl=1)
    world.find(HOST, OTHER)
    world.asked()
    world.tell(NAME, "198.51.100.1", ttl=0)
    world.wait(5)
    world.tell(Question("other.example", RecordType.A), "198.51.100.2")
    assert world.found == [[udp("198.51.100.1"), udp("198.51.100.2")]]
    assert world.asked() == []


def test_a_failure_is_no_hop_and_is_reported() -> None:
    world = World()
    world.find(HOST, NUMERIC)
    world.answer(error=FAILED)
    assert world.found == [[udp("198.51.100.9")]]
    (report,) = world.context.effects
    assert isinstance(report, Report)
    assert (report.level, report.event) == ("warning", "dns_failed")
    assert report.fields == {"name": "scscf.example", "type": "A", "reason": FAILED}


def test_naptr_that_fails_does_not_hide_the_address() -> None:
    """Some resolvers drop what they do not know."""
    world = World()
    world.find(Target("scscf.example"))
    world.tell(Question("scscf.example", RecordType.NAPTR), error=FAILED)
    world.asked()
    for transport in ("udp", "tcp"):
        world.tell(Question(f"_sip._{transport}.scscf.example", RecordType.SRV), error=FAILED)
    world.answer(ZONE)
    assert world.found == [[udp("198.51.100.1")]]


def test_after_the_time_out_a_request_goes_on_with_what_is_known() -> None:
    world = World(timeout=7)
    world.find(HOST, NUMERIC)
    world.wait(6.9)
    assert world.found == []
    world.wait(0.1)
    assert world.found == [[udp("198.51.100.9")]]
    world.asked()
    world.tell(NAME, "198.51.100.1")  # too late for that one, but not for the next
    world.find(HOST)
    assert world.found[1:] == [[udp("198.51.100.1")]]
    assert world.is_empty()


def test_the_time_out_is_for_all_questions_of_a_request() -> None:
    world = World(timeout=7)
    world.find(Target("scscf.example"))
    world.asked()
    world.wait(5)
    world.tell(Question("scscf.example", RecordType.NAPTR))
    world.wait(2)
    assert world.found == [[]]


def test_after_the_time_out_an_old_answer_serves() -> None:
    world = World(timeout=7, stale=1000)
    world.find(HOST)
    world.answer(ZONE)
    world.wait(500)
    world.find(HOST)
    world.wait(7)
    assert world.found == [[udp("198.51.100.1")]] * 2


def test_a_failed_renewal_leaves_the_old_answer() -> None:
    world = World(stale=1000)
    world.find(HOST)
    world.answer(ZONE)
    world.wait(500)
    world.find(HOST)
    world.answer(error=FAILED)
    assert world.found == [[udp("198.51.100.1")]] * 2


def test_where_too_many_wait_a_request_goes_on_with_what_is_known() -> None:
    world = World(max_waiting=2)
    for _ in range(3):
        world.find(HOST, NUMERIC)
    assert world.found == [[udp("198.51.100.9")]]
    assert world.context.counters["dns_too_many_waiting"] == 1
    world.answer(ZONE)
    world.find(HOST)
    assert len(world.found) == 4
    assert world.is_empty()


def test_an_answer_that_nobody_waits_for_is_kept() -> None:
    world = World()
    world.tell(NAME, "198.51.100.1")
    world.find(HOST)
    assert world.found == [[udp("198.51.100.1")]]


def test_a_request_that_breaks_leaves_the_others_to_their_deadline() -> None:
    """The server drops the rest of an event that raises."""
    world = World()

    def break_down(_hops: Sequence[NextHop]) -> None:
        raise RuntimeError

    world.lookups.find([HOST], break_down)
    world.find(HOST)
    world.asked()
    try:
        world.tell(NAME, "198.51.100.1")
    except RuntimeError:
        world.wait(7)
    assert world.found == [[udp("198.51.100.1")]]
    assert world.is_empty()
