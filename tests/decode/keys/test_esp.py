"""What comes out of ESP packets, and what is counted in their SAs."""

import struct
from collections import Counter

import pytest

from pcscf.decode.keys.esp import NULL_ORIGIN, Opener
from pcscf.decode.keys.sas import SaTable
from pcscf.decode.keys.wildcards import Wildcard, Wildcards
from pcscf.decode.model import Candidate, Fault, Packet, Sa
from tests.decode.esp_packets import (
    AES_CBC,
    AKA,
    GCM,
    GMAC,
    NULL,
    OTHER_AKA,
    PCSCF,
    PORTS,
    SECOND,
    SIP,
    SPI,
    UE,
    UE6,
    VECTORS,
    Sender,
    keys_of,
    packet,
    suite_of,
    udp,
)  # fmt: skip
from xfrm.algorithms import SUITES, EspKeys

DATAGRAM = udp(SIP)


class Bench:
    """An opener with a table; ``sa`` is the one SA of most tests."""

    def __init__(self, *sas: Sa, wildcards: Wildcards | None = None) -> None:
        self.table = SaTable()
        for sa in sas:
            self.table.add(sa)
        self.opener = Opener(self.table, wildcards)

    @property
    def sa(self) -> Sa:
        (one,) = self.table
        return one

    def inside(self, one: Packet) -> bytes | None:
        opened = self.opener.open(one)
        return opened.packet and opened.packet.payload

    def faults(self, *packets: Packet) -> list[Fault | None]:
        return [self.opener.open(one).fault for one in packets]


def damaged(one: Packet, at: int = -1) -> Packet:
    payload = bytearray(one.payload)
    payload[at] ^= 1
    return one._replace(payload=bytes(payload))


# -- opening -------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda one: one["name"])
def test_vector(vector) -> None:
    sealed, plain = (packet(bytes.fromhex(vector[key])) for key in ("packet", "plain"))
    ports = (vector["sport"], vector["dport"])
    suite, keys = suite_of(vector), keys_of(vector)
    bench = Bench(Sa(vector["spi"], sealed.src, sealed.dst, suite=suite, keys=keys, ports=ports))
    opened = bench.opener.open(sealed)
    assert opened == (bench.sa, plain._replace(header=sealed.header), None)
    sa = bench.sa
    assert (sa.packets, sa.octets) == (1, len(sealed.payload))
    assert (sa.first_sequence, sa.last_sequence, sa.missing) == (vector["seq"],) * 2 + (0,)
    assert (sa.first_time, sa.last_time, sa.faults) == (SECOND, SECOND, Counter())


@pytest.mark.parametrize("vector", VECTORS["udp_encap"], ids=lambda one: one["name"])
def test_tunnel_in_udp(vector) -> None:
    outer, inner = (packet(bytes.fromhex(vector[key])) for key in ("packet", "inner_packet"))
    sealed = outer._replace(protocol=50, payload=outer.payload[8:])
    suite, keys = suite_of(vector), keys_of(vector)
    ports = struct.unpack_from("!HH", inner.payload)
    bench = Bench(Sa(vector["spi"], "10.0.0.1", sealed.dst, suite=suite, keys=keys, ports=ports))
    opened = bench.opener.open(sealed)
    assert opened.packet is not None
    assert (opened.packet.protocol, opened.fault) == (4, None)
    assert opened.packet.payload == bytes.fromhex(vector["inner_packet"])


def test_in_a_tunnel_the_ports_inside_are_compared() -> None:
    inner = bytes.fromhex(VECTORS["udp_encap"][0]["inner_packet"])
    six = struct.pack("!IHBB", 6 << 28, len(DATAGRAM), 17, 64) + bytes(32) + DATAGRAM
    later_fragment = inner[:6] + b"\0\x10" + inner[8:20] + b"no ports here"
    sender = Sender()
    bench = Bench(sender.sa())
    faults = bench.faults(
        sender.sealed(inner, 1, 4),
        sender.sealed(six, 2, 41),
        sender.sealed(later_fragment, 3, 4),
        sender.sealed(inner[:20] + b"\0\1\0\1" + inner[24:], 4, 4),
        sender.sealed(six[:40] + b"\0\1\0\1" + six[44:], 5, 41),
        sender.sealed(b"", 6, 4),
    )
    assert faults == [None, None, None, Fault.SELECTOR, Fault.SELECTOR, None]


