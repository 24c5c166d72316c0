"""Two implementations that share no code must agree, on the vectors and on each other."""

import pytest

from tests.vectors import load
from tests.xfrm.test_esp import IP_HEADER, KEYS, VECTORS, codec
from xfrm.errors import EspIntegrityError
from xfrm.scapy_esp import ScapyEsp

RAW = load("esp")["vectors"]
each = pytest.mark.parametrize(
    ("raw", "one"), list(zip(RAW, VECTORS, strict=True)), ids=[str(one) for one in VECTORS]
)


def oracle(one) -> ScapyEsp:
    return ScapyEsp(one.suite, one.suite.keys(KEYS), one.spi)


@each
def test_scapy_opens_the_vector(raw, one):
    assert oracle(one).open(bytes.fromhex(raw["packet"])).hex() == raw["plain"]


@each
def test_scapy_seals_the_vector(raw, one):
    sealed = oracle(one).seal(bytes.fromhex(raw["plain"]), one.sequence, one.iv)
    assert sealed.hex() == raw["packet"]


@each
def test_what_scapy_seals_opens_here(raw, one):
    packet = oracle(one).seal(bytes.fromhex(raw["plain"]), 77)[IP_HEADER[raw["ip"]] :]
    assert codec(one.suite).open(packet) == (77, one.next_header, one.data)


def test_scapy_refuses_a_wrong_icv():
    packet = bytearray.fromhex(RAW[0]["packet"])
    packet[-1] ^= 1
    with pytest.raises(EspIntegrityError):
        oracle(VECTORS[0]).open(bytes(packet))
