from pcscf.core.guard_policy import DEFAULT
from pcscf.core.offence import WEIGHT, Offence


def test_every_offence_has_a_weight_and_none_blocks_alone() -> None:
    assert set(WEIGHT) == set(Offence)
    assert all(0 < weight < DEFAULT.block_points for weight in WEIGHT.values())


def test_what_honest_phones_do_weighs_least() -> None:
    assert max(WEIGHT[Offence.UNREGISTERED], WEIGHT[Offence.REFUSED]) < WEIGHT[Offence.PROBE]
    assert WEIGHT[Offence.PROBE] < WEIGHT[Offence.SCANNER]
