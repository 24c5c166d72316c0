"""The core as one: time, what is told of it, the operator's part, the end."""

import pytest

from pcscf.core.effects import PutOff
from pcscf.core.events import Deafen, Deregister, Drain, GiveUp
from pcscf.core.flow import Flow
from tests.core.phone import Phone
from tests.core.stage import CK, FROM_CORE, IK, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def phone(stage: Stage) -> Phone:
    return Phone(stage)


OTHER_UE = "192.0.2.77"


def test_time_that_passes_without_a_deadline_does_nothing(stage: Stage) -> None:
    assert stage.edge.next_deadline() is None
    stage.wait(100_000)
    assert not stage.log


def test_a_send_that_fails_for_an_unknown_reference_is_nothing(stage: Stage, phone: Phone) -> None:
    phone.says_in_clear(phone.register())
    sent = stage.to_core[-1]
    stage.challenge(stage.last_to_core())
    stage.wait(300)
    before = len(stage.log)
    stage.send_fails(sent)
    assert len(stage.log) == before


@pytest.mark.parametrize(
    "place", [b"Via: ", b"From: ", b"Contact: ", b"Authorization: ", b"Call-ID: "]
)
@pytest.mark.parametrize("junk", [b"\xff\xfe", b"\xc3\xa9", b'"', b"<", b",", b";;=", b"%00"])
def test_junk_in_a_register_does_no_harm(
    stage: Stage, phone: Phone, place: bytes, junk: bytes
) -> None:
    data = phone.register().replace(place, place + junk)
    stage.receive(phone.clear_flow(), data)
    stage.wait(400)
    assert stage.left_over() == {}


def test_reports_hold_no_keys(stage: Stage, phone: Phone) -> None:
    """The stage checks it at every effect; here once in plain sight."""
    phone.registered()
    phone.reregistered()
    text = repr(stage.reports)
    assert "challenged" in text
    assert CK not in text
    assert IK not in text


def test_a_flow_to_the_core_is_no_phone(stage: Stage, phone: Phone) -> None:
    """A REGISTER from the core side is nobody's."""
    stage.receive(Flow(*FROM_CORE), phone.register())
    assert stage.last_answer_to_core().status == 404


def test_draining_takes_no_new_phone_and_keeps_those_there_are(stage: Stage, phone: Phone) -> None:
    phone.registered()
    stage.play(Drain(on=True))
    stage.play(Drain(on=True))
    assert (stage.edge.draining, stage.reports[-1].event) == (True, "draining")
    other = Phone(stage, host=OTHER_UE, impi="b@example.net", impu="sip:b@example.net", call_id="b")
    other.says_in_clear(other.register())
    assert stage.last_to_phone().status == 503
    phone.reregistered()
    phone.says(phone.message("MESSAGE", "sip:b@home.example"))
    assert stage.last_to_core().method == "MESSAGE"
    stage.play(Drain(on=False))
    assert (stage.edge.draining, stage.reports[-1].event) == (False, "serving")
    other.registered()


def test_an_emergency_registration_is_taken_while_draining(stage: Stage) -> None:
    stage.play(Drain(on=True))
    Phone(stage, contact_params=";sos").registered()


def test_a_phone_is_deregistered_by_the_operator(stage: Stage, phone: Phone) -> None:
    phone.registered()
    stage.play(Deregister(phone.impi, OTHER_UE))
    assert stage.edge.held()["registrations"] == 1
    stage.play(Deregister(phone.impi, phone.host))
    assert stage.edge.held()["registrations"] == stage.edge.held()["sa_sets"] == 0
    assert not stage.kernel
    report = stage.reports[-1]
    assert (report.event, report.fields["ue"]) == ("removed_by_operator", phone.host)
    phone.registered()


def test_what_is_unanswered_at_the_end_is_answered_503(stage: Stage, phone: Phone) -> None:
    phone.registered()
    phone.says(phone.message("MESSAGE", "sip:b@home.example"))
    phone.says(phone.message("INVITE", "sip:b@home.example"))
    stage.core_says(stage.last_to_core(), 180)
    assert stage.edge.unanswered == 2
    stage.log.clear()
    stage.play(GiveUp())
    assert sorted(effect.data.split(b" ", 2)[1] for effect in stage.to_phone) == [b"503", b"503"]
    assert [effect.data.split()[0] for effect in stage.to_core] == [b"CANCEL"]
    assert stage.edge.unanswered == 0


def test_who_is_deaf_takes_no_new_request_and_finishes_those_under_way(
    stage: Stage, phone: Phone
) -> None:
    phone.registered()
    phone.says(message := phone.message("MESSAGE", "sip:b@home.example"))
    under_way = stage.last_to_core()
    stage.play(Deafen())
    stage.log.clear()
    phone.says(phone.message("MESSAGE", "sip:c@home.example"))
    assert stage.log == [PutOff()]
    stage.core_says(under_way, 200)
    assert stage.last_to_phone().status == 200
    phone.says(message)  # a copy is answered again
    assert len(stage.to_phone) == 2
