"""The test phone's own SAs over real ESP, with no P-CSCF: the core stands in its place.

The core names its one port as both of the P-CSCF's protected ports, and its end of
the SAs is the phone's, mirrored.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.netns.lab import Lab
from tests.netns.site import LabXfrm
from tests.peers.cleanliness import violations
from tests.peers.core import Core
from tests.peers.offers import PLAIN, own
from tests.peers.phone import Phone
from tests.peers.registering import Knobs
from tests.peers.registrar import Behaviour, Spelling
from tests.peers.sas import PhoneSas, install_lines
from tests.peers.subscription import subscriber
from tests.peers.text import Address
from tests.peers.wire import placed_in

pytestmark = pytest.mark.esp

PORT = 5080
SUITES = [
    ("hmac-sha-1-96", "aes-cbc"),
    ("hmac-md5-96", "null"),
    ("hmac-md5-96", "des-ede3-cbc"),
    ("null", "aes-gcm"),
    ("aes-gmac", "null"),
]

MakePair = Callable[[int, str, str, str], tuple[Phone, Core]]


@pytest.fixture
def make_pair(lab: Lab) -> Iterator[MakePair]:
    """Makes a core at the P-CSCF's place and a phone that is about to send SM7."""
    made: list[Phone | Core] = []

    def make(version: int, transport: str, alg: str, ealg: str) -> tuple[Phone, Core]:
        at, card = lab.addresses(version), subscriber(1)
        server = (
            f"ipsec-3gpp;alg={alg};ealg={ealg};spi-c=5001;spi-s=5002;port-c={PORT};port-s={PORT}"
        )
        behaviour = Behaviour(spelling=Spelling("none"), more_in_401=[("Security-Server", server)])
        here = Address(at.pcscf_gm, PORT)
        core = Core(here, [card], behaviour, socket_factory=placed_in(lab.pcscf.entered))
        phone = Phone(
            card,
            at.ue,
            here,
            sas=LabXfrm(lab.ue),
            offer=own(PLAIN, [(alg, ealg)]),
            transport=transport,
            socket_factory=placed_in(lab.ue.entered),
        )
        made.extend((phone, core))
        phone.knobs = Knobs(integrity_protected="yes")
        phone.take_challenge(phone.sm1())
        phone.install()
        assert phone.pending
        assert phone.pending.sas
        lab.pcscf.ip(*install_lines(mirrored(phone.pending.sas)))
        return phone, core

    yield make
    for peer in made:
        peer.close()


def mirrored(sas: PhoneSas) -> PhoneSas:
    """The same SAs seen from the other end."""
    return replace(sas, ue=sas.pcscf, pcscf=sas.ue, own=sas.peer, peer=sas.own)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("alg", "ealg"), SUITES)
def test_every_suite_carries_both_transports(
    lab: Lab, make_pair: MakePair, version: int, alg: str, ealg: str
) -> None:
    phone, core = make_pair(version, "UDP", alg, ealg)
    phone.accept(phone.sm7())
    for transport in ("UDP", "TCP"):
        assert phone.message("sip:b@example.com", transport=transport).status == 200
    assert core.request(phone.identity).status == 200
    # Straight from the core a request has what a P-CSCF would take away.
    assert [line for line in violations(phone) if "p-charging-vector" not in line] == []
    assert lab.ue.xfrm_errors() == lab.pcscf.xfrm_errors() == {}
    assert len(lab.ue.xfrm_states()) == 4
    phone.close()
    assert lab.ue.xfrm_states() == []
    assert lab.ue.xfrm_policies() == []


def test_clear_text_to_and_from_protected_ports_is_dropped(lab: Lab, make_pair: MakePair) -> None:
    phone, core = make_pair(4, "UDP", *SUITES[0])
    phone.accept(phone.sm7())
    us = phone.contact_at(phone.current)
    with lab.pcscf.socket((lab.v4.pcscf_gm, 5999)) as stranger:
        stranger.sendto(b"OPTIONS sip:a SIP/2.0\r\n\r\n", us)
        before = len(core.received)
        assert phone.current
        leak = phone._ports.udp(us.port, Address(lab.v4.pcscf_gm, 5999))
        with pytest.raises(PermissionError):  # EPERM: a policy blocks what leaves in clear
            leak(b"OPTIONS sip:a SIP/2.0\r\n\r\n")
    assert core.request(phone.identity).status == 200  # which comes behind the stranger's
    assert [one.message.method for one in phone.received if one.status == 0] == ["MESSAGE"]
    assert (len(core.received), phone.unreadable) == (before + 1, [])
    assert lab.ue.xfrm_errors()["XfrmInPolBlock"] == 1
