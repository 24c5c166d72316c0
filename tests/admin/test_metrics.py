"""What is exported, and that page, dashboard and alerts speak of nothing else."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from pcscf.admin.metrics import Exposition
from pcscf.admin.parts import Parts, Store, Subject
from pcscf.core.events import Drain
from pcscf.core.hooks import Point
from pcscf.core.views import finished
from pcscf.hooks.measures import Failure, HookMeasures
from pcscf.store.writer import State
from tests.admin.desk import STARTED, Played, Writes, another
from tests.core.phone import Phone
from tests.core.stage import GM, TWO_HOPS, Stage
from xfrm.memory import MemoryKernel

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "metrics.md"
DASHBOARD = ROOT / "config" / "grafana" / "pcscf.json"
ALERTS = ROOT / "config" / "prometheus" / "alerts.yaml"
SUITE = "hmac-sha-1-96/aes-cbc"


class Scrape:
    """A P-CSCF that is scraped."""

    def __init__(self, parts: Parts | None = None) -> None:
        self.stage = Stage(next_hops=TWO_HOPS)
        self.server = Played(self.stage)
        self.xfrm_errors = {"XfrmInNoStates": 3, "XfrmInStateProtoError": 0}
        self.ready = True
        self._exposition = Exposition(
            Subject(
                self.stage.edge, self.server, MemoryKernel(), "1.2.3", STARTED, (GM,), (SUITE,)
            ),
            parts or Parts(),
        )

    def text(self) -> str:
        census = finished(self.stage.edge.views.census())
        text = self._exposition.text(census, self.xfrm_errors, ready=self.ready)
        return text.decode()

    def families(self) -> dict[str, Metric]:
        """By the name that documentation uses: that of a counter ends in _total."""
        found = text_string_to_metric_families(self.text())
        return {one.name + "_total" * (one.type == "counter"): one for one in found}

    def value(self, name: str, **labels: str) -> float:
        samples = [one for family in self.families().values() for one in family.samples]
        (value,) = [one.value for one in samples if (one.name, one.labels) == (name, labels)]
        return value


def all_parts() -> Parts:
    """A store that was down, hooks that were called, and a mirror that lost something."""
    state = State("behind", "7 changes wait for the store", STARTED.timestamp())
    writes = Writes(state, 7, written=100, batches=12, failures=2, unmade=1, spent=0.5)
    measures = HookMeasures()
    measures.waiting = 3
    function = measures.of(Point.CORE, "before_core_numbers")
    function.calls = 9  # of which two have not ended
    for seconds in (0.0001, 0.0001, 0.0001, 0.002, 0.002, 0.02, 2.0):
        function.observe(seconds)
    function.refused, function.slow = 2, 1
    function.failures[Failure.RAISED] = 1
    return Parts(
        survival=SimpleNamespace(reasons=[], hold="unsure"),
        store=Store("sqlite", writes),
        hooks=SimpleNamespace(
            measures=measures, file="rules.py", functions=["before_core_numbers"]
        ),
        mirror=SimpleNamespace(sent=40, lost=Counter({"send buffer is full": 2})),
    )


@pytest.fixture
def scrape() -> Scrape:
    return Scrape()


@pytest.fixture(scope="module")
def exported() -> dict[str, Metric]:
    """All families, each with samples: of a P-CSCF to which all kinds of things have happened."""
    scrape = Scrape(all_parts())
    Phone(scrape.stage).registered()
    scrape.stage.edge._context.count("dns_asked")
    return scrape.families()


# -- what is counted


def test_phones_and_sa_sets_are_counted_by_kind(scrape: Scrape) -> None:
    phone = Phone(scrape.stage)
    phone.registered()
    phone.reregistered()
    another(scrape.stage).challenged()
    assert scrape.value("pcscf_registrations", kind="protected") == 1
    assert scrape.value("pcscf_registrations", kind="guest") == 0
    assert scrape.value("pcscf_authentications") == 1
    for stage in ("current", "previous", "temporary"):
        assert scrape.value("pcscf_sa_sets", algorithm=SUITE, stage=stage) == 1


def test_sip_is_counted_and_timed(scrape: Scrape) -> None:
    phone = Phone(scrape.stage)
    phone.says_in_clear(phone.register())
    scrape.stage.wait(0.3)
    phone.take_server(scrape.stage.challenge())
    scrape.stage.accept_answer_of(phone)
    at = {"side": "clear", "direction": "received", "method": "REGISTER"}
    assert scrape.value("pcscf_sip_requests_total", **at) == 1
    assert (
        scrape.value("pcscf_sip_responses_total", **{**at, "direction": "sent", "status": "401"})
        == 1
    )
    timed = {"side": "clear", "method": "REGISTER"}
    assert scrape.value("pcscf_answer_seconds_count", **timed) == 1
    assert scrape.value("pcscf_answer_seconds_sum", **timed) == pytest.approx(0.3)
    assert scrape.value("pcscf_answer_seconds_bucket", le="0.25", **timed) == 0
    assert scrape.value("pcscf_answer_seconds_bucket", le="0.5", **timed) == 1
    assert scrape.value("pcscf_answer_seconds_bucket", le="+Inf", **timed) == 1
    assert scrape.value("pcscf_registration_seconds_sum") == pytest.approx(0.3)
    assert scrape.value("pcscf_first_response_seconds_count", side="core", method="REGISTER") == 2


def test_next_hops_have_a_state(scrape: Scrape) -> None:
    phone = Phone(scrape.stage)
    for _ in range(scrape.stage.policy.health.failures):
        phone.says_in_clear(phone.register())
        scrape.stage.send_fails(scrape.stage.to_core[-1])
    first, second = (f"udp:{hop.endpoint}" for hop in TWO_HOPS)
    assert scrape.value("pcscf_next_hop_state", next_hop=first, state="inactive") == 1
    assert scrape.value("pcscf_next_hop_state", next_hop=first, state="active") == 0
    assert scrape.value("pcscf_next_hop_state", next_hop=second, state="active") == 1
    assert scrape.value("pcscf_next_hop_failures", next_hop=first) == 3
    assert scrape.value("pcscf_events_total", event="next_hop_inactive") == 1


def test_what_was_kept_out_is_counted_by_reason(scrape: Scrape) -> None:
    scanner = Phone(scrape.stage, host="198.18.0.1")
    for _ in range(7):
        scanner.says_in_clear(scanner.register("User-Agent: friendly-scanner"))
    assert scrape.value("pcscf_offences_total", offence="scanner") == 5
    assert scrape.value("pcscf_dropped_messages_total", reason="blocked") == 2
    assert scrape.value("pcscf_refused_requests_total", limit="load") == 0
    assert scrape.value("pcscf_blocked_sources") == 1
    assert scrape.value("pcscf_events_total", event="guard_blocked") == 1


def test_nothing_is_counted_twice(scrape: Scrape) -> None:
    for name in ("guard_dropped_flood", "guard_refused_user", "guard_probe", "media_edited"):
        scrape.stage.edge._context.count(name)
    events = [one.labels["event"] for one in scrape.families()["pcscf_events_total"].samples]
    assert events == ["media_edited"]


def test_kernel_process_and_state(scrape: Scrape) -> None:
    scrape.server.lag = 0.125
    scrape.server.failed_events = 2
    assert scrape.value("pcscf_xfrm_errors_total", counter="XfrmInNoStates") == 3
    assert scrape.value("pcscf_event_loop_lag_seconds") == 0.125
    assert scrape.value("pcscf_failed_events_total") == 2
    assert scrape.value("process_resident_memory_bytes") > 1e6
    (build,) = scrape.families()["pcscf_build_info"].samples
    assert build.labels["version"] == "1.2.3"
    assert (scrape.value("pcscf_ready"), scrape.value("pcscf_draining")) == (1, 0)
    scrape.ready = False
    scrape.stage.play(Drain(on=True))
    assert (scrape.value("pcscf_ready"), scrape.value("pcscf_draining")) == (0, 1)


def test_the_store_has_a_state_and_counts() -> None:
    scrape = Scrape(all_parts())
    states = {
        name: scrape.value("pcscf_store_state", state=name) for name in ("ok", "behind", "down")
    }
    assert states == {"ok": 0, "behind": 1, "down": 0}
    assert scrape.value("pcscf_store_waiting") == 7
    assert scrape.value("pcscf_store_changes_total") == 100
    assert scrape.value("pcscf_store_batches_total") == 12
    assert scrape.value("pcscf_store_failures_total") == 2
    assert scrape.value("pcscf_store_unmade_total") == 1
    assert scrape.value("pcscf_store_seconds_total") == 0.5


def test_calls_of_hooks_are_counted_by_outcome_when_they_have_ended() -> None:
    scrape = Scrape(all_parts())
    at = {"point": "before_core", "function": "before_core_numbers"}
    outcomes = {"passed": 4, "refused": 2, "raised": 1, "late": 0}
    for outcome, count in outcomes.items():
        assert scrape.value("pcscf_hook_calls_total", **at, outcome=outcome) == count
    assert scrape.value("pcscf_hook_slow_total", **at) == 1
    assert scrape.value("pcscf_hook_seconds_count", **at) == 7
    assert scrape.value("pcscf_hook_seconds_bucket", **at, le="0.001") == 3
    assert scrape.value("pcscf_hooks_waiting") == 3


def test_the_lease_has_a_state() -> None:
    scrape = Scrape(all_parts())
    holds = ("held", "unsure", "unasked", "not held")
    assert [scrape.value("pcscf_lease", hold=one) for one in holds] == [0, 1, 0, 0]


def test_a_store_that_nobody_shares_has_no_lease() -> None:
    parts = all_parts()
    parts = replace(parts, survival=SimpleNamespace(reasons=[], hold=None))
    assert Scrape(parts).families()["pcscf_lease"].samples == []


def test_copies_are_counted_and_those_that_were_lost_by_reason() -> None:
    scrape = Scrape(all_parts())
    assert scrape.value("pcscf_mirror_sent_total") == 40
    assert scrape.value("pcscf_mirror_lost_total", reason="send buffer is full") == 2


def test_what_there_is_not_has_no_samples(scrape: Scrape) -> None:
    without = ("pcscf_store_", "pcscf_lease", "pcscf_hook_", "pcscf_mirror_")
    found = {name: one.samples for name, one in scrape.families().items()}
    assert {
        name for name, samples in found.items() if name.startswith(without) and samples
    } == set()


def test_a_new_p_cscf_exports_every_family(scrape: Scrape, exported: dict[str, Metric]) -> None:
    assert set(scrape.families()) == set(exported)


# -- conventions


def test_names_follow_the_conventions(exported: dict[str, Metric]) -> None:
    for name, family in exported.items():
        assert re.fullmatch(r"(pcscf|process)(_[a-z0-9]+)+", name)
        assert not re.search(r"_(ms|millis|kb|minutes)(_|$)", name)
        assert (family.type == "counter") is name.endswith("_total")
        if family.type == "histogram":
            assert name.endswith("_seconds")
        assert family.documentation.endswith(".")


# -- the page


def rows(page: str) -> Iterator[list[str]]:
    """The cells of all rows of its tables."""
    for line in page.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_page_lists_exactly_what_is_exported(exported: dict[str, Metric]) -> None:
    listed = {
        words(cells[0])[0]: (cells[1], sorted(words(cells[2])))
        for cells in rows(PAGE.read_text())
        if len(cells) == 4
    }
    assert listed == {
        name: (family.type, sorted(labels_of(family))) for name, family in exported.items()
    }


def test_the_page_explains_every_metric() -> None:
    explained = [cells for cells in rows(PAGE.read_text()) if len(cells) == 4]
    assert [cells[0] for cells in explained if len(cells[3]) < 5] == []


def test_the_page_lists_every_event_that_the_core_counts() -> None:
    listed = {
        word for cells in rows(PAGE.read_text()) if len(cells) == 2 for word in words(cells[0])
    }
    source = "".join(path.read_text() for path in (ROOT / "pcscf" / "core").glob("*.py"))
    counted = set(re.findall(r'\bcount\(\s*"([a-z0-9_]+)"\s*\)', source)) - {"authorization"}
    assert counted - listed == set()
    assert len(counted) > 10
    patterns = re.findall(r'\bcount\(f"([a-z0-9_]+)\{', source)
    assert set(patterns) == {"guard_", "guard_load_", "next_hop_"}


def labels_of(family: Metric) -> set[str]:
    return {label for sample in family.samples for label in sample.labels} - {"le"}


# -- queries


def queries_of_dashboard() -> list[str]:
    dashboard = json.loads(DASHBOARD.read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]


def queries_of_alerts() -> list[str]:
    return re.findall(r"(?m)^ +expr: (.+)$", ALERTS.read_text())


def misused(query: str, exported: dict[str, Metric]) -> list[str]:
    """What a query names that is not exported: metrics, and labels of theirs."""
    series = {
        sample.name: labels_of(family) | ({"le"} if family.type == "histogram" else set())
        for family in exported.values()
        for sample in family.samples
    }
    series["up"] = set()
    found = re.findall(r"\b((?:pcscf|process)_\w+|up)\b(?:\{([^}]*)\})?", query)
    assert found, query
    wrong = [name for name, _ in found if name not in series]
    known = {"instance", "job"}.union(*(series.get(name, set()) for name, _ in found))
    named = [label for _, inside in found for label in re.findall(r"(\w+)\s*=", inside)]
    for inside in re.findall(r"\bby \(([^)]*)\)", query):
        named += [label.strip() for label in inside.split(",")]
    return wrong + [label for label in named if label not in known]


@pytest.mark.parametrize("query", [*queries_of_dashboard(), *queries_of_alerts()])
def test_every_query_uses_what_is_exported(query: str, exported: dict[str, Metric]) -> None:
    assert misused(query, exported) == []
    assert query.count("(") == query.count(")")
    assert query.count("{") == query.count("}")


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("pcscf_nothing > 1", ["pcscf_nothing"]),
        ("rate(pcscf_sip_requests[5m])", ["pcscf_sip_requests"]),
        ('pcscf_registrations{sort="x"}', ["sort"]),
        ("sum by (reason) (pcscf_registrations)", ["reason"]),
    ],
)
def test_a_query_of_something_else_is_seen(
    query: str, wrong: list[str], exported: dict[str, Metric]
) -> None:
    assert misused(query, exported) == wrong


def test_every_family_of_ours_is_on_the_dashboard_or_not_worth_a_graph(
    exported: dict[str, Metric],
) -> None:
    text = DASHBOARD.read_text()
    left_out = {name for name in exported if not re.search(rf"{name}(_bucket|_count)?\b", text)}
    assert left_out == {
        "pcscf_events_total",
        "pcscf_next_hop_failures",
        "process_max_fds",
        "process_open_fds",
        "process_start_time_seconds",
        "process_virtual_memory_bytes",
    }


def test_the_dashboard_can_be_imported() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert {one["name"] for one in dashboard["templating"]["list"]} == {
        "datasource",
        "job",
        "instance",
    }
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_every_alert_says_what_is_wrong_and_how_bad_it_is() -> None:
    rules = ALERTS.read_text().split("- alert: ")[1:]
    names = [rule.split()[0] for rule in rules]
    assert len(names) == len(set(names)) == len(queries_of_alerts()) > 8
    for rule in rules:
        assert re.search(r"labels: \{severity: (critical|warning)\}", rule)
        assert re.search(r'summary: "\{\{ \$labels\.instance \}\}.+"', rule)
