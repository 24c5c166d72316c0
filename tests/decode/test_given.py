"""CK and IK of the command line."""

import pytest

from pcscf.decode.given import given_keys
from pcscf.errors import KeyFileError
from tests.decode.esp_packets import AKA, PCSCF, UE
from xfrm.algorithms import SUITES

CK, IK = AKA.ck.hex(), AKA.ik.hex()


@pytest.mark.parametrize("ck", [CK, CK.upper(), "0x" + CK, AKA.ck.hex(":"), AKA.ck.hex(" ")])
def test_every_algorithm_is_a_candidate_for_every_sa(ck) -> None:
    wildcards = given_keys(ck, IK)
    assert [one.candidate.suite for one in wildcards] == list(SUITES)
    assert [one.candidate.keys for one in wildcards] == [suite.keys(AKA) for suite in SUITES]
    assert {one.candidate.origin for one in wildcards} == {"--ck and --ik"}
    assert all(one.fits(UE, PCSCF, 7) for one in wildcards)


@pytest.mark.parametrize("bad", ["", CK[2:], CK + "00", "x" * 32, CK[:-1]])
def test_what_is_no_key_is_told_without_it(bad) -> None:
    for keys, option in (((bad, IK), "--ck"), ((CK, bad), "--ik")):
        with pytest.raises(KeyFileError) as caught:
            given_keys(*keys)
        assert str(caught.value) == f"{option}: 32 hexadecimal digits expected"
