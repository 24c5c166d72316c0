"""CK and IK of the command line."""

from pcscf.decode.keys.given import given_keys
from tests.decode.esp_packets import AKA, PCSCF, UE
from xfrm.algorithms import SUITES


def test_every_algorithm_is_a_candidate_for_every_sa() -> None:
    wildcards = given_keys(AKA.ck, AKA.ik)
    assert [one.candidate.suite for one in wildcards] == list(SUITES)
    assert [one.candidate.keys for one in wildcards] == [suite.keys(AKA) for suite in SUITES]
    assert {one.candidate.origin for one in wildcards} == {"--ck and --ik"}
    assert all(one.fits(UE, PCSCF, 7) for one in wildcards)
