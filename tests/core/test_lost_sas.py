"""SAs that the kernel no longer holds."""

import pytest

from pcscf.core.effects import RemoveSas
from pcscf.core.events import SaExpired, SasPresent
from tests.core.phone import Phone
from tests.core.stage import GM, Stage
from xfrm.model import SaId


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.mark.parametrize("which", range(4))
def test_one_expired_sa_ends_a_registration_and_the_other_three(stage: Stage, which: int) -> None:
    phone = Phone(stage)
    phone.registered()
    token = stage.token()
    (sa_set,) = stage.kernel
    stage.play(SaExpired(sa_set.ids[which]))
    assert stage.log.count(RemoveSas(sa_set)) == 1
    stage.core_asks(token)
    assert stage.last_answer_to_core().status == 404
    stage.wait(200)
    assert stage.left_over() == {}


def test_an_expired_temporary_set_ends_the_attempt_only(stage: Stage) -> None:
    phone = Phone(stage)
    phone.registered()
    old = phone.rechallenged()
    stage.play(SaExpired(phone.set_in_kernel().ids[0]))
    assert len(stage.kernel) == 1
    stage.receive(old, phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_core().method == "MESSAGE"


def test_an_expired_old_set_makes_the_new_one_the_way_to_the_phone(stage: Stage) -> None:
    phone = Phone(stage)
    phone.registered()
    token = stage.token()
    (old,) = stage.kernel
    phone.reregistered()
    stage.play(SaExpired(old.ids[2]))
    stage.core_asks(token)
    assert stage.to_phone[-1].flow == phone.to_phone_flow()


def test_an_expired_set_that_was_leaving_is_gone_early(stage: Stage) -> None:
    phone = Phone(stage)
    phone.registered()
    (old,) = stage.kernel
    phone.reregistered()
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    stage.play(SaExpired(old.ids[0]))
    assert list(stage.kernel) == [phone.set_in_kernel()]
    stage.wait(100)
    assert stage.log.count(RemoveSas(old)) == 1


def test_sas_of_others_are_none_of_our_business(stage: Stage) -> None:
    phone = Phone(stage)
    phone.registered()
    before = len(stage.log)
    stage.play(SaExpired(SaId(GM, 42)))
    assert len(stage.log) == before


def test_after_lost_notifications_what_is_not_whole_is_lost(stage: Stage) -> None:
    whole = Phone(stage)
    whole.registered()
    half = Phone(
        stage, impi="b@x", impu="sip:b@x", host="192.0.2.11", call_id="b", spi_uc=901, spi_us=902
    )
    half.registered()
    present = {sa for sa_set in stage.kernel for sa in sa_set.ids} - {half.set_in_kernel().ids[1]}
    stage.play(SasPresent(frozenset(present | {SaId(GM, 42)})))
    assert list(stage.kernel) == [whole.set_in_kernel()]
    stage.play(SasPresent(frozenset(whole.set_in_kernel().ids)))
    assert len(stage.kernel) == 1
