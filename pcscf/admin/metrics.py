"""What Prometheus scrapes, made at the scrape: nothing is counted here that is not elsewhere.

docs/metrics.md lists all of it; a test holds the two against each other.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from platform import python_version
from typing import Final, get_args

from prometheus_client import ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.registry import Collector

from pcscf.admin.parts import Core, Hooks, Mirror, Parts, Server, Store, Subject, Survival
from pcscf.core.flow import Side
from pcscf.core.hop_health import HopState
from pcscf.core.measures import BUCKETS, Histogram
from pcscf.core.offence import Offence
from pcscf.core.views import Census
from pcscf.hooks.measures import BUCKETS as HOOK_BUCKETS
from pcscf.hooks.measures import Failure, FunctionMeasures
from pcscf.store.keeper import Hold
from pcscf.store.writer import StateName

__all__ = ["CONTENT_TYPE", "Exposition"]

# What the counters of the guard are called, and the reasons they have (pcscf.core.guard).
_DROPPED: Final = {f"guard_dropped_{reason}": reason for reason in ("blocked", "flood")}
_REFUSED: Final = {f"guard_refused_{reason}": reason for reason in ("source", "user", "load")}
_OFFENCES: Final = {f"guard_{offence}": str(offence) for offence in Offence}


# Counters of the store, and the attributes of who writes to it.
_STORE: Final = (
    ("changes", "Changes that the store has confirmed.", "written"),
    ("batches", "Batches, those that failed among them.", "batches"),
    ("failures", "Batches that failed.", "failures"),
    ("unmade", "Changes lost by a defect; the log says where.", "unmade"),
    ("seconds", "Time that batches took in all.", "spent"),
)


class Exposition:
    """The text of all metrics."""

    def __init__(self, subject: Subject, parts: Parts) -> None:
        self._subject = subject
        self._parts = parts
        self._process = ProcessCollector(registry=None)

    def text(self, census: Census, xfrm_errors: Mapping[str, int], *, ready: bool) -> bytes:
        """Give it in the format ``CONTENT_TYPE``."""
        families = list(_families(self._subject, census, xfrm_errors, ready=ready))
        families += _of_parts(self._parts)
        return generate_latest(_Once([*families, *self._process.collect()]))


class _Once(Collector):
    """What was collected already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(
    subject: Subject, census: Census, xfrm_errors: Mapping[str, int], *, ready: bool
) -> Iterator[Metric]:
    core = subject.core
    yield from _of_process(subject.server, subject.version)
    yield _gauge("ready", "1 if a new phone can be served, as /readyz says.", int(ready))
    yield _gauge("draining", "1 while new phones are turned away.", int(core.draining))
    yield from _of_phones(core, census)
    yield from _of_sip(core)
    yield from _of_next_hops(core)
    yield from _of_guard(core)
    yield _counters(
        "xfrm_errors",
        "What the kernel counts in /proc/net/xfrm_stat, for all of its network namespace.",
        "counter",
        xfrm_errors,
    )
    yield _events(core)


def _of_parts(parts: Parts) -> Iterator[Metric]:
    """Of a part that is missing there are families without samples."""
    yield from _of_store(parts.store)
    yield _lease(parts.survival)
    yield from _of_hooks(parts.hooks)
    yield from _of_mirror(parts.mirror)


# -- families of one kind


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"pcscf_{name}", text, value=value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"pcscf_{name}", text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _counters(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"pcscf_{name}", text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _counter(name: str, text: str, value: float | None) -> Metric:
    """None: nothing is counted."""
    family = CounterMetricFamily(f"pcscf_{name}", text)
    if value is not None:
        family.add_metric([], value)
    return family


def _histogram(name: str, text: str, values: Mapping[tuple[Side, str], Histogram]) -> Metric:
    family = HistogramMetricFamily(f"pcscf_{name}", text, labels=["side", "method"])
    for labels, histogram in values.items():
        family.add_metric([*labels], _buckets(BUCKETS, histogram.counts), histogram.total)
    return family


def _buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """``counts`` has one more than there are bounds, for the rest."""
    return list(zip((*map(str, bounds), "+Inf"), accumulate(counts), strict=True))


# -- what they are of


def _of_process(server: Server, version: str) -> Iterator[Metric]:
    build = GaugeMetricFamily(
        "pcscf_build_info", "Always 1: what runs.", labels=["version", "python"]
    )
    build.add_metric([version, python_version()], 1)
    yield build
    yield _gauge("event_loop_lag_seconds", "What the event loop is late by, smoothed.", server.lag)
    yield _counter(
        "failed_events",
        "Events that ended in a defect; the log says where.",
        server.failed_events,
    )


def _of_phones(core: Core, census: Census) -> Iterator[Metric]:
    held = core.held()
    yield _gauges("registrations", "Phones that are registered.", "kind", census.ues)
    sas = GaugeMetricFamily(
        "pcscf_sa_sets", "Sets of four SAs in the kernel.", labels=["algorithm", "stage"]
    )
    for labels, count in census.sas.items():
        sas.add_metric(labels, count)
    yield sas
    yield _gauge(
        "authentications", "Registrations whose challenge waits for its answer.",
        held["authentications"],
    )  # fmt: skip
    yield _gauge("dialogs", "Calls and subscriptions of phones.", held["dialogs"])
    yield _gauge("subscriptions", "Our own subscriptions to reg event.", held["subscriptions"])
    yield _gauge(
        "silent_phones", "Phones of which no packet came for liveness.silent_after.",
        held["silent_phones"],
    )  # fmt: skip
    kinds = {kind: held[f"{kind}_transactions"] for kind in ("server", "client")}
    yield _gauges("transactions", "SIP transactions that are held.", "kind", kinds)


def _of_sip(core: Core) -> Iterator[Metric]:
    labels = ["side", "direction", "method"]
    requests = CounterMetricFamily(
        "pcscf_sip_requests", "SIP requests, copies that were sent again among them.", labels=labels
    )
    responses = CounterMetricFamily(
        "pcscf_sip_responses", "SIP responses, likewise.", labels=[*labels, "status"]
    )
    measures = core.measures
    for (side, direction, method, status), count in measures.sip.items():
        if status:
            responses.add_metric([side, direction, method, status], count)
        else:
            requests.add_metric([side, direction, method], count)
    yield requests
    yield responses
    yield _histogram(
        "answer_seconds", "From a request's coming to its final answer's leaving.", measures.answers
    )
    yield _histogram(
        "first_response_seconds",
        "From a request's leaving to the first response of whoever was asked.",
        measures.first_responses,
    )
    whole = measures.registrations
    yield HistogramMetricFamily(
        "pcscf_registration_seconds",
        "From a phone's first REGISTER to the 200.",
        buckets=_buckets(BUCKETS, whole.counts),
        sum_value=whole.total,
    )


def _of_next_hops(core: Core) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "pcscf_next_hop_state", "1 for the state a next hop is in.", labels=["next_hop", "state"]
    )
    failures = GaugeMetricFamily(
        "pcscf_next_hop_failures", "Failures of a next hop in a row.", labels=["next_hop"]
    )
    for hop in core.views.next_hops():
        for one in HopState:
            state.add_metric([hop.next_hop, one], int(hop.state == one))
        failures.add_metric([hop.next_hop], hop.failures)
    yield state
    yield failures


