"""A phone that sends nothing any more, by the kernel's counters."""

import pytest

from pcscf.core.events import SasUsed
from pcscf.core.policy import LivenessPolicy
from tests.core.phone import Phone
from tests.core.stage import Stage
from xfrm.model import SaId

AFTER = 60


def scene(*, answer_480: bool = True) -> tuple[Stage, Phone, str]:
    liveness = LivenessPolicy(interval=10, silent_after=AFTER, answer_480=answer_480)
    stage = Stage(liveness=liveness)
    phone = Phone(stage)
    phone.registered(expires=600_000)
    return stage, phone, stage.token()


def look(stage: Stage, phone: Phone, packets: int, seconds: float = 10) -> None:
    """Let time pass, and let the kernel say how many packets have come from the phone."""
    stage.wait(seconds)
    sa_set = phone.set_in_kernel()
    outbound = SaId(sa_set.ue, sa_set.spi_us)
    stage.play(SasUsed({SaId(sa_set.pcscf, sa_set.spi_ps): packets, outbound: int(stage.now)}))


def events(stage: Stage) -> list[str]:
    return [one.event for one in stage.reports if one.event.startswith("phone_")]


def test_a_phone_is_silent_when_its_counters_stand_still() -> None:
    stage, phone, _ = scene()
    for _ in range(AFTER // 10):
        look(stage, phone, 5)
    assert events(stage) == []
    for _ in range(3):
        look(stage, phone, 5)
    assert events(stage) == ["phone_silent"]
    look(stage, phone, 6)
    assert events(stage) == ["phone_silent", "phone_back"]


def test_what_we_send_is_no_sign_of_life() -> None:
    """The outbound counter of each look is another one."""
    stage, phone, _ = scene()
    for _ in range(AFTER // 10 + 1):
        look(stage, phone, 0)
    assert events(stage) == ["phone_silent"]


@pytest.mark.parametrize("answer_480", [True, False])
def test_requests_for_a_silent_phone(*, answer_480: bool) -> None:
    stage, phone, token = scene(answer_480=answer_480)
    for _ in range(AFTER // 10 + 1):
        look(stage, phone, 5)
    before = len(stage.to_phone)
    stage.core_asks(token)
    if answer_480:
        assert stage.last_answer_to_core().status == 480
        look(stage, phone, 6)
        stage.core_asks(token)
    assert len(stage.to_phone) == before + 1
    assert stage.last_asked_of_phone().method == "MESSAGE"


def test_new_sas_are_a_sign_of_life() -> None:
    stage, phone, _ = scene()
    for _ in range(AFTER // 10 + 1):
        look(stage, phone, 5)
    phone.reregistered()
    look(stage, phone, 2)
    assert events(stage) == ["phone_silent", "phone_back"]


def test_nothing_is_sent_and_nothing_is_left() -> None:
    stage, phone, _ = scene()
    stage.wait(200)
    before = len(stage.to_phone) + len(stage.to_core)
    for _ in range(AFTER // 10 + 1):
        look(stage, phone, 5)
    assert len(stage.to_phone) + len(stage.to_core) == before
    phone.says(phone.register(expires=0))
    stage.accept(expires=0)
    stage.wait(300)
    stage.play(SasUsed({}))
    assert stage.left_over() == {}
    assert events(stage) == ["phone_silent"]