@pytest.mark.parametrize("negative", VECTORS["negative"], ids=lambda one: one["why"])
def test_negative_vector_after_a_good_one(negative) -> None:
    good = next(one for one in VECTORS["vectors"] if one["name"] == negative["name"])
    sealed = packet(bytes.fromhex(good["packet"]))
    known = Sa(good["spi"], sealed.src, sealed.dst, suite=suite_of(good), keys=keys_of(good))
    bench = Bench(known)
    assert bench.inside(sealed) is not None
    opened = bench.opener.open(packet(bytes.fromhex(negative["packet"])))
    assert opened.packet is None
    expected = {
        "SPI not in the SAD": Fault.UNKNOWN_SPI,
        "truncated inside the ICV": Fault.MALFORMED,
    }.get(negative["why"], Fault.BAD_ICV)
    assert opened.fault is expected
    assert opened.sa is not None
    assert opened.sa.faults == {expected: 1}
    assert (opened.sa is known) == (expected is not Fault.UNKNOWN_SPI)


def test_what_is_too_short_for_an_spi_has_no_sa() -> None:
    bench = Bench()
    for size in range(8):
        assert bench.opener.open(Packet(1, 1, UE, PCSCF, 50, b"", bytes(size)))[:2] == (None, None)
    assert (bench.opener.without_spi, len(bench.table)) == (8, 0)


def test_what_was_cut_is_counted_and_not_missing() -> None:
    sender = Sender(NULL)
    bench = Bench(sender.sa())
    whole = sender.send(2)
    cut = whole._replace(payload=whole.payload[:40], missing=len(whole.payload) - 40)
    assert bench.faults(sender.send(1), cut, sender.send(3)) == [None, Fault.CUT, None]
    sa = bench.sa
    assert (sa.packets, sa.octets, sa.missing) == (3, 3 * len(whole.payload), 0)
    assert bench.opener.open(cut).packet is None


def test_dummy_packets_are_dropped_in_silence() -> None:
    sender = Sender()
    bench = Bench(sender.sa())
    assert bench.opener.open(sender.sealed(b"nothing", 1, 59)) == (bench.sa, None, None)
    assert bench.sa.packets == 1


# -- sequence numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "first", "last", "missing", "replayed"),
    [
        ([1, 2, 3], 1, 3, 0, 0),
        ([1, 4], 1, 4, 2, 0),
        ([1, 4, 2, 3], 1, 4, 0, 0),
        ([1, 4, 3], 1, 4, 1, 0),
        ([7, 8], 7, 8, 0, 0),
        ([7, 5, 8], 5, 8, 1, 0),
        ([1, 1, 2, 2, 1], 1, 2, 0, 3),
        ([1, 3, 3, 2, 2], 1, 3, 0, 2),
        ([1, 2000, 1, 2], 1, 2000, 1998, 2),  # further behind than is remembered
        ([1, 500, 2], 1, 500, 497, 0),
        ([1, 2**32 - 1], 1, 2**32 - 1, 2**32 - 3, 0),
        ([2**32 - 2, 2**32 - 1], 2**32 - 2, 2**32 - 1, 0, 0),
    ],
)
def test_gaps_late_ones_and_repetitions(numbers, first, last, missing, replayed) -> None:
    sender = Sender(GCM)
    bench = Bench(sender.sa())
    given = [bench.inside(sender.send(number)) for number in numbers]
    sa = bench.sa
    assert (sa.first_sequence, sa.last_sequence, sa.missing) == (first, last, missing)
    assert sa.faults[Fault.REPLAYED] == replayed == given.count(None)


def test_a_receivers_window_is_64_and_what_is_behind_is_read_all_the_same() -> None:
    sender = Sender()
    bench = Bench(sender.sa())
    faults = bench.faults(*(sender.send(number) for number in (1, 100, 37, 36, 36)))
    assert faults == [None, None, None, Fault.LATE, Fault.REPLAYED]
    assert bench.sa.faults == {Fault.LATE: 1, Fault.REPLAYED: 1}


@pytest.mark.parametrize("case", VECTORS["replay"], ids=lambda case: str(case["window"]))
def test_replay_vectors(case) -> None:
    """What a receiver's window takes is given too; beyond it only what was not there yet."""
    sender, seen = Sender(), set()
    bench = Bench(sender.sa())
    for sequence, accepted in case["steps"]:
        fault = bench.opener.open(sender.send(sequence)).fault
        if accepted:
            assert fault is None
        elif sequence in seen:
            assert fault is Fault.REPLAYED
        else:
            assert fault is not Fault.REPLAYED
        seen.add(sequence)