def _of_guard(core: Core) -> Iterator[Metric]:
    counted = core.counted()

    def named(names: Mapping[str, str]) -> dict[str, float]:
        return {reason: counted.get(name, 0) for name, reason in names.items()}

    yield _gauge("blocked_sources", "Sources that are blocked now.", len(core.views.blocked(0)))
    yield _counters(
        "dropped_messages", "Messages that were not read, by why.", "reason", named(_DROPPED)
    )
    yield _counters(
        "refused_requests", "Requests answered 503, by whose limit.", "limit", named(_REFUSED)
    )
    yield _counters("offences", "What honest phones hardly ever do.", "offence", named(_OFFENCES))


def _events(core: Core) -> Metric:
    """What else the core counts, by its own names."""
    known = {*_DROPPED, *_REFUSED, *_OFFENCES}
    others = {name: count for name, count in core.counted().items() if name not in known}
    return _counters("events", "What else was counted, by name.", "event", others)


def _of_store(store: Store | None) -> Iterator[Metric]:
    writing = store.writing if store else None
    state = writing.state.name if writing else ""
    states = {name: int(name == state) for name in get_args(StateName)} if writing else {}
    yield _gauges("store_state", "1 for the state the store is in.", "state", states)
    waiting = GaugeMetricFamily("pcscf_store_waiting", "Records that are still to be written.")
    if writing:
        waiting.add_metric([], writing.waiting)
    yield waiting
    for name, text, attribute in _STORE:
        yield _counter(f"store_{name}", text, getattr(writing, attribute, None))


def _lease(survival: Survival | None) -> Metric:
    hold = survival.hold if survival else None
    holds = {one: int(one == hold) for one in get_args(Hold)} if hold else {}
    return _gauges("lease", "1 for what is known of the lease.", "hold", holds)


def _of_hooks(hooks: Hooks | None) -> Iterator[Metric]:
    labels = ["point", "function"]
    calls = CounterMetricFamily(
        "pcscf_hook_calls",
        "Calls of an operator's functions that have ended, by what came of them.",
        labels=[*labels, "outcome"],
    )
    slow = CounterMetricFamily(
        "pcscf_hook_slow", "Calls that kept everybody for longer than hooks.slow.", labels=labels
    )
    seconds = HistogramMetricFamily(
        "pcscf_hook_seconds", "From a call to its answer, waiting included.", labels=labels
    )
    for (point, name), one in hooks.measures.functions.items() if hooks else ():
        for outcome, count in _outcomes(one).items():
            calls.add_metric([point, name, outcome], count)
        slow.add_metric([point, name], one.slow)
        seconds.add_metric([point, name], _buckets(HOOK_BUCKETS, one.seconds), one.total)
    yield calls
    yield slow
    yield seconds
    waiting = hooks.measures.waiting if hooks else 0
    yield _gauge("hooks_waiting", "Calls that wait for a server or a database.", waiting)


def _outcomes(one: FunctionMeasures) -> dict[str, int]:
    failures = {failure.value: one.failures[failure] for failure in Failure}
    passed = sum(one.seconds) - one.refused - sum(failures.values())
    return {"passed": passed, "refused": one.refused, **failures}


def _of_mirror(mirror: Mirror | None) -> Iterator[Metric]:
    sent = mirror.sent if mirror else None
    yield _counter("mirror_sent", "Messages that were copied to the collector.", sent)
    lost = mirror.lost if mirror else {}
    yield _counters("mirror_lost", "Messages that were not, by why.", "reason", lost)
