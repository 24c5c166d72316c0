"""How long answers are believed."""

from dataclasses import replace

import pytest

from pcscf.core.dns_records import Question, RecordType
from pcscf.core.events import Resolved
from pcscf.core.name_cache import NameCache
from pcscf.core.policy import DnsPolicy

NAME = Question("home.example", RecordType.A)
OLD, NEW = ("198.51.100.1",), ("198.51.100.2",)
POLICY = DnsPolicy(min_ttl=5, max_ttl=100, negative_ttl=30, stale=1000, cache_size=2)


@pytest.fixture
def cache() -> NameCache:
    return NameCache(POLICY)


@pytest.mark.parametrize(("ttl", "kept"), [(60, 60), (0, 5), (100_000, 100)])
def test_an_answer_is_fresh_for_its_ttl_within_bounds(
    cache: NameCache, ttl: float, kept: float
) -> None:
    assert cache.store(Resolved(NAME, OLD, ttl), 0) == OLD
    assert cache.fresh(NAME, kept - 0.1) == OLD
    assert cache.fresh(NAME, kept) is None


def test_what_was_never_asked_is_not_known(cache: NameCache) -> None:
    assert cache.fresh(NAME, 0) is None
    assert cache.last(NAME, 0) == ()


@pytest.mark.parametrize("error", ["", "no answer"])
def test_a_negative_answer_and_a_failure_are_kept_shortly(cache: NameCache, error: str) -> None:
    assert cache.store(Resolved(NAME, error=error), 0) == ()
    assert cache.fresh(NAME, 29.9) == ()
    assert cache.fresh(NAME, 30) is None


def test_after_a_failure_the_old_answer_serves_on_and_is_asked_for_again(
    cache: NameCache,
) -> None:
    cache.store(Resolved(NAME, OLD, 60), 0)
    assert cache.store(Resolved(NAME, error="no answer"), 70) == OLD
    assert cache.fresh(NAME, 99.9) == OLD
    assert cache.fresh(NAME, 100) is None
    assert cache.store(Resolved(NAME, NEW, 60), 101) == NEW


def test_the_old_answer_ends_at_last_however_often_it_fails(cache: NameCache) -> None:
    cache.store(Resolved(NAME, OLD, 60), 0)
    for at in range(60, 1060, 30):
        assert cache.store(Resolved(NAME, error="no answer"), at) == OLD
    assert cache.fresh(NAME, 1059.9) == OLD
    assert cache.fresh(NAME, 1060) is None
    assert cache.last(NAME, 1060) == ()
    assert cache.store(Resolved(NAME, error="no answer"), 1061) == ()


def test_that_there_is_no_such_name_any_more_is_believed(cache: NameCache) -> None:
    cache.store(Resolved(NAME, OLD, 60), 0)
    assert cache.store(Resolved(NAME), 70) == ()
    assert cache.last(NAME, 71) == ()


def test_the_answer_that_was_stored_first_makes_room(cache: NameCache) -> None:
    names = [Question(f"h{n}.example", RecordType.A) for n in range(3)]
    cache.store(Resolved(names[0], OLD, 60), 0)
    cache.store(Resolved(names[1], OLD, 60), 0)
    cache.store(Resolved(names[0], NEW, 60), 1)  # renewed: the other is the oldest now
    cache.store(Resolved(names[2], OLD, 60), 2)
    assert [cache.fresh(name, 3) for name in names] == [NEW, None, OLD]
    assert len(cache) == 2


def test_a_smaller_cache_is_kept_to_from_the_next_answer_on(cache: NameCache) -> None:
    cache.store(Resolved(NAME, OLD, 60), 0)
    cache.store(Resolved(NAME._replace(name="b.example"), OLD, 60), 0)
    cache.policy = replace(POLICY, cache_size=1)
    cache.store(Resolved(NAME._replace(name="c.example"), OLD, 60), 0)
    assert len(cache) == 1
