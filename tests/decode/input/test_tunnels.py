import pytest

from pcscf.decode.input.tunnels import find_esp, find_user_packet
from tests.decode.wires import esp, gtp, ipv4, ipv6, udp

V4, V6 = ipv4(b"four"), ipv6(b"six")


def user_packet(datagram: bytes) -> bytes | None:
    place = find_user_packet(datagram)
    return datagram[place:] if place >= 0 else None


@pytest.mark.parametrize(("src", "dst"), [(4500, 4500), (4500, 61000), (61000, 4500)])
def test_esp_in_udp(src: int, dst: int) -> None:
    datagram = udp(esp(), src, dst)
    assert datagram[find_esp(datagram) :] == esp()


@pytest.mark.parametrize("data", [bytes(4) + b"IKE......", b"\xff", b"", b"1234567"])
def test_what_is_not_esp_on_its_port(data: bytes) -> None:
    assert find_esp(udp(data, 4500, 4500)) == -1


def test_other_ports_have_no_esp() -> None:
    assert find_esp(udp(esp())) == -1


PDU_SESSION = b"\x85" + bytes(2)
LONG = b"\xc0" + bytes(6)


@pytest.mark.parametrize("packet", [V4, V6])
@pytest.mark.parametrize("sequence", [False, True])
@pytest.mark.parametrize("extensions", [(), (PDU_SESSION,), (PDU_SESSION, LONG)])
def test_gtp(packet: bytes, sequence: bool, extensions: tuple[bytes, ...]) -> None:
    datagram = udp(gtp(packet, sequence=sequence, extensions=extensions), 2152, 2152)
    assert user_packet(datagram) == packet


def test_either_port_may_be_gtps() -> None:
    assert user_packet(udp(gtp(V4), 40000, 2152)) == V4
    assert user_packet(udp(gtp(V4), 2152, 40000)) == V4
    assert user_packet(udp(gtp(V4))) is None


G = gtp(V4)


@pytest.mark.parametrize(
    "data",
    [
        b"\x32\x01" + bytes(10),  # echo
        G[:1] + b"\xfe" + G[2:],  # an end marker
        b"\x20" + G[1:],  # GTP'
        b"\x50" + G[1:],  # version 2
        gtp(b"\x15 is no IP"),
        gtp(b""),
        b"\x34" + G[1:8],
        b"\x34" + G[1:8] + b"\0\0\0\x85\0",  # an extension header of no length
        b"\x34" + G[1:8] + b"\0\0\0\x85\x7f",  # and one beyond the end
        G[:7],
        b"",
    ],
)
def test_what_has_no_user_packet(data: bytes) -> None:
    assert user_packet(udp(data, 2152, 2152)) is None


def test_extension_headers_without_an_end_are_not_followed() -> None:
    headers = b"\x01\x00\x00\x85" * 999 + b"\x01\x00\x00\x00"
    assert (
        user_packet(udp(b"\x34" + G[1:8] + bytes(3) + b"\x85" + headers + V4, 2152, 2152)) is None
    )