def test_number_0_is_never_sent() -> None:
    sender = Sender()
    bench = Bench(sender.sa())
    assert bench.opener.open(sender.send(0))[1:] == (None, Fault.MALFORMED)
    assert bench.faults(sender.send(1)) == [None]


def test_a_damaged_packet_is_not_missing_and_moves_nothing() -> None:
    sender = Sender()
    bench = Bench(sender.sa())
    forged = damaged(sender.send(4_000_000_000))
    bench.faults(sender.send(1), damaged(sender.send(2)), forged, sender.send(3), sender.send(9))
    sa = bench.sa
    assert (sa.last_sequence, sa.missing, sa.faults) == (9, 5, {Fault.BAD_ICV: 2})
    assert bench.inside(sender.send(2)) == DATAGRAM


# -- wrong keys, damaged packets, selectors ------------------------------------------------------


def test_a_wrong_key_is_told_from_damaged_packets() -> None:
    sender = Sender()
    wrong = Bench(sender.sa(keys=AES_CBC.keys(OTHER_AKA)))
    assert wrong.faults(sender.send(1), sender.send(2)) == [Fault.WRONG_KEY] * 2
    assert wrong.sa.faults == {Fault.WRONG_KEY: 2}
    assert (wrong.sa.first_sequence, wrong.sa.last_sequence) == (1, 2)
    right = Bench(sender.sa())
    assert right.faults(damaged(sender.send(1))) == [Fault.WRONG_KEY]
    assert right.faults(sender.send(2), damaged(sender.send(3))) == [None, Fault.BAD_ICV]
    assert right.sa.faults == {Fault.BAD_ICV: 2}


def test_numbers_are_counted_from_the_first_good_packet_on() -> None:
    sender = Sender()
    bench = Bench(sender.sa())
    forged = damaged(sender.send(1_000_000))
    assert bench.faults(forged, damaged(sender.send(2_000_000))) == [Fault.WRONG_KEY] * 2
    assert bench.sa.missing == 999_999
    assert bench.faults(sender.send(7), sender.send(9)) == [None, None]
    sa = bench.sa
    assert (sa.first_sequence, sa.last_sequence, sa.missing) == (7, 9, 1)


@pytest.mark.parametrize("ports", [(6100, 40001), (40001, 6101), (40002, 6100)])
def test_other_ports_than_agreed_are_told_and_the_packet_given(ports) -> None:
    sender = Sender()
    bench = Bench(sender.sa())
    opened = bench.opener.open(sender.sealed(udp(SIP, ports), 1))
    assert opened.packet is not None
    assert (opened.fault, opened.packet.payload) == (Fault.SELECTOR, udp(SIP, ports))
    assert bench.sa.faults == {Fault.SELECTOR: 1}


def test_another_source_than_agreed_is_told() -> None:
    sender = Sender()
    bench = Bench(sender.sa())
    assert bench.faults(sender.send(1)._replace(src="192.0.2.99")) == [Fault.SELECTOR]


def test_ports_that_are_not_known_are_not_compared() -> None:
    sender = Sender()
    bench = Bench(sender.sa(ports=None))
    assert bench.faults(sender.send(1), sender.sealed(udp(SIP, (1, 2)), 2)) == [None, None]
    bench.sa.ports = PORTS
    assert bench.faults(sender.sealed(udp(SIP, (1, 2)), 3)) == [Fault.SELECTOR]


# -- SAs of other times, algorithms not sure -----------------------------------------------------


def test_an_spi_used_again_is_opened_with_the_keys_of_its_time() -> None:
    old, new = Sender(), Sender(GCM, OTHER_AKA)
    bench = Bench(old.sa(since=1 * SECOND), new.sa(since=10 * SECOND))
    first, second = bench.table
    assert bench.opener.open(old.send(5)).sa is first
    assert bench.opener.open(new.send(11)).sa is second
    assert bench.opener.open(old.send(12)).sa is first  # late: the ICV proves it
    assert (first.packets, first.until, second.packets) == (2, 10 * SECOND, 1)
    assert (first.faults, second.faults) == ({}, {})


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_of_the_algorithms_that_an_sa_may_have_the_first_packet_shows_which(suite) -> None:
    sender = Sender(suite)
    candidates = tuple(Candidate(suite, suite.keys(AKA), "the 401") for suite in SUITES)
    bench = Bench(sender.sa(suite=AES_CBC, keys=AES_CBC.keys(AKA), candidates=candidates))
    assert bench.inside(sender.send(1)) == DATAGRAM
    assert (bench.sa.suite, bench.sa.keys, bench.sa.candidates) == (suite, sender.keys, ())
    assert bench.inside(sender.send(2)) == DATAGRAM
    assert bench.sa.faults == {}


