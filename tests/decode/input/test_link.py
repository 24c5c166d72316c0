import pytest

from pcscf.decode.input.link import find_ip, is_known
from tests.decode.wires import ethernet, ipv4, ipv6

V4, V6 = ipv4(b"four"), ipv6(b"six")


def found(link: int, frame: bytes) -> bytes | None:
    place = find_ip(link, frame)
    return frame[place:] if place >= 0 else None


@pytest.mark.parametrize("packet", [V4, V6])
@pytest.mark.parametrize(
    "tags", [(), (0x8100,), (0x88A8, 0x8100), (0x9100, 0x8100), (0x8100, 0x8100, 0x8100)]
)
def test_ethernet_with_and_without_tags(packet: bytes, tags: tuple[int, ...]) -> None:
    assert found(1, ethernet(packet, tags)) == packet


def test_tags_without_an_end_are_not_followed() -> None:
    assert found(1, ethernet(V4, (0x8100,) * 50)) is None


@pytest.mark.parametrize("kind", [0x0806, 0x88CC, 0x0026])
def test_what_is_no_ip_is_seen(kind: int) -> None:
    assert found(1, ethernet(V4, kind=kind)) is None


@pytest.mark.parametrize(("packet", "kind"), [(V4, b"\x08\x00"), (V6, b"\x86\xdd")])
def test_linux_cooked_captures(packet: bytes, kind: bytes) -> None:
    assert found(113, bytes(14) + kind + packet) == packet
    assert found(113, bytes(14) + b"\x81\x00\x00\x07" + kind + packet) == packet
    assert found(276, kind + bytes(18) + packet) == packet
    assert found(113, bytes(14) + b"\x08\x06" + packet) is None
    assert found(276, b"\x08\x06" + bytes(18) + packet) is None


@pytest.mark.parametrize("link", [12, 14, 101, 228, 229])
def test_raw_ip(link: int) -> None:
    assert found(link, V4) == V4


@pytest.mark.parametrize("link", [0, 108])
@pytest.mark.parametrize("family", [2, 10, 24, 28, 30])
@pytest.mark.parametrize("order", ["big", "little"])
def test_bsd_loopback_in_either_byte_order(link: int, family: int, order: str) -> None:
    head = family.to_bytes(4, "big" if order == "big" else "little")
    assert found(link, head + V6) == V6
    assert found(link, b"\x07\0\0\0" + V6) is None


def test_a_link_type_that_is_not_known() -> None:
    assert found(147, V4) is None
    assert (is_known(147), is_known(1)) == (False, True)


@pytest.mark.parametrize("link", [0, 1, 108, 113, 276])
def test_frames_cut_anywhere_in_their_header_have_no_ip(link: int) -> None:
    for size in range(12):
        assert find_ip(link, bytes(size)) == -1
