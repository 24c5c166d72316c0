"""Copies of all that passes, and what is said of those that are lost."""

from collections.abc import Callable

import pytest

from pcscf.core.flow import Transport
from pcscf.mirror.hep import Agent
from pcscf.mirror.homer import Homer, mirroring
from tests.core.stage import FROM_CORE
from tests.decode.samples import START, sip
from tests.mirror.test_hep import chunks
from tests.net.support import looped, udp_peer, until

pytestmark = pytest.mark.usefixtures("written")

TEXT = sip("MESSAGE sip:b@c SIP/2.0", "Call-ID: one")
Written = Callable[[], list[dict[str, object]]]


class Fake:
    """A way, and a clock."""

    def __init__(self) -> None:
        self.trouble = ""
        self.packets: list[bytes] = []
        self.now = 0.0

    def send(self, packet: bytes) -> str:
        self.packets.append(packet)
        return self.trouble

    def homer(self) -> Homer:
        return Homer(self, Agent(7), clock=lambda: self.now, stamp=lambda: START)


def test_each_message_is_a_packet(written: Written) -> None:
    way = Fake()
    homer = way.homer()
    homer.seen(FROM_CORE, TEXT, sent=False)
    homer.seen(FROM_CORE, TEXT, sent=True)
    first, second = map(chunks, way.packets)
    assert first[15] == second[15] == TEXT
    assert (first[3], first[4]) == (second[4], second[3])
    assert (homer.sent, homer.lost.total()) == (2, 0)
    assert written() == []


def test_losses_are_counted_and_told_once_a_minute(written: Written) -> None:
    way = Fake()
    homer = way.homer()
    homer.seen(FROM_CORE, TEXT, sent=True)
    way.trouble = "send buffer is full"
    for now in (1, 2, 60, 61, 121):
        way.now = now
        homer.seen(FROM_CORE, TEXT, sent=True)
    homer.seen(FROM_CORE, b"x" * 70_000, sent=True)
    assert homer.lost == {"send buffer is full": 5, "too long for HEP3": 1}
    assert [(line["event"], line["lost"], line["sent"]) for line in written()] == [
        ("mirror_lost", 1, 1),
        ("mirror_lost", 4, 1),
        ("mirror_lost", 5, 1),
    ]


@looped
async def test_it_is_said_that_sip_leaves_the_machine(written: Written) -> None:
    peer, to = udp_peer()
    async with mirroring(Transport.UDP, to, Agent(7, password="hidden words")) as homer:

        def leaves() -> int:
            homer.seen(FROM_CORE, TEXT, sent=True)
            return homer.sent

        await until(leaves)
        assert chunks(peer.recv(9999))[15] == TEXT
    warning, *_, end = written()
    assert (warning["level"], warning["event"]) == ("warning", "sip_is_mirrored")
    assert warning["to"] == f"udp:{to}"
    assert warning["mends"] == 'mirror.hep = ""'
    assert (end["event"], end["sent"]) == ("mirror_ended", 1)
    assert "hidden words" not in str(written())
    peer.close()
