"""Keys that fit more than one SA."""

from ipaddress import ip_network

from pcscf.decode.keys.wildcards import MAX_FOUND, MAX_GIVEN, Wildcard, Wildcards, codec_of
from pcscf.decode.model import Candidate
from tests.decode.esp_packets import AES_CBC, AKA, PCSCF, SPI, UE, UE6, Sender

CANDIDATE = Candidate(AES_CBC, AES_CBC.keys(AKA), "a test")
FOUND = [CANDIDATE]


def fitting(wildcards: Wildcards) -> list[Candidate]:
    return [wildcard.candidate for wildcard, _ in wildcards.fitting(UE, PCSCF, SPI)]


def test_none_is_every_address_and_no_mask_every_spi() -> None:
    assert Wildcard(CANDIDATE).fits(UE, PCSCF, SPI)
    assert Wildcard(CANDIDATE).fits(UE6, PCSCF, 1)


def test_addresses_are_ranges_and_of_the_spi_the_bits_of_the_mask_count() -> None:
    ours, theirs = ip_network("192.0.2.0/24"), ip_network("198.51.100.5/32")
    assert Wildcard(CANDIDATE, ours, theirs).fits(UE, PCSCF, SPI)
    assert not Wildcard(CANDIDATE, theirs, theirs).fits(UE, PCSCF, SPI)
    assert not Wildcard(CANDIDATE, ours, ours).fits(UE, PCSCF, SPI)
    assert not Wildcard(CANDIDATE, ours).fits(UE6, PCSCF, SPI)
    assert Wildcard(CANDIDATE, spi=SPI, mask=0xFFFF0000).fits(UE, PCSCF, SPI & 0xFFFF0000 | 7)
    assert not Wildcard(CANDIDATE, spi=SPI, mask=0xFFFFFFFF).fits(UE, PCSCF, SPI + 1)


def test_it_opens_what_was_sealed_under_its_keys() -> None:
    payload = Sender().send(9).payload
    assert Wildcard(CANDIDATE).open(payload) == codec_of(CANDIDATE).open(payload)
    assert Wildcard(CANDIDATE).open(payload).sequence == 9


def test_found_ones_are_tried_until_they_are_claimed() -> None:
    wildcards = Wildcards()
    before = wildcards.version
    wildcards.find("nonce", FOUND)
    assert wildcards.version > before
    assert fitting(wildcards) == FOUND
    wildcards.claim("nonce")
    assert fitting(wildcards) == []


def test_found_ones_are_bounded_and_the_oldest_goes() -> None:
    wildcards = Wildcards()
    for n in range(MAX_FOUND + 1):
        wildcards.find(str(n), [Candidate(AES_CBC, CANDIDATE.keys, str(n))])
    assert [one.origin for one in fitting(wildcards)] == [str(n) for n in range(1, MAX_FOUND + 1)]


def test_given_ones_are_bounded_and_those_beyond_counted() -> None:
    wildcards = Wildcards([Wildcard(CANDIDATE)] * (MAX_GIVEN + 3))
    assert (len(fitting(wildcards)), wildcards.dropped) == (MAX_GIVEN, 3)


def test_a_candidate_does_not_show_its_keys() -> None:
    assert AKA.ck.hex() not in repr(CANDIDATE)
    assert str(CANDIDATE.keys.crypt) not in repr(CANDIDATE)
