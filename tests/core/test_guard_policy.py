"""The defaults leave a lab alone: a simulator on one address, and phones that err now and then."""

from pcscf.core.guard_policy import DEFAULT, GuardPolicy
from pcscf.core.offence import WEIGHT, Offence


def test_the_default_is_the_class_without_arguments() -> None:
    assert GuardPolicy() == DEFAULT


def test_a_simulator_may_register_a_thousand_phones_at_once() -> None:
    """SM1 in clear is all that counts: one message each, and two copies of it."""
    assert DEFAULT.source_burst >= 1000
    assert DEFAULT.source_rate >= 300


def test_a_phone_that_is_refused_every_other_second_is_never_blocked() -> None:
    assert DEFAULT.points_fade * 2 > WEIGHT[Offence.REFUSED]
