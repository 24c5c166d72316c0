"""Requests of our own: another next hop where one fails, and word of it in any case."""

import pytest

from pcscf.core.policy import RegEventPolicy
from tests.core.phone import Phone
from tests.core.stage import S_CSCF, S_CSCF_2, TWO_HOPS, Stage


@pytest.fixture
def stage() -> Stage:
    """Our own request is the SUBSCRIBE behind a registration."""
    stage = Stage(next_hops=TWO_HOPS, reg_event=RegEventPolicy())
    Phone(stage).registered(expires=600_000)
    return stage


def subscribes(stage: Stage) -> list[str]:
    """Where each SUBSCRIBE went."""
    asked = (effect for effect in stage.to_core if effect.data.startswith(b"SUBSCRIBE"))
    return [effect.flow.remote.host for effect in asked]


def test_it_goes_where_registers_go_first(stage: Stage) -> None:
    assert subscribes(stage) == [S_CSCF.host]


@pytest.mark.parametrize("way", ["silence", "refused", "503"])
def test_it_goes_on_to_the_next_hop(stage: Stage, way: str) -> None:
    if way == "silence":
        stage.wait(5)
    elif way == "refused":
        stage.send_fails(stage.to_core[-1])
    else:
        stage.core_says(stage.last_to_core(), 503)
    assert subscribes(stage)[-1] == S_CSCF_2.host


def test_when_all_fail_its_sender_is_told(stage: Stage) -> None:
    for _ in TWO_HOPS:
        stage.send_fails(stage.to_core[-1])
    assert "reg_event_refused" in [report.event for report in stage.reports]
    assert "subscriptions" not in stage.left_over()


def test_the_answer_is_the_senders(stage: Stage) -> None:
    stage.core_says(stage.last_to_core(), 403)
    assert "reg_event_refused" in [report.event for report in stage.reports]
    assert len(subscribes(stage)) == 1
