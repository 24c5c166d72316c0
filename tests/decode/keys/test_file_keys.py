"""What the readers of key files have in common."""

from pcscf.decode.keys.file_keys import FileKeys, quoted
from pcscf.decode.keys.wildcards import Wildcard
from pcscf.decode.model import Candidate, Sa
from tests.decode.esp_packets import AES_CBC, AKA, PCSCF, SPI, UE
from tests.decode.samples import CK
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


def test_a_key_in_the_place_of_a_name_is_not_quoted() -> None:
    assert quoted("AES-CBC [RFC3602]") == "'AES-CBC [RFC3602]'"
    assert quoted("rfc7539esp(chacha20,poly1305)") == "'rfc7539esp(chacha20,poly1305)'"
    assert quoted("x" * 100) == repr("x" * 60)
    for text in (CK, f"0x{CK.upper()}", f'AES-CBC","{CK[:9]}'):
        assert quoted(text) == "(not shown)"
