"""Captures of others, whose cipher keys are published and whose ICV keys are not."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcscf.decode.keys.esp import Opener
from pcscf.decode.keys.sas import SaTable
from pcscf.decode.keys.wildcards import Wildcards
from pcscf.decode.keys.wireshark_keys import read_esp_sa
from pcscf.decode.model import Fault, Packet
from tests.decode.esp_packets import checksum, packet

CAPTURES = Path(__file__).parents[1] / "captures" / "public"
UNCHECKED = "ANY 96 bit authentication [no checking]"
DES, AES = "TripleDES-CBC [RFC2451]", "AES-CBC [RFC3602]"
# file: SPIs with their ciphers and keys, from outside to inside
KEYS = {
    "02-sunrise-sunset-esp.pcap": [
        (0x12345678, DES, "4043434545464649494a4a4c4c4f4f515152525454575758"),
    ],
    "espudp1.pcap": [
        (0x12345678, DES, "4043434545464649494a4a4c4c4f4f515152525454575758"),
    ],
    "08-sunrise-sunset-esp2.pcap": [
        (0x12345678, DES, "43434545464649494a4a4c4c4f4f51515252545457575840"),
        (0xABCDABCD, DES, "434545464649494a4a4c4c4f4f5151525254545757584043"),
    ],
    "08-sunrise-sunset-aes.pcap": [
        (0xD1234567, AES, "aaaabbbbccccdddd4043434545464649494a4a4c4c4f4f515152525454575758"),
    ],
}
ICMP, ESP, UDP, IPIP = 1, 50, 17, 4


def packets(path: Path) -> Iterator[Packet]:
    """Read a little-endian pcap of Ethernet frames with IPv4 in them."""
    data, at = path.read_bytes(), 24
    number = 0
    while at < len(data):
        seconds, micros, size, _ = struct.unpack_from("<IIII", data, at)
        number += 1
        frame = data[at + 16 : at + 16 + size]
        at += 16 + size
        one = packet(frame[14 : 14 + int.from_bytes(frame[16:18], "big")], number)
        is_esp_in_udp = one.protocol == UDP
        yield one._replace(
            time=(seconds * 10**6 + micros) * 1000,
            protocol=ESP if is_esp_in_udp else one.protocol,
            payload=one.payload[8:] if is_esp_in_udp else one.payload,
        )


def opener(name: str) -> Opener:
    text = "".join(
        f'"IPv4","*","*","{spi:#x}","{cipher}","0x{key}","{UNCHECKED}",""\n'
        for spi, cipher, key in KEYS[name]
    )
    found = read_esp_sa(text, "f")
    assert found.notes == []
    return Opener(SaTable(), Wildcards(found.wildcards))


def inside(subject: Opener, one: Packet) -> Packet:
    """Open a packet until there is no ESP in it."""
    while one.protocol in {ESP, IPIP}:
        if one.protocol == ESP:
            opened = subject.open(one)
            assert opened.packet is not None, opened.fault
            assert not opened.sa or not opened.sa.checked
            one = opened.packet
        else:
            one = packet(one.payload, one.number)
    return one


@pytest.mark.parametrize("name", KEYS)
def test_the_pings_inside_are_whole(name) -> None:
    subject = opener(name)
    pings = [inside(subject, one) for one in packets(CAPTURES / name)]
    assert len(pings) >= 8
    for ping in pings:
        assert (ping.protocol, ping.payload[0]) in {(ICMP, 8), (ICMP, 0)}
        assert checksum(ping.payload) == b"\xff\xff"  # of all, with a right sum in it


@pytest.mark.parametrize("name", KEYS)
def test_with_another_key_the_padding_gives_it_away(name) -> None:
    spi, cipher, key = KEYS[name][0]
    wrong = f'"IPv4","*","*","{spi:#x}","{cipher}","0x{key[2:]}00","{UNCHECKED}",""\n'
    subject = Opener(SaTable(), Wildcards(read_esp_sa(wrong, "f").wildcards))
    faults = {subject.open(one).fault for one in packets(CAPTURES / name)}
    assert faults == {Fault.WRONG_KEY}