def test_keys_that_become_known_later_are_used_from_then_on() -> None:
    sender = Sender()
    bench = Bench(Sa(SPI, UE, PCSCF, ports=PORTS, user="alice"))
    assert bench.faults(sender.send(1)) == [Fault.UNKNOWN_SPI]
    bench.table.add(sender.sa(origin="found"))
    assert bench.inside(sender.send(2)) == DATAGRAM
    assert (bench.sa.user, bench.sa.origin, bench.sa.packets) == ("alice", "found", 2)


def test_keys_of_a_file_serve_the_sa_whose_registration_was_seen() -> None:
    sender = Sender()
    seen = Sa(SPI, UE, PCSCF, ports=PORTS, user="alice", since=1)
    bench = Bench(sender.sa(ports=None, origin="a file"), seen)
    assert bench.opener.open(sender.send(1)).sa is seen
    assert bench.inside(sender.send(2)) == DATAGRAM
    assert (seen.origin, seen.keys, seen.packets) == ("a file", sender.keys, 2)


def test_only_the_key_of_the_cipher() -> None:
    sender = Sender()
    bench = Bench(sender.sa(keys=EspKeys(b"", AKA.ck), checked=False))
    assert bench.inside(damaged(sender.send(1))) == DATAGRAM


# -- unknown SPIs --------------------------------------------------------------------------------


def pool(*candidates: Candidate) -> Wildcards:
    return Wildcards(Wildcard(candidate) for candidate in candidates)


EVERY_SUITE = [Candidate(suite, suite.keys(AKA), "--ck and --ik") for suite in SUITES]


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_given_keys_are_tried_with_every_algorithm(suite) -> None:
    sender = Sender(suite)
    bench = Bench(wildcards=pool(*EVERY_SUITE))
    assert bench.inside(sender.send(7)) == DATAGRAM
    sa = bench.sa
    assert (sa.suite, sa.keys, sa.origin, sa.checked) == (suite, sender.keys, "--ck and --ik", True)
    assert (sa.src, sa.first_sequence, sa.faults) == (UE, 7, {})
    assert bench.inside(sender.send(8)) == DATAGRAM


def test_keys_that_fit_nothing_are_wrong_and_no_keys_are_an_unknown_spi() -> None:
    sender = Sender()
    assert Bench().faults(sender.send(1)) == [Fault.UNKNOWN_SPI]
    wrong = Candidate(AES_CBC, AES_CBC.keys(OTHER_AKA), "a file")
    bench = Bench(wildcards=pool(wrong))
    assert bench.faults(*(sender.send(n) for n in range(1, 40))) == [Fault.WRONG_KEY] * 39
    assert (bench.sa.keys, bench.sa.origin, bench.sa.missing) == (None, "", 0)


def test_a_flow_without_keys_is_tried_less_and_less_and_anew_with_new_keys() -> None:
    wildcards = Wildcards()
    bench = Bench(wildcards=wildcards)
    sender = Sender()
    bench.faults(*(sender.send(n) for n in range(1, 101)))
    wildcards.find("nonce", EVERY_SUITE)
    assert bench.inside(sender.send(101)) == DATAGRAM
    assert (bench.sa.packets, bench.sa.faults) == (101, {Fault.UNKNOWN_SPI: 100})


def test_attempts_on_a_flow_are_bounded(monkeypatch) -> None:
    attempts: list[Packet] = []
    monkeypatch.setattr("pcscf.decode.keys.esp.recognise", attempts.append)
    bench = Bench()
    sender = Sender()
    bench.faults(*(sender.send(n) for n in range(1, 1001)))
    assert [one.number for one in attempts] == [1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512]


