import itertools

import pytest

from pcscf.decode.input import fragments as module
from pcscf.decode.input.fragments import LIFETIME, MAX_OCTETS, MAX_PACKETS, Fragments
from pcscf.decode.input.ip import Fragment, read_ip
from pcscf.decode.model import Packet
from tests.decode.wires import (
    ESP,
    PCSCF,
    UDP,
    UE,
    extension,
    fragment6,
    fragments4,
    fragments6,
    ipv4,
    ipv6,
)

DATA = bytes(range(100))


def read(octets: bytes, number: int = 1, time: int = 0) -> Fragment:
    fragment = read_ip(number, time, octets)
    assert isinstance(fragment, Fragment)
    return fragment


def feed(fragments: Fragments, *packets: bytes) -> list[Packet]:
    """Give the packets that come out whole; fragment N has the number N and the time 10 N."""
    whole = [fragments.add(read(one, at, at * 10)) for at, one in enumerate(packets, 1)]
    return [one for one in whole if one is not None]


@pytest.mark.parametrize("cut", [fragments4, fragments6])
def test_fragments_in_any_order_are_put_together(cut: type) -> None:
    for order in itertools.permutations(cut(DATA, 40, ESP)):
        fragments = Fragments()
        (packet,) = feed(fragments, *order)
        assert (packet.payload, packet.protocol, packet.missing) == (DATA, ESP, 0)
        assert (packet.number, packet.time) == (3, 30)
        assert (len(fragments), fragments.overlaps, fragments.unfinished) == (0, 0, 0)


def test_packets_are_told_apart() -> None:
    mixed = [
        one
        for pair in zip(fragments4(DATA, 56), fragments4(DATA[::-1], 56, ident=2), strict=True)
        for one in pair
    ]
    mixed += [ipv4(b"12345678", src=PCSCF, dst=UE, more=True), ipv4(b"12345678", ESP, more=True)]
    assert [one.payload for one in feed(Fragments(), *mixed)] == [DATA, DATA[::-1]]


def test_extension_headers_behind_the_fragment_header() -> None:
    (packet,) = feed(Fragments(), *fragments6(extension(UDP, DATA, words=1), 48, 60))
    assert (packet.protocol, packet.payload) == (UDP, DATA)


def test_ipv6_heeds_the_next_header_of_the_first_fragment_only() -> None:
    last, first = fragment6(59, b"last", 8), fragment6(UDP, b"first of", more=True)
    (packet,) = feed(Fragments(), ipv6(last, 44), ipv6(first, 44))
    assert (packet.protocol, packet.payload) == (UDP, b"first oflast")


def test_what_came_first_stays_where_fragments_overlap() -> None:
    fragments = Fragments()
    (packet,) = feed(
        fragments,
        ipv4(b"A" * 16, offset=0, more=True),
        ipv4(b"B" * 16, offset=8, more=True),
        ipv4(b"C" * 8, offset=24),
    )
    assert packet.payload == b"A" * 16 + b"B" * 8 + b"C" * 8
    assert fragments.overlaps == 1


@pytest.mark.parametrize(
    "odd",
    [
        ipv4(b"beyond the end", offset=40, more=False),
        ipv4(b"another end", offset=8),
        ipv4(b"1234567", offset=16, more=True),  # no multiple of eight octets
        ipv4(b"", offset=16, more=True),
        ipv4(b"beyond 64 KiB", offset=65528),
    ],
)
def test_what_contradicts_is_not_used(odd: bytes) -> None:
    fragments = Fragments()
    (packet,) = feed(fragments, ipv4(b"tail", offset=16), odd, ipv4(b"0123456789abcdef", more=True))
    assert packet.payload == b"0123456789abcdeftail"
    assert fragments.overlaps == 1


def test_an_end_before_what_has_come_is_not_believed() -> None:
    (packet,) = feed(
        Fragments(),
        ipv4(b"A" * 24, more=True),
        ipv4(b"short", offset=8),
        ipv4(b"B" * 8, offset=24),
    )
    assert packet.payload == b"A" * 24 + b"B" * 8


def test_a_packet_ends_where_a_fragment_was_cut() -> None:
    first, second, third = fragments4(DATA, 40)
    for order in itertools.permutations([first, second[:-10], third]):
        (packet,) = feed(Fragments(), *order)
        assert (packet.payload, packet.missing) == (DATA[:70], 30)


def test_fragments_of_different_times_are_not_mixed() -> None:
    first, second = fragments4(DATA, 56)
    fragments = Fragments()
    assert fragments.add(read(first, time=0)) is None
    assert fragments.add(read(second, time=LIFETIME + 1)) is None
    assert (len(fragments), fragments.unfinished) == (1, 1)


def test_old_ones_go_when_new_ones_come() -> None:
    fragments = Fragments()
    for ident in range(10):
        fragments.add(read(ipv4(b"12345678", more=True, ident=ident), time=ident))
    fragments.add(read(ipv4(b"12345678", more=True, ident=99), time=LIFETIME + 5))
    assert (len(fragments), fragments.unfinished) == (6, 5)


def test_their_number_is_bounded() -> None:
    fragments = Fragments()
    for ident in range(MAX_PACKETS + 10):
        fragments.add(read(ipv4(b"12345678", more=True, ident=ident)))
    assert (len(fragments), fragments.unfinished) == (MAX_PACKETS, 10)


def test_their_octets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_OCTETS <= 16 << 20
    monkeypatch.setattr(module, "MAX_OCTETS", 100_000)
    fragments = Fragments()
    for ident in range(100):
        fragments.add(read(ipv4(bytes(8000), more=True, ident=ident)))
    assert len(fragments) == 13
    assert fragments.unfinished == 87


def test_octets_are_bounded_while_known_packets_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OCTETS", 100_000)
    fragments = Fragments()
    for offset in range(0, 8000, 8):
        for ident in (1, 2):
            fragments.add(read(ipv4(b"12345678", offset=offset, more=True, ident=ident)))
    assert fragments.unfinished >= 2
