import pytest

from pcscf.decode.input.ip import Fragment, behind_extensions, read_ip, write_ip
from pcscf.decode.model import Packet
from tests.decode.wires import (
    ESP,
    PCSCF,
    PCSCF6,
    TCP,
    UDP,
    UE,
    UE6,
    extension,
    fragment6,
    ipv4,
    ipv6,
)


def packet(octets: bytes, at: int = 0) -> Packet:
    read = read_ip(7, 99, octets, at)
    assert isinstance(read, Packet)
    return read


def fragment(octets: bytes) -> Fragment:
    read = read_ip(7, 99, octets)
    assert isinstance(read, Fragment)
    return read


def test_ipv4() -> None:
    octets = ipv4(b"data", ESP)
    assert packet(octets) == Packet(7, 99, UE, PCSCF, ESP, octets[:20], b"data", 0)
    assert packet(b"before" + octets, 6) == packet(octets)


def test_ipv4_with_options() -> None:
    read = packet(ipv4(b"data", TCP, options=b"\x94\x04\0\0"))
    assert (len(read.header), read.payload) == (24, b"data")


def test_ipv6() -> None:
    octets = ipv6(b"data", ESP)
    assert packet(octets) == Packet(7, 99, UE6, PCSCF6, ESP, octets[:40], b"data", 0)


@pytest.mark.parametrize("kind", [0, 43, 60, 135])
def test_ipv6_with_extension_headers(kind: int) -> None:
    inner = extension(60, extension(UDP, b"data", words=2))
    read = packet(ipv6(inner, kind))
    assert (read.protocol, read.payload, len(read.header)) == (UDP, b"data", 40 + 8 + 24)


def test_an_authentication_header_counts_words_of_four_octets() -> None:
    header = bytes([UDP, 4]) + bytes(22)
    assert packet(ipv6(header + b"data", 51)).payload == b"data"


def test_ethernet_padding_is_left_out() -> None:
    assert packet(ipv4(b"data") + bytes(22)).payload == b"data"
    assert packet(ipv6(b"data") + bytes(22)).payload == b"data"


def test_what_was_cut_off_is_counted() -> None:
    for octets in (ipv4(b"0123456789"), ipv6(b"0123456789")):
        read = packet(octets[:-4])
        assert (read.payload, read.missing) == (b"012345", 4)


def test_a_length_of_0_means_up_to_the_end() -> None:
    assert packet(ipv4(b"offloaded", total=0)).payload == b"offloaded"
    assert packet(ipv6(b"offloaded", length=0)).payload == b"offloaded"


def test_an_ipv4_fragment() -> None:
    read = fragment(ipv4(b"12345678", ESP, offset=16, more=True, ident=77))
    assert (read.ident, read.offset, read.more) == (77, 16, True)
    assert (read.piece.payload, read.piece.protocol) == (b"12345678", ESP)
    last = fragment(ipv4(b"1", ESP, offset=24))
    assert (last.offset, last.more) == (24, False)


def test_an_ipv6_fragment() -> None:
    read = fragment(ipv6(extension(44, fragment6(ESP, b"12345678", 16, more=True, ident=77)), 0))
    assert (read.ident, read.offset, read.more) == (77, 16, True)
    assert (read.piece.payload, read.piece.protocol) == (b"12345678", ESP)


def test_an_atomic_fragment_is_whole() -> None:
    read = packet(ipv6(fragment6(60, extension(UDP, b"data")), 44))
    assert (read.protocol, read.payload) == (UDP, b"data")


def test_extension_headers_of_a_payload_are_moved_to_the_header() -> None:
    whole = packet(ipv6(b"", UDP))._replace(protocol=60, payload=extension(UDP, b"data"))
    moved = behind_extensions(whole)
    assert (moved.protocol, moved.payload, len(moved.header)) == (UDP, b"data", 48)
    cut = whole._replace(payload=b"\x11")
    assert behind_extensions(cut) == cut
    four = packet(ipv4(extension(UDP, b"data"), 60))
    assert behind_extensions(four) == four


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x45",
        ipv4(b"")[:19],
        ipv6(b"")[:39],
        b"\x15" + ipv4(b"data")[1:],  # version 1
        b"\x44" + ipv4(b"data")[1:],  # a header of 16 octets
        b"\x4f" + ipv4(b"data")[1:],  # options beyond the packet
        ipv4(b"data", total=19),
        ipv6(b"\x11", 0),
        ipv6(bytes([UDP, 200]) + bytes(30), 60),  # an extension header beyond the packet
        ipv6(bytes(7), 44),
    ],
)
def test_what_is_no_packet(octets: bytes) -> None:
    assert read_ip(7, 99, octets) is None


def test_extension_headers_without_an_end_are_not_followed() -> None:
    read = packet(ipv6(b"\0" * 8 * 1000, 0))
    assert len(read.header) == 40 + 16 * 8


def test_a_packet_is_written_as_it_was_read() -> None:
    four = ipv4(b"data", TCP, options=b"\x94\x04\0\0")
    assert write_ip(packet(four)) == four
    assert write_ip(packet(ipv6(b"data"))) == ipv6(b"data")


def test_headers_are_made_to_fit_what_they_carry() -> None:
    for octets in (ipv4(bytes(50), ESP), ipv6(extension(ESP, bytes(50)), 60)):
        inner = packet(octets)._replace(protocol=UDP, payload=b"decrypted", missing=3)
        again = packet(write_ip(inner))
        assert (again.protocol, again.payload, again.missing) == (UDP, b"decrypted", 3)
        assert (again.src, again.dst) == (inner.src, inner.dst)


@pytest.mark.parametrize("header", [ipv4(b"", offset=80, more=True), ipv4(b"")])
def test_a_packet_that_was_put_together_is_no_fragment(header: bytes) -> None:
    whole = packet(ipv4(b""))._replace(header=header, payload=b"data")
    assert packet(write_ip(whole)).payload == b"data"


def test_a_payload_too_long_for_the_length_goes_up_to_the_end() -> None:
    for octets in (ipv4(b""), ipv6(b"")):
        large = packet(octets)._replace(payload=bytes(70_000))
        assert len(packet(write_ip(large)).payload) == 70_000
