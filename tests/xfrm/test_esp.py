"""ESP packets against vectors made without a packet library."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import load
from xfrm.algorithms import SUITES, EspKeys, Suite
from xfrm.errors import EspError, EspIntegrityError
from xfrm.esp import EspCodec, EspPayload, ReplayWindow, read_header
from xfrm.model import AkaKeys

ESP = load("esp")
MILENAGE = load("aka-digest")["milenage"]
KEYS = AkaKeys(bytes.fromhex(MILENAGE["f3_ck"]), bytes.fromhex(MILENAGE["f4_ik"]))
IP_HEADER = {4: 20, 6: 40}


@dataclass(frozen=True)
class Vector:
    name: str
    suite: Suite
    spi: int
    sequence: int
    next_header: int
    iv: bytes
    packet: bytes  # from the SPI on
    data: bytes

    def __str__(self) -> str:
        return self.name


def vector(one: dict[str, Any]) -> Vector:
    start = IP_HEADER[one["ip"]]
    combined = {"gcm": Suite("null", "aes-gcm"), "gmac": Suite("aes-gmac", "null")}
    return Vector(
        one["name"],
        combined.get(one.get("aead", "")) or Suite(one["alg"], one["ealg"]),
        one["spi"],
        one["seq"],
        one["next_header"],
        bytes.fromhex(one["iv"]),
        bytes.fromhex(one["packet"])[start:],
        bytes.fromhex(one["plain"])[start:],
    )


VECTORS = [vector(one) for one in ESP["vectors"]]
each_suite = pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)


def codec(suite: Suite) -> EspCodec:
    return EspCodec(suite, suite.keys(KEYS))


@pytest.mark.parametrize("one", VECTORS, ids=str)
def test_vector_opens(one):
    assert read_header(one.packet) == (one.spi, one.sequence)
    assert codec(one.suite).open(one.packet) == EspPayload(one.sequence, one.next_header, one.data)


@pytest.mark.parametrize("one", VECTORS, ids=str)
def test_vector_is_sealed_alike(one):
    sealed = codec(one.suite).seal(one.spi, one.sequence, one.data, one.next_header, one.iv)
    assert sealed == one.packet


def test_vectors_are_of_every_suite():
    assert {one.suite for one in VECTORS} == set(SUITES)


@pytest.mark.parametrize("one", ESP["negative"], ids=lambda one: one["why"])
def test_packet_that_must_be_refused(one):
    suite = next(v.suite for v in VECTORS if v.name == one["name"])
    with pytest.raises(EspError):
        codec(suite).open(bytes.fromhex(one["packet"])[20:])


@pytest.mark.parametrize("one", ESP["udp_encap"], ids=lambda one: one["name"])
def test_tunnel_mode_packet_in_udp_opens_to_the_inner_packet(one):
    packet = bytes.fromhex(one["packet"])[28:]  # IPv4 and UDP
    opened = codec(Suite(one["alg"], one["ealg"])).open(packet)
    assert opened == EspPayload(one["seq"], 4, bytes.fromhex(one["inner_packet"]))


@each_suite
def test_every_octet_is_covered_by_the_icv(suite):
    sealed = codec(suite).seal(0x1001, 1, b"REGISTER sip:example.org SIP/2.0", 17)
    for at in range(len(sealed)):
        forged = sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :]
        with pytest.raises(EspIntegrityError):
            codec(suite).open(forged)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_packets_open_in_any_order_whatever_was_opened_before(suite):
    one = codec(suite)
    sealed = [one.seal(1, n, bytes([n]) * n * 20, 17) for n in range(1, 4)]
    for n in (3, 1, 2, 3, 3):
        with pytest.raises(EspIntegrityError):
            one.open(sealed[0][:-1] + bytes((sealed[0][-1] ^ 1,)))
        assert one.open(sealed[n - 1]).data == bytes([n]) * n * 20


@pytest.mark.parametrize("suite", [s for s in SUITES if not s.combined], ids=lambda s: s.name)
def test_without_the_key_of_the_icv_it_is_not_looked_at(suite):
    sealed = bytearray(codec(suite).seal(1, 9, b"REGISTER", 17))
    sealed[-1] ^= 1
    unchecked = EspCodec(suite, EspKeys(b"", suite.keys(KEYS).crypt), checked=False)
    assert unchecked.open(bytes(sealed)) == EspPayload(9, 17, b"REGISTER")
    with pytest.raises(EspError):
        unchecked.seal(1, 9, b"", 17)


@each_suite
def test_another_key_is_refused(suite):
    sealed = codec(suite).seal(0x1001, 1, b"x", 17)
    other = EspCodec(suite, suite.keys(AkaKeys(bytes(16), bytes(16))))
    with pytest.raises(EspIntegrityError):
        other.open(sealed)


@each_suite
def test_every_shorter_packet_is_refused(suite):
    sealed = codec(suite).seal(0x1001, 1, b"some twenty octets..", 17)
    for size in range(len(sealed)):
        with pytest.raises(EspError):
            codec(suite).open(sealed[:size])
    for tail in range(1, 20):
        with pytest.raises(EspError):
            codec(suite).open(sealed + bytes(tail))


@each_suite
@given(data=st.binary(max_size=100), next_header=st.integers(0, 255))
def test_open_undoes_seal(suite, data, next_header):
    sealed = codec(suite).seal(0xFFFFFFFF, 2**32 - 1, data, next_header)
    assert codec(suite).open(sealed) == EspPayload(2**32 - 1, next_header, data)


@each_suite
def test_overhead_is_that_of_the_vectors(suite):
    least, most = ESP["overhead_min_max"][f"{suite.ealg}/{suite.alg}"]
    sizes = {len(codec(suite).seal(1, 1, bytes(n), 17)) - n for n in range(1, 65)}
    assert (min(sizes), max(sizes)) == (least, most)


@pytest.mark.parametrize("size", [0, 20, 64, 65, 200])
@pytest.mark.parametrize("alg", ["hmac-sha-1-96", "hmac-md5-96"])
def test_the_icv_is_the_head_of_the_hmac_under_a_key_of_any_size(alg, size):
    key, digest = bytes(range(size)), {"hmac-sha-1-96": "sha1", "hmac-md5-96": "md5"}[alg]
    packet = EspCodec(Suite(alg, "null"), EspKeys(key, b"")).seal(1, 2, b"data", 17)
    assert packet[-12:] == hmac.digest(key, packet[:-12], digest)[:12]


def test_padding_that_is_not_1_2_3_is_refused():
    suite = Suite("hmac-sha-1-96", "null")
    sealed = bytearray(codec(suite).seal(1, 1, b"1234", 17))
    assert bytes(sealed[12:16]) == b"\1\2\2\x11"
    for trailer in (b"\1\1\2\x11", b"\1\2\xff\x11"):
        body = bytes(sealed[:12]) + trailer
        with pytest.raises(EspError, match="padding"):
            codec(suite).open(body + icv_of(suite, body))


def icv_of(suite: Suite, body: bytes) -> bytes:
    return hmac.digest(suite.keys(KEYS).auth, body, hashlib.sha1)[:12]


@pytest.mark.parametrize("suite", [s for s in SUITES if s.combined], ids=lambda suite: suite.name)
def test_iv_under_the_key_and_salt_that_four_sas_share_is_spi_and_sequence(suite):
    assert codec(suite).seal(0x1001, 7, b"", 17)[8:16] == bytes.fromhex("0000100100000007")


def test_iv_of_cbc_is_new_for_every_packet():
    suite = Suite("hmac-sha-1-96", "aes-cbc")
    assert len({codec(suite).seal(1, 1, b"", 17)[8:24] for _ in range(16)}) == 16


def test_keys_are_in_no_error():
    suite = SUITES[0]
    with pytest.raises(EspIntegrityError) as caught:
        codec(suite).open(bytes(52))
    assert KEYS.ck.hex() not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("case", ESP["replay"], ids=lambda case: str(case["window"]))
def test_replay_window(case):
    window = ReplayWindow(case["window"])
    for sequence, accepted in case["steps"]:
        assert window.may_be_new(sequence) == accepted
        assert window.accept(sequence) == accepted


def test_asking_does_not_move_the_window():
    window = ReplayWindow()
    assert window.may_be_new(1000)
    assert window.accept(1)
    assert window.may_be_new(1000)


@given(st.lists(st.integers(0, 200), max_size=60), st.sampled_from([32, 64]))
def test_replay_window_accepts_each_number_once_and_none_behind(numbers, size):
    window, seen = ReplayWindow(size), {0}
    for number in numbers:
        acceptable = number not in seen and number > max(seen) - size
        assert window.accept(number) == acceptable
        if acceptable:
            seen.add(number)
