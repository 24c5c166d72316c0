"""A process ends and another one goes on: no phone notices."""

import json
from typing import Any

import pytest

from pcscf.core.events import Recalled
from pcscf.core.flow import Transport
from pcscf.core.policy import RegEventPolicy, SecAgree
from pcscf.core.snapshot import sa_sets
from pcscf.sip.message import Request
from tests.core.call import IncomingCall, OutgoingCall
from tests.core.phone import Phone
from tests.core.stage import FROM_CORE, GM, SINCE, UE6, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def phone(stage: Stage) -> Phone:
    phone = Phone(stage)
    phone.registered()
    return phone


def restarts(stage: Stage, **more: Any) -> None:
    stage.keeps()
    stage.restarts(**more)
    stage.log.clear()


def reaches_core(stage: Stage, phone: Phone) -> Request:
    phone.says(phone.message("MESSAGE", "sip:b@home.example"))
    return stage.last_to_core()


def reasons(stage: Stage) -> list[str]:
    return [str(one.fields["reason"]) for one in stage.reports if one.event == "not_restored"]


def test_a_phone_is_served_on_without_a_register(stage: Stage, phone: Phone) -> None:
    token = stage.token()
    before = reaches_core(stage, phone)
    restarts(stage)
    after = reaches_core(stage, phone)
    for name in ("p-asserted-identity", "route", "p-access-network-info"):
        assert after.lines(name) == before.lines(name)
    stage.core_asks(token)
    assert stage.last_asked_of_phone().method == "MESSAGE"
    assert stage.to_phone[-1].flow == phone.to_phone_flow()


@pytest.mark.parametrize("host", ["192.0.2.10", UE6])
@pytest.mark.parametrize("transport", list(Transport))
def test_it_registers_again_and_deregisters_as_if_nothing_had_been(
    stage: Stage, host: str, transport: Transport
) -> None:
    phone = Phone(stage, host=host, transport=transport)
    phone.registered()
    restarts(stage)
    old = phone.reregistered()
    restarts(stage)  # between the 200 and the first use of the new set
    assert {row.stage.name for row in stage.rows} == {"CURRENT", "PREVIOUS"}
    stage.receive(old, phone.message("MESSAGE", "sip:b@home.example"))
    reaches_core(stage, phone)
    restarts(stage)
    assert [row.stage.name for row in stage.rows] == ["CURRENT"]
    phone.says(phone.register(expires=0))
    assert stage.accept(expires=0).status == 200
    stage.wait(200)
    stage.keeps()
    assert (stage.store, stage.left_over()) == ({}, {})


def test_a_call_outlives_the_process_and_is_hung_up_by_either_side(
    stage: Stage, phone: Phone
) -> None:
    token = stage.token()
    outgoing = OutgoingCall(stage, phone)
    outgoing.begins()
    outgoing.core_says(200)
    incoming = IncomingCall(stage, phone, token)
    incoming.begins()
    incoming.phone_says(200)
    restarts(stage)
    outgoing.says(outgoing.within("BYE"))
    assert stage.last_to_core().method == "BYE"
    stage.receive(FROM_CORE, incoming.within("BYE"))
    assert stage.last_asked_of_phone().method == "BYE"


def test_what_ran_out_meanwhile_is_not_taken_up(stage: Stage, phone: Phone) -> None:
    stage.keeps()
    stage.now += 10_000
    stage.restarts()
    assert reasons(stage) == [f"{phone.impi}: has run out"]
    assert stage.edge.held()["registrations"] == 0


def test_it_runs_out_when_it_would_have(stage: Stage, phone: Phone) -> None:
    stage.wait(590)
    restarts(stage)
    stage.wait(9)
    assert stage.edge.held()["registrations"] == 1
    stage.wait(60)
    assert stage.left_over() == {}


def test_a_registration_whose_sas_are_gone_is_not_taken_up(stage: Stage, phone: Phone) -> None:
    stage.keeps()
    stage.restarts(lost=[phone.set_in_kernel()])
    assert reasons(stage) == [f"{phone.impi}: its SAs are gone"]
    phone.registered()


def test_of_two_sets_the_one_that_is_left_serves(stage: Stage, phone: Phone) -> None:
    first = phone.set_in_kernel()
    phone.reregistered()
    stage.keeps()
    stage.restarts(lost=[first])
    assert [row.stage.name for row in stage.rows] == ["CURRENT"]
    stage.core_asks(next(iter(stage.store)))
    assert stage.to_phone[-1].flow == phone.to_phone_flow()


def test_a_half_finished_registration_is_begun_anew_by_the_phone(stage: Stage) -> None:
    phone = Phone(stage)
    phone.challenged()
    restarts(stage)
    assert not stage.rows
    phone.registered()


def test_an_old_registration_survives_a_challenge_that_does_not(stage: Stage, phone: Phone) -> None:
    phone.rechallenged()
    restarts(stage)
    assert [row.stage.name for row in stage.rows] == ["CURRENT"]


@pytest.mark.parametrize("changed", ["address", "port_ps", "ports_pc"])
def test_sets_of_ports_that_are_no_longer_ours_are_not_taken_up(
    stage: Stage, phone: Phone, changed: str
) -> None:
    saved = json.dumps(stage.edge.take_changes(0.0))
    own = phone.set_in_kernel()
    was, now = {
        "address": (f'"{GM}"', '"198.51.100.77"'),
        "port_ps": (f"{own.port_ps}]", "6099]"),
        "ports_pc": (f", {own.port_pc},", ", 7000,"),
    }[changed]
    assert was in saved
    stage.store = {t: json.dumps(v) for t, v in json.loads(saved.replace(was, now)).items()}
    stage.restarts()
    assert not stage.rows
    assert stage.edge.held()["registrations"] == 0


def test_a_phone_that_registered_in_clear(stage: Stage) -> None:
    stage = Stage(sec_agree=SecAgree.PREFER)
    soft = Phone(stage, security_client="", require="")
    soft.says_in_clear(soft.register())
    stage.accept()
    restarts(stage)
    soft.says_in_clear(soft.message("MESSAGE", "sip:b@home.example"))
    assert stage.last_to_core().method == "MESSAGE"
    stage.core_asks(next(iter(stage.store)))
    assert stage.to_phone[-1].flow == soft.clear_flow()


def test_the_core_is_subscribed_at_anew_within_a_minute(stage: Stage) -> None:
    stage = Stage(reg_event=RegEventPolicy())
    Phone(stage).registered()
    restarts(stage)
    assert not stage.to_core
    stage.wait(61)
    assert {effect.data.split()[0] for effect in stage.to_core} == {b"SUBSCRIBE"}


def test_what_cannot_be_read_stops_nothing_else(stage: Stage, phone: Phone) -> None:
    stage.keeps()
    (good,) = map(json.loads, stage.store.values())
    stage.kernel.clear()
    again = Stage()
    sets = frozenset(sa_sets(good))
    again.kernel = dict.fromkeys(sets, 2000.0)
    token = good["token"]
    broken = {"a": {"version": 1, "phone": 7}, "b": {"version": 99}, "c": {}, "d": good}
    again.play(Recalled({**broken, token: good}, sets, SINCE))
    again.play(Recalled({token: good}, sets, SINCE))
    assert again.edge.held()["registrations"] == 1
    assert len(reasons(again)) == 5
    assert reasons(again)[3:] == ["saved under another token", f"{phone.impi}: is there already"]
    again.keeps()
    assert list(again.store) == [token]