@pytest.mark.parametrize("suite", [NULL, GMAC], ids=lambda suite: suite.name)
def test_null_is_read_without_keys_and_said_to_be_unchecked(suite) -> None:
    sender = Sender(suite)
    bench = Bench()
    for number in range(3, 20):
        assert bench.inside(damaged(sender.send(number))) == DATAGRAM
    sa = bench.sa
    assert (sa.origin, sa.checked, sa.keys) == (NULL_ORIGIN, False, None)
    assert (sa.suite, sa.icv_size) == ((None, 12) if suite is NULL else (GMAC, 16))
    assert (sa.first_sequence, sa.last_sequence, sa.missing, sa.faults) == (3, 19, 0, {})
    assert bench.faults(sender.send(4)) == [Fault.REPLAYED]
    cut = sender.send(30)
    assert bench.faults(cut._replace(payload=cut.payload[:-3])) == [Fault.MALFORMED]


def test_null_that_was_agreed_keeps_its_name_and_its_ports() -> None:
    bench = Bench(Sa(SPI, UE, PCSCF, suite=NULL, ports=(1, 2), user="alice"))
    assert bench.faults(Sender(NULL).send(1)) == [Fault.SELECTOR]
    assert (bench.sa.suite, bench.sa.origin, bench.sa.user) == (NULL, NULL_ORIGIN, "alice")
    other = Bench(Sa(SPI, UE, PCSCF, suite=AES_CBC))
    assert other.inside(Sender(NULL).send(1)) == DATAGRAM
    assert other.sa.suite is None


def test_a_null_packet_with_wrong_keys_for_its_sa_is_not_given() -> None:
    sender = Sender(NULL)
    bench = Bench(sender.sa(keys=NULL.keys(OTHER_AKA)))
    assert bench.opener.open(sender.send(1))[1:] == (None, Fault.WRONG_KEY)


def test_given_keys_that_open_a_null_sa_later_check_its_icv() -> None:
    sender = Sender(NULL)
    bench = Bench(wildcards=pool(*EVERY_SUITE))
    assert bench.inside(damaged(sender.send(1))) == DATAGRAM
    assert not bench.sa.checked
    assert bench.inside(sender.send(2)) == DATAGRAM
    sa = bench.sa
    assert (sa.suite, sa.checked, sa.icv_size, sa.faults) == (NULL, True, None, {})
    assert bench.faults(damaged(sender.send(3))) == [Fault.BAD_ICV]


def test_an_unchecked_key_is_not_taken_for_right_because_the_padding_happens_to_fit() -> None:
    """Of random payloads every 256th or so ends in a padding of no octets."""
    unchecked = Candidate(AES_CBC, EspKeys(b"", AKA.ck), "a file", checked=False)
    bench, sender = Bench(wildcards=pool(unchecked)), Sender()
    assert bench.faults(sender.sealed(b"rubbish", 1)) == [Fault.WRONG_KEY]
    assert bench.faults(sender.sealed(DATAGRAM, 2, 58)) == [Fault.WRONG_KEY]
    assert bench.inside(damaged(sender.send(3))) == DATAGRAM
    assert (bench.sa.keys, bench.sa.checked) == (unchecked.keys, False)


# -- hostile ---------------------------------------------------------------------------


def test_garbage_of_every_size_ends_in_a_fault() -> None:
    codecs = [Sender(suite) for suite in SUITES]
    for sender in codecs:
        bench = Bench(sender.sa(), wildcards=pool(*EVERY_SUITE))
        for size in range(8, 120):
            payload = (struct.pack("!II", SPI, size) + bytes(range(256)))[:size]
            opened = bench.opener.open(Packet(size, size, UE, PCSCF, 50, b"", payload))
            assert opened.packet is None
            assert opened.fault in {Fault.WRONG_KEY, Fault.MALFORMED}


def test_an_ipv6_sa_in_a_table_of_ipv4_wildcards() -> None:
    sender = Sender(ends=(UE6, "2001:db8:ff::5"))
    bench = Bench(wildcards=pool(*EVERY_SUITE))
    assert bench.inside(sender.send(1)) is not None


def test_of_many_sas_the_last_ones_are_ready_to_open_and_others_when_they_are_asked(
    monkeypatch,
) -> None:
    monkeypatch.setattr("pcscf.decode.keys.esp._MAX_CODECS", 2)
    table = SaTable()
    opener = Opener(table)
    senders = [Sender(spi=1000 + n) for n in range(5)]
    sas = [table.add(sender.sa()) for sender in senders]
    for number in (1, 2):
        for sender in senders:
            assert opener.open(sender.send(number)).packet is not None
            assert sum(state.open is not None for state in opener._states.values()) <= 2
    assert [opener.open(sender.send(1)).fault for sender in senders] == [Fault.REPLAYED] * 5
    assert [(sa.packets, sa.missing) for sa in sas] == [(3, 0)] * 5
