"""Sets go when they should, and take their connections along."""

import pytest

from pcscf.core.effects import CloseFlow, RemoveSas
from pcscf.core.flow import Transport
from pcscf.core.sa_table import Stage as SaStage
from tests.core.phone import Phone
from tests.core.stage import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


def stages(stage: Stage) -> list[SaStage]:
    return [row.stage for row in stage.rows]


def test_the_stages_of_a_set(stage: Stage) -> None:
    phone = Phone(stage)
    phone.challenged()
    assert stages(stage) == [SaStage.TEMPORARY]
    stage.accept_answer_of(phone)
    assert stages(stage) == [SaStage.CURRENT]
    phone.reregistered()
    assert stages(stage) == [SaStage.PREVIOUS, SaStage.CURRENT]
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    assert stages(stage) == [SaStage.LEAVING, SaStage.CURRENT]
    stage.wait(stage.policy.sa_linger)
    assert stages(stage) == [SaStage.CURRENT]


def test_the_old_set_lives_as_long_as_the_registration_if_the_new_one_is_never_used(
    stage: Stage,
) -> None:
    phone = Phone(stage)
    phone.registered()
    phone.reregistered()
    stage.wait(629)
    assert len(stage.kernel) == 2
    stage.wait(2)
    assert not stage.kernel


def test_the_old_set_goes_when_its_own_time_is_over(stage: Stage) -> None:
    """TS 33.203 7.4: then requests go out on the new one, used or not."""
    phone = Phone(stage)
    phone.registered(expires=600)
    token, (old,) = stage.token(), stage.kernel
    phone.rechallenged()
    phone.says(phone.answer())
    stage.accept(expires=6000)
    stage.wait(629)
    assert old in stage.kernel
    stage.wait(2)
    assert list(stage.kernel) == [phone.set_in_kernel()]
    stage.core_asks(token)
    assert stage.to_phone[-1].flow == phone.to_phone_flow()
    stage.wait(6000)
    assert stage.left_over() == {}


def test_a_phone_that_goes_back_to_the_old_set_keeps_it(stage: Stage) -> None:
    phone = Phone(stage)
    phone.registered(expires=600)
    token, back, (old,) = stage.token(), phone.to_phone_flow(), stage.kernel
    flow = phone.reregistered()
    for _ in range(3):
        stage.receive(flow, phone.register(expires=600))
        stage.accept(expires=600)
        stage.wait(500)
        stage.core_asks(token)
        assert stage.to_phone[-1].flow == back
    assert old in stage.kernel


def test_use_of_the_old_set_does_not_end_it(stage: Stage) -> None:
    phone = Phone(stage)
    phone.registered()
    old = phone.reregistered()
    for _ in range(3):
        stage.receive(old, phone.message("MESSAGE", "sip:b@example.net"))
        stage.wait(40)
    assert len(stage.kernel) == 2


def test_a_retransmission_of_sm7_is_no_use_of_the_new_set(stage: Stage) -> None:
    """The phone has not got its 200 yet."""
    phone = Phone(stage)
    phone.registered()
    phone.rechallenged()
    answer = phone.answer()
    phone.says(answer)
    stage.accept()
    phone.says(answer)
    stage.wait(100)
    assert len(stage.kernel) == 2


def test_a_set_takes_its_connections_along(stage: Stage) -> None:
    phone = Phone(stage, transport=Transport.TCP)
    phone.registered()
    old, ours = phone.protected_flow(), phone.to_phone_flow()
    phone.reregistered()
    assert not stage.closed
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    stage.wait(stage.policy.sa_linger)
    assert set(stage.closed) == {old, ours}
    assert {effect.at_once for effect in stage.log if isinstance(effect, CloseFlow)} == {True}


def test_connections_of_the_new_set_stay_when_the_old_one_goes(stage: Stage) -> None:
    """Both sets have the phone's server port in common."""
    phone = Phone(stage, transport=Transport.TCP)
    phone.registered()
    phone.reregistered()
    ours = phone.to_phone_flow()
    stage.receive(ours, phone.message("MESSAGE", "sip:b@example.net"))
    stage.wait(stage.policy.sa_linger)
    assert ours not in stage.closed
    assert phone.protected_flow() not in stage.closed


def test_a_set_is_removed_once(stage: Stage) -> None:
    phone = Phone(stage)
    phone.registered()
    (sa_set,) = stage.kernel
    phone.says(phone.register(expires=0))
    stage.accept(expires=0)
    stage.wait(1000)
    assert stage.log.count(RemoveSas(sa_set)) == 1
