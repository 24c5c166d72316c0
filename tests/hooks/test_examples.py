"""The files in config/hooks do what they say, on the core's stage."""

import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from pcscf.core.events import HooksAnswered
from pcscf.core.flow import Endpoint, Transport
from pcscf.core.hooks import Case, Verdict
from pcscf.core.policy import EmergencyPolicy, Target
from pcscf.errors import ConfigError
from pcscf.hooks.loading import check
from tests.core.call import OutgoingCall
from tests.core.phone import Phone
from tests.core.stage import IMPU, S_CSCF, Stage
from tests.hooks.support import Bench
from tests.net.support import looped, until

FILES = Path(__file__).parents[2] / "config" / "hooks"
TEL = "tel:+491701234567"  # a second identity of the stage's phones
WATCHED = "+49301234"
SCHEMA = "CREATE TABLE blocked (called TEXT, caller TEXT, PRIMARY KEY (called, caller))"


class OnStage:
    """A hook file that serves a stage."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage = stage
        self.bench = Bench(FILES / name)
        stage.edge.use_hooks(self)

    def ask(self, case: Case) -> Verdict | None:
        return self.bench.service.ask(case, lambda verdict: self._answered(case, verdict))

    def _answered(self, case: Case, verdict: Verdict) -> None:
        self.stage.play(HooksAnswered(case.ticket, verdict))

    def failures(self) -> int:
        functions = self.bench.measures.functions.values()
        return sum(sum(one.failures.values()) for one in functions)


@pytest.fixture
def stage() -> Stage:
    return Stage(emergency=EmergencyPolicy(e_cscf=(Target("203.0.113.12", 5060, Transport.UDP),)))


@pytest.fixture
def phone(stage: Stage) -> Phone:
    phone = Phone(stage)
    phone.registered()
    return phone


@pytest.mark.parametrize("path", sorted(FILES.glob("*.py")), ids=lambda path: path.name)
def test_each_file_passes_the_check(path: Path) -> None:
    assert check(path) == []


# --- rewrite_headers


@pytest.mark.parametrize(
    ("dialled", "asked"),
    [
        ("sip:0301234@example.net;user=phone", "tel:+49301234"),
        ("tel:030-1234;phone-context=example.net", "tel:+49301234"),
        ("tel:0044-20-1234", "tel:+44201234"),
        ("tel:+49301234", "tel:+49301234"),
        ("tel:115;phone-context=example.net", "tel:115;phone-context=example.net"),
        ("sip:alice@example.net", "sip:alice@example.net"),
    ],
)
def test_dialled_numbers_become_international(
    stage: Stage, phone: Phone, dialled: str, asked: str
) -> None:
    hooks = OnStage(stage, "rewrite_headers.py")
    phone.says(phone.message("MESSAGE", dialled, "User-Agent: Phone 7 (build 12)"))
    request = stage.last_to_core()
    assert (request.uri, request.get("user-agent")) == (asked, "UE")
    stage.core_says(request, 200, "Server: S-CSCF 1.2.3")
    assert stage.last_to_phone().status == 200
    assert "server" not in stage.last_to_phone()
    assert hooks.failures() == 0


def test_a_whole_call_passes_the_rewriting(stage: Stage, phone: Phone) -> None:
    hooks = OnStage(stage, "rewrite_headers.py")
    call = OutgoingCall(stage, phone)
    call.begins()
    call.core_says(200)
    call.says(call.within("BYE"))
    assert stage.last_to_core().method == "BYE"
    assert hooks.failures() == 0


# --- route_by_prefix


def calls(stage: Stage, phone: Phone, dialled: str) -> OutgoingCall:
    call = OutgoingCall(stage, phone)
    invite = call.request("INVITE")
    call.says(invite.replace(b"sip:b@example.net SIP", dialled.encode() + b" SIP"))
    call.invite = stage.last_to_core()
    return call


@pytest.mark.parametrize(
    ("dialled", "host"),
    [
        ("tel:+49-30-234", Endpoint("203.0.113.30", 5060)),
        ("sip:*21%23@example.net", Endpoint("203.0.113.40", 5070)),
        ("tel:+4989", S_CSCF),
        ("sip:alice@example.net", S_CSCF),
    ],
)
def test_prefixes_lead_to_their_hosts(
    stage: Stage, phone: Phone, dialled: str, host: Endpoint
) -> None:
    hooks = OnStage(stage, "route_by_prefix.py")
    call = OutgoingCall(stage, phone)
    call.says(
        call.request("INVITE").replace(b"INVITE sip:b@example.net", f"INVITE {dialled}".encode())
    )
    assert stage.to_core[-1].flow.remote == host
    assert ("route" in stage.last_to_core()) == (host == S_CSCF)
    assert hooks.failures() == 0


def test_the_second_host_is_asked_when_the_first_is_silent(stage: Stage, phone: Phone) -> None:
    OnStage(stage, "route_by_prefix.py")
    calls(stage, phone, "tel:+49302")
    stage.send_fails(stage.to_core[-1])
    assert stage.to_core[-1].flow.remote == Endpoint("203.0.113.31", 5060)
    assert stage.to_core[-1].flow.transport is Transport.TCP


def test_what_belongs_to_a_call_goes_by_its_own_way(stage: Stage, phone: Phone) -> None:
    hooks = OnStage(stage, "route_by_prefix.py")
    call = calls(stage, phone, "tel:+49302")
    call.core_says(200, contact="sip:gw@203.0.113.30")
    call.says(call.within("ACK"))
    call.says(call.within("BYE"))
    assert stage.last_to_core().method == "BYE"
    assert hooks.failures() == 0


# --- block_callers


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "blocked.sqlite"
    monkeypatch.setenv("BLOCKED_CALLERS", str(path))
    return path


@asynccontextmanager
async def blocking(stage: Stage, table: Path, *rows: tuple[str, str]) -> AsyncIterator[OnStage]:
    with closing(sqlite3.connect(table)) as database:
        database.execute(SCHEMA)
        database.executemany("INSERT INTO blocked VALUES (?, ?)", rows)
        database.commit()
    hooks = OnStage(stage, "block_callers.py")
    await hooks.bench.service.start()
    try:
        yield hooks
    finally:
        assert await hooks.bench.service.stop() == ""


@pytest.mark.parametrize(
    ("called", "asserted", "blocked"),
    [
        (IMPU, "tel:+49-30-1234", True),
        (TEL, "sip:+49301234@example.net;user=phone", True),
        (TEL, "tel:+4930", False),
        ("sip:somebody@example.net", "tel:+49-30-1234", False),
    ],
)
def test_blocked_callers_are_declined(
    stage: Stage, table: Path, called: str, asserted: str, blocked: bool
) -> None:
    Phone(stage).registered()
    token = stage.token()

    @looped
    async def test() -> None:
        async with blocking(stage, table, (called, WATCHED)) as hooks:
            before = len(stage.to_phone)
            stage.core_asks(token, f"P-Asserted-Identity: <{asserted}>", method="INVITE")
            assert stage.last_answer_to_core().status == 100
            assert len(stage.to_phone) == before
            await until(lambda: not stage.edge.held()["waiting_for_hooks"])
            if blocked:
                assert stage.last_answer_to_core().status == 603
                assert len(stage.to_phone) == before
            else:
                assert stage.last_asked_of_phone().method == "INVITE"
            assert hooks.failures() == 0

    test()


def test_a_table_that_is_gone_lets_calls_pass(stage: Stage, phone: Phone, table: Path) -> None:
    token = stage.token()

    @looped
    async def test() -> None:
        async with blocking(stage, table, (IMPU, WATCHED)) as hooks:
            with closing(sqlite3.connect(table)) as database:
                database.execute("DROP TABLE blocked")
            stage.core_asks(token, "P-Asserted-Identity: <tel:+49301234>", method="INVITE")
            await until(lambda: not stage.edge.held()["waiting_for_hooks"])
            assert stage.last_asked_of_phone().method == "INVITE"
            assert hooks.failures() == 1

    test()


@pytest.mark.parametrize("there", [False, True])
def test_a_table_that_is_not_there_is_told_at_the_start(
    stage: Stage, table: Path, there: bool
) -> None:
    reason = "no such table" if there else "unable to open"
    if there:
        table.touch()

    @looped
    async def test() -> None:
        threads = set(threading.enumerate())
        hooks = OnStage(stage, "block_callers.py")
        with pytest.raises(ConfigError, match=f"on_start: OperationalError: {reason}"):
            await hooks.bench.service.start()
        for thread in set(threading.enumerate()) - threads:
            thread.join(0.5)
            assert not thread.is_alive()

    test()
