"""Ours and scapy agree on every vector; where they do not, it is told."""

import sys

import pytest

from pcscf.decode.keys.esp import Opened, Opener
from pcscf.decode.keys.sas import SaTable
from pcscf.decode.keys.verify import Verifier
from pcscf.decode.model import Fault, Packet, Sa
from pcscf.errors import StartError
from tests.decode.esp_packets import (
    PCSCF6,
    SIP,
    SPI,
    UE6,
    VECTORS,
    Sender,
    keys_of,
    packet,
    suite_of,
    udp,
)
from xfrm.algorithms import SUITES


def verified(sa: Sa, *packets: Packet) -> tuple[list[Opened], Verifier]:
    table = SaTable()
    table.add(sa)
    opener, verifier = Opener(table), Verifier()
    results = []
    for one in packets:
        results.append(opener.open(one))
        verifier.compare(one, results[-1])
    return results, verifier


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda one: one["name"])
def test_every_vector(vector) -> None:
    sealed = packet(bytes.fromhex(vector["packet"]))
    sa = Sa(vector["spi"], sealed.src, sealed.dst, suite=suite_of(vector), keys=keys_of(vector))
    (opened,), verifier = verified(sa, sealed)
    assert opened.packet is not None
    assert (verifier.compared, verifier.differences) == (1, [])


@pytest.mark.parametrize("vector", VECTORS["udp_encap"], ids=lambda one: one["name"])
def test_tunnels_in_udp(vector) -> None:
    outer = packet(bytes.fromhex(vector["packet"]))
    sealed = outer._replace(payload=outer.payload[8:])
    sa = Sa(vector["spi"], sealed.src, sealed.dst, suite=suite_of(vector), keys=keys_of(vector))
    (opened,), verifier = verified(sa, sealed)
    assert opened.packet is not None
    assert (verifier.compared, verifier.differences) == (1, [])


@pytest.mark.parametrize("negative", VECTORS["negative"], ids=lambda one: one["why"])
def test_negative_vectors_are_refused_by_both(negative) -> None:
    good = next(one for one in VECTORS["vectors"] if one["name"] == negative["name"])
    sealed = packet(bytes.fromhex(negative["packet"]))
    spi = int.from_bytes(sealed.payload[:4], "big")
    sa = Sa(good["spi"], sealed.src, sealed.dst, suite=suite_of(good), keys=keys_of(good))
    (opened,), verifier = verified(sa, sealed)
    assert opened.packet is None
    assert verifier.differences == []
    assert verifier.compared == (spi == good["spi"])


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_good_damaged_and_repeated_packets_of_every_suite_over_ipv6(suite) -> None:
    sender = Sender(suite, ends=(UE6, PCSCF6))
    good = [sender.send(n, SIP * n) for n in range(1, 5)]
    damaged = [
        one._replace(payload=one.payload[:at] + b"~" + one.payload[at + 1 :])
        for one in good
        for at in (9, 40, len(one.payload) - 1)
    ]
    short = [good[0]._replace(payload=good[0].payload[:n]) for n in range(8, 60)]
    opened, verifier = verified(sender.sa(), *good, *damaged, *short, *good)
    assert [one.fault for one in opened[-4:]] == [Fault.REPLAYED] * 4
    assert verifier.differences == []
    assert verifier.compared == len(opened)


def test_differences_are_told_and_bounded() -> None:
    sender = Sender()
    sealed = sender.send(1)
    (opened,), verifier = verified(sender.sa(), sealed)
    assert opened.packet is not None
    other = sealed._replace(payload=sealed.payload[:-1] + b"!")
    verifier.compare(other, opened)
    verifier.compare(sealed, opened._replace(packet=opened.packet._replace(payload=udp(b"x"))))
    verifier.compare(sealed, opened._replace(packet=opened.packet._replace(protocol=6)))
    verifier.compare(sealed, opened._replace(packet=None, fault=Fault.BAD_ICV))
    place = f"frame 1, SPI {SPI:#x}, hmac-sha-1-96/aes-cbc: "
    assert verifier.differences == [
        place + "scapy refuses it, here it opens",
        place + "scapy finds something else inside",
        place + "scapy finds something else inside",
        place + "scapy opens it, here it is refused: bad ICV",
    ]
    for _ in range(200):
        verifier.compare(sealed, opened._replace(packet=None, fault=Fault.BAD_ICV))
    assert (verifier.different, len(verifier.differences)) == (204, 100)


def test_what_cannot_be_compared_is_counted() -> None:
    sender, verifier = Sender(), Verifier()
    sealed = sender.send(1)
    for opened in (
        Opened(None, None, Fault.MALFORMED),
        Opened(Sa(SPI, UE6, PCSCF6), None, Fault.UNKNOWN_SPI),
        Opened(sender.sa(), None, Fault.CUT),
        Opened(sender.sa(checked=False), sealed, None),
    ):
        verifier.compare(sealed, opened)
    assert (verifier.compared, verifier.skipped, verifier.different) == (0, 4, 0)


def test_without_scapy_there_is_one_line(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "xfrm.scapy_esp", None)
    with pytest.raises(StartError, match="needs scapy"):
        Verifier()
