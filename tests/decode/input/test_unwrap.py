import pytest

from pcscf.decode.input.unwrap import Unwrapper
from pcscf.decode.model import NO_IP, Frame, Packet
from tests.decode.wires import (
    ESP,
    PCSCF,
    TCP,
    UDP,
    UE,
    UE6,
    esp,
    ethernet,
    extension,
    fragments4,
    fragments6,
    gtp,
    ipv4,
    ipv6,
    tcp,
    udp,
)

INNER = ipv4(esp(), ESP)


def unwrap(packet: bytes) -> Packet | None:
    return Unwrapper().frame(Frame(3, 30, 1, ethernet(packet)))


@pytest.mark.parametrize(
    "packet",
    [
        INNER,
        ipv4(udp(esp(), 4500, 4500)),
        ipv4(udp(gtp(INNER), 2152, 2152), src="10.0.0.1", dst="10.0.0.2"),
        ipv6(udp(gtp(ipv4(udp(esp(), 4500, 4500))), 2152, 2152)),
        ipv4(INNER, 4, src="10.0.0.1"),
        ipv6(extension(4, INNER), 60),
        ipv4(ipv6(INNER, 4), 41),
    ],
)
def test_esp_is_found_however_it_is_carried(packet: bytes) -> None:
    assert unwrap(packet) == Packet(
        3, 30, UE, PCSCF, ESP, packet[0:0] + unwrapped_head(packet), esp()
    )


def unwrapped_head(packet: bytes) -> bytes:
    """The IP header right before what ESP is in."""
    end = packet.index(esp())
    return (
        packet[end - 28 : end - 8]
        if packet[end - 8 : end - 6] == b"\x11\x94"
        else packet[end - 20 : end]
    )


@pytest.mark.parametrize(
    "packet",
    [
        ipv4(udp(b"OPTIONS")),
        ipv4(udp(bytes(4) + b"IKE......", 4500, 4500)),
        ipv4(udp(b"\x32\x01" + bytes(10), 2152, 2152)),
        ipv4(tcp(b"OPTIONS"), TCP),
        ipv4(b"short"),
        ipv4(b"ping", 1),
    ],
)
def test_what_is_no_tunnel_is_given_as_it_is(packet: bytes) -> None:
    assert unwrap(packet) == Packet(3, 30, UE, PCSCF, packet[9], packet[:20], packet[20:])


@pytest.mark.parametrize("cut", [fragments4, fragments6])
def test_fragments_outside_and_inside_a_tunnel(cut: type) -> None:
    unwrapper = Unwrapper()
    inner = cut(esp(bytes(500)), 256, ESP, ident=77)
    outer = [
        one
        for at, packet in enumerate(inner)
        for one in cut(udp(gtp(packet), 2152, 2152), 120, ident=at)
    ]
    packets = [unwrapper.frame(Frame(at, at, 1, ethernet(one))) for at, one in enumerate(outer)]
    assert [bool(one) for one in packets] == [False] * (len(outer) - 1) + [True]
    last = packets[-1]
    assert last is not None
    assert (last.payload, last.protocol, last.number) == (esp(bytes(500)), ESP, len(outer) - 1)


def test_the_inside_of_tunnel_mode() -> None:
    packet = Unwrapper().ip(3, 30, ipv6(udp(b"REGISTER")))
    assert packet is not None
    assert (packet.src, packet.protocol, packet.payload) == (UE6, UDP, udp(b"REGISTER"))


def test_what_is_left_out_is_counted() -> None:
    unwrapper = Unwrapper()
    for link, data in (
        (1, ethernet(b"\x45")),
        (1, ethernet(b"", kind=0x806)),
        (147, INNER),
        (1, b""),
    ):
        assert unwrapper.frame(Frame(1, 1, link, data)) is None
    assert unwrapper.skipped == {"malformed IP": 1, NO_IP: 2, "unknown link type": 1}


def test_tunnels_in_tunnels_have_a_bound() -> None:
    unwrapper = Unwrapper()
    packet = INNER
    for _ in range(9):
        packet = ipv4(packet, 4)
    assert unwrapper.ip(1, 1, packet) is None
    assert unwrapper.skipped == {"too many tunnels": 1}


def test_what_the_capture_cut_is_told() -> None:
    packet = unwrap(ipv4(udp(esp(bytes(100)), 4500, 4500))[:-30])
    assert packet is not None
    assert (packet.missing, len(packet.payload)) == (30, 78)
