"""NULL encryption proves itself by what is inside; encrypted packets do not pass for it."""

import os
import random
import struct

import pytest

from pcscf.decode.keys.null import NullLayout, null_opener, recognise
from pcscf.decode.model import Packet
from tests.decode.esp_packets import (
    PCSCF,
    PCSCF6,
    SIP,
    SPI,
    UE,
    UE6,
    VECTORS,
    Sender,
    packet,
    suite_of,
    udp,
)  # fmt: skip
from xfrm.algorithms import SUITES
from xfrm.errors import EspError

SEALED = struct.pack("!II", SPI, 1)


def esp(
    data: bytes, layout: NullLayout, next_header: int = 17, ends: tuple[str, str] = (UE, PCSCF)
) -> Packet:
    size = -(len(data) + 2) % 4
    plain = data + bytes(range(1, size + 1)) + bytes((size, next_header))
    rng = random.Random(7)
    payload = SEALED + rng.randbytes(layout.iv_size) + plain + rng.randbytes(layout.icv_size)
    return Packet(1, 1, *ends, 50, b"", payload)


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda one: one["name"])
def test_of_the_vectors_those_without_encryption_are_recognised(vector) -> None:
    suite, one = suite_of(vector), packet(bytes.fromhex(vector["packet"]))
    layout = recognise(one)
    if suite.ealg != "null" or suite.alg == "null":
        assert layout is None
        return
    assert layout == (suite.iv_size, suite.icv_size)
    plain = bytes.fromhex(vector["plain"])[20 if vector["ip"] == 4 else 40 :]
    assert null_opener(layout)(one.payload) == (vector["seq"], vector["next_header"], plain)


@pytest.mark.parametrize("icv_size", [12, 16, 0, 8, 20, 32])
@pytest.mark.parametrize("ends", [(UE, PCSCF), (UE6, PCSCF6)], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("text", [b"OPTIONS a", SIP, SIP * 20])
def test_icv_sizes(icv_size, ends, text) -> None:
    layout = NullLayout(0, icv_size)
    assert recognise(esp(udp(text, ends=ends), layout, ends=ends)) == layout


def test_without_a_checksum_the_length_has_to_do_for_the_usual_layouts() -> None:
    datagram = udp(SIP)
    unchecked = datagram[:6] + b"\0\0" + datagram[8:]
    for layout in (NullLayout(0, 12), NullLayout(8, 16)):
        assert recognise(esp(unchecked, layout)) == layout
        assert recognise(esp(unchecked + b"x", layout)) is None
    assert recognise(esp(unchecked, NullLayout(0, 20))) is None


def test_tunnel_mode() -> None:
    inner = bytes.fromhex(VECTORS["udp_encap"][0]["inner_packet"])
    assert recognise(esp(inner, NullLayout(0, 12), 4)) == (0, 12)
    six = struct.pack("!IHBB", 6 << 28, len(udp(SIP)), 17, 64)
    six += bytes.fromhex("20010db8000100000000000000000010" + "20010db800ff00000000000000000005")
    six += udp(SIP, ends=(UE6, PCSCF6))
    assert recognise(esp(six, NullLayout(0, 12), 41)) == (0, 12)
    assert recognise(esp(six[:-1] + b"!", NullLayout(0, 12), 41)) is None
    assert recognise(esp(six[:-1], NullLayout(0, 12), 41)) is None
    for damaged in (b"\x55" + inner[1:], inner + b"1234", inner[:10] + b"\0" + inner[11:]):
        assert recognise(esp(damaged, NullLayout(0, 12), 4)) is None


def test_a_wrong_checksum_or_other_addresses_are_no_proof() -> None:
    datagram = udp(SIP)
    layout = NullLayout(0, 12)
    assert recognise(esp(datagram[:-1] + b"x", layout)) is None
    assert recognise(esp(datagram, layout, ends=(UE, "198.51.100.6"))) is None
    assert recognise(esp(datagram, layout, next_header=6)) is None


def test_encrypted_packets_are_not_taken_for_null() -> None:
    rng = random.Random(1)
    for size in range(3000):
        assert recognise(Packet(1, 1, UE, PCSCF, 50, b"", rng.randbytes(size % 200))) is None
    for suite in SUITES:
        if suite.crypt.iv_size and suite.alg != "aes-gmac":
            for n in range(1, 50):
                assert recognise(Sender(suite).send(n, os.urandom(n))) is None


@pytest.mark.parametrize("layout", [NullLayout(0, 12), NullLayout(8, 16), NullLayout(0, 0)])
def test_what_does_not_have_the_layout_is_refused(layout) -> None:
    open_ = null_opener(layout)
    whole = esp(udp(SIP), layout).payload
    for size in range(len(whole)):
        if (len(whole) - size) % 4 or size < 10 + layout.iv_size + layout.icv_size:
            with pytest.raises(EspError):
                open_(whole[:size])
