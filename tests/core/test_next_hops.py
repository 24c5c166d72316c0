"""What a relay asks and tells: hops in order of health, and what came of a request."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random

import pytest

from pcscf.core.context import Context
from pcscf.core.dns_records import Question, RecordType
from pcscf.core.events import Resolved
from pcscf.core.ids import Ids
from pcscf.core.next_hops import NextHops
from pcscf.core.policy import HealthPolicy, NextHop, Target
from pcscf.sip.message import Response
from tests.core.stage import POLICY
from tests.core.zone import udp

ONE, TWO = udp("198.51.100.1"), udp("198.51.100.2")
LIMITS = HealthPolicy(failures=2, successes=1, max_retry_after=300)


def next_hops(*hops: NextHop, entry_points: tuple[Target, ...] = ()) -> NextHops:
    policy = replace(POLICY, health=LIMITS, next_hops=hops, entry_points=entry_points)
    return NextHops(Context(policy, Ids(Random(1).randbytes)))


def found(subject: NextHops, targets: Iterable[Target], last: NextHop | None = None) -> object:
    results: list[Sequence[NextHop]] = []
    subject.find(tuple(targets), results.append, last)
    (result,) = results
    return list(result)


def answer(status: int, *lines: str) -> Response:
    return Response(f"SIP/2.0 {status} X", list(lines))


def test_numeric_next_hops_are_entry_points() -> None:
    subject = next_hops(ONE, TWO)
    assert subject.entry_points == (
        Target("198.51.100.1", 5060, ONE.transport),
        Target("198.51.100.2", 5060, ONE.transport),
    )
    assert found(subject, subject.entry_points) == [ONE, TWO]


def test_names_stand_among_them_in_the_operators_order() -> None:
    points = (Target("home.example"), Target("198.51.100.2"))
    assert next_hops(TWO, entry_points=points).entry_points == points


def test_a_request_goes_where_the_last_one_went_while_that_is_active() -> None:
    subject = next_hops(ONE, TWO)
    assert found(subject, subject.entry_points, TWO) == [TWO, ONE]
    subject.on_no_answer(TWO, "no answer")
    subject.on_no_answer(TWO, "connection refused")
    assert found(subject, subject.entry_points, TWO) == [ONE]


def test_health_is_looked_at_when_the_answer_comes() -> None:
    subject = next_hops()
    results: list[Sequence[NextHop]] = []
    subject.find((Target("a.example", 5060),), results.append)
    subject.health.disable(ONE)
    for kind in (RecordType.A, RecordType.AAAA):
        records = ("198.51.100.1", "198.51.100.2") if kind is RecordType.A else ()
        subject.lookups.on_resolved(Resolved(Question("a.example", kind), records, 60))
    assert results == [[TWO]]


def test_503_is_a_failure_and_any_other_final_answer_a_sign_of_life() -> None:
    subject = next_hops(ONE, TWO)
    subject.on_answer(ONE, answer(503))
    subject.on_answer(ONE, answer(500))
    subject.on_answer(ONE, answer(503))
    assert found(subject, subject.entry_points) == [ONE, TWO]
    subject.on_answer(ONE, answer(503))
    assert found(subject, subject.entry_points) == [TWO]
    subject.on_answer(ONE, answer(404))
    assert found(subject, subject.entry_points) == [ONE, TWO]


@pytest.mark.parametrize(
    ("value", "rests"),
    [
        ("120", True),
        ("120 (in a meeting)", True),
        ("120;duration=60", True),
        ("9" * 500, True),
        ("0", False),
        ("soon", False),
        ("-1", False),
        ("", False),
        ("١٢٠", False),
    ],
)
def test_retry_after_leaves_a_hop_out_at_once(value: str, rests: bool) -> None:
    subject = next_hops(ONE, TWO)
    subject.on_answer(ONE, answer(503, f"Retry-After: {value}"))
    assert found(subject, subject.entry_points) == ([TWO] if rests else [ONE, TWO])


def test_the_operator_sees_configured_hops_and_others_that_failed() -> None:
    subject = next_hops(entry_points=(Target("home.example"), Target("198.51.100.2")))
    subject.on_no_answer(ONE, "connection refused")
    assert [(str(s.hop), s.flags, s.failures, s.reason) for s in subject.status()] == [
        ("udp:198.51.100.2:5060", "AX", 0, ""),
        ("udp:198.51.100.1:5060", "AX", 1, "connection refused"),
    ]
