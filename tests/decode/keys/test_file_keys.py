"""What the readers of key files have in common."""

from pcscf.decode.keys.file_keys import FileKeys
from pcscf.decode.keys.wildcards import Wildcard
from pcscf.decode.model import Candidate, Sa
from tests.decode.esp_packets import AES_CBC, AKA, PCSCF, SPI, UE
from xfrm.algorithms import EspKeys

GOOD = Candidate(AES_CBC, AES_CBC.keys(AKA), "f")
SHORT = Candidate(AES_CBC, EspKeys(AKA.ik, AKA.ck[1:]), "f")


def test_sas_get_their_keys_and_keys_of_a_wrong_size_a_note() -> None:
    found = FileKeys()
    found.add_sa(Sa(SPI, UE, PCSCF), GOOD, "f: 1")
    found.add_sa(Sa(SPI, UE, PCSCF), SHORT, "f: 2")
    found.add_wildcard(Wildcard(GOOD), "f: 3")
    found.add_wildcard(Wildcard(SHORT), "f: 4")
    (sa,) = found.sas
    assert (sa.suite, sa.keys, sa.origin, sa.checked) == GOOD
    assert [one.candidate for one in found.wildcards] == [GOOD]
    wrong = "a key of hmac-sha-1-96/aes-cbc has not the right size"
    assert found.notes == [f"f: 2: {wrong}", f"f: 4: {wrong}"]


def test_notes_are_bounded_and_counted() -> None:
    found, more = FileKeys(), FileKeys()
    for n in range(50):
        found.note(str(n))
    more.note("more")
    more.add(found)
    assert (more.notes[:2], len(found.notes), more.unusable) == (["more", "0"], 20, 51)
