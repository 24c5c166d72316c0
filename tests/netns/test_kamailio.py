"""Two phones and a core that we have not written: Kamailio, which routes by Path and Record-Route.

The next hop of the P-CSCF is Kamailio; what it decides is in tests/kamailio/scscf.cfg.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.netns import kamailio, pcscf_process
from tests.netns.kamailio import Kamailio
from tests.netns.lab import Lab, open_lab
from tests.netns.pcscf_process import PcscfProcess
from tests.netns.site import LabXfrm, came_under, every_way
from tests.peers.offers import samsung
from tests.peers.peer import Received
from tests.peers.phone import Phone
from tests.peers.subscription import subscriber
from tests.peers.text import Address, uri_of
from tests.peers.wire import Pump, placed_in

pytestmark = pytest.mark.esp

CARDS = [subscriber(number) for number in range(1, 61)]
CLEAR_PORT = 5060
# As the P-CSCF's settings name the core: either transport, either family.
HOPS = ("udp:198.51.100.2:5060", "tcp:[2001:db8:2::2]:5060")


@dataclass
class Network:
    """A lab with P-CSCF and Kamailio in it; ``phone`` gives phones with cards of their own."""

    lab: Lab
    pcscf: PcscfProcess
    core: Kamailio
    hop: str
    pump: Pump
    phones: list[Phone] = field(default_factory=list)
    used: int = 0

    def phone(self, version: int = 4, transport: str = "UDP") -> Phone:
        """Make a phone; it is not registered yet."""
        at, number = self.lab.addresses(version), self.used
        self.used += 1
        made = Phone(
            CARDS[number],
            at.phones[number],
            Address(at.pcscf_gm, CLEAR_PORT),
            sas=LabXfrm(self.lab.ue),
            offer=samsung,
            transport=transport,
            socket_factory=placed_in(self.lab.ue.entered),
            pump=self.pump,
        )
        self.phones.append(made)
        return made

    def registered(self, version: int = 4, transport: str = "UDP") -> Phone:
        """Make a phone and register it."""
        made = self.phone(version, transport)
        made.register()
        return made


@pytest.fixture(scope="module", params=HOPS)
def shared_network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Network]:
    pump = Pump()
    with open_lab(len(CARDS)) as lab:
        directory = tmp_path_factory.mktemp("kamailio")
        text = pcscf_process.config(lab, next_hops=(request.param,))
        with (
            kamailio.running(
                lab.core, directory, kamailio.scscf(CARDS), kamailio.sockets(lab), children=2
            ) as core,
            pcscf_process.running(lab, directory, text) as pcscf,
        ):
            yield Network(lab, pcscf, core, request.param, pump)
    pump.close()


@pytest.fixture
def network(shared_network: Network) -> Iterator[Network]:
    """At the end every phone must have seen nothing that breaks a rule of Gm."""
    yield shared_network
    phones, shared_network.phones = shared_network.phones, []
    for phone in phones:
        phone.close()
    for phone in phones:
        phone.assert_clean()
    assert shared_network.pcscf.process.poll() is None, shared_network.pcscf.log


def said(sender: Phone, receiver: Phone, text: str) -> Received:
    """See a MESSAGE of one phone arrive at the other under its SAs, and the 200 come back."""
    before = len(receiver.received)
    answer = sender.message(receiver.identity, text)
    assert answer.status == 200
    assert came_under(sender, answer) is sender.current
    got = receiver.wait_for(lambda message: message.method == "MESSAGE", since=before)
    assert came_under(receiver, got) is receiver.current
    assert got.message.body == text.encode()
    return got


# Registration


@every_way
def test_a_phone_registers(network: Network, version: int, transport: str) -> None:
    phone = network.registered(version, transport)
    assert phone.current is not None
    assert phone.identities == list(phone.subscription.impus)
    by, _, at = network.hop.partition(":")
    assert [uri_of(one) for one in phone.service_route] == [f"sip:orig@{at};transport={by};lr"]
    assert phone.granted > 0


def test_a_phone_registers_again_under_new_sas(network: Network) -> None:
    phone = network.registered()
    first = phone.current
    phone.register()
    assert phone.current is not first
    said(phone, phone, "to myself")


def test_a_wrong_response_registers_nobody(network: Network) -> None:
    phone = network.phone()
    phone.take_challenge(phone.sm1())
    phone.install()
    assert phone.sm7(res=b"guessed!").status == 403


def test_who_has_deregistered_is_not_reached(network: Network) -> None:
    sender, other = network.registered(), network.registered()
    identity = other.identity
    said(sender, other, "still there?")
    other.deregister()
    assert sender.message(identity).status == 480


# Messages


@every_way
def test_two_phones_write_to_each_other(network: Network, version: int, transport: str) -> None:
    alice, bob = (network.registered(version, transport) for _ in range(2))
    got = said(alice, bob, "hello").message
    assert uri_of(got.header("p-asserted-identity")) == alice.identity
    assert uri_of(got.header("p-called-party-id")) == bob.identity
    assert got.elements("route") == []
    said(bob, alice, "hello yourself")


# Calls


@every_way
@pytest.mark.parametrize("who", ["caller", "callee"])
def test_two_phones_call_each_other(
    network: Network, version: int, transport: str, who: str
) -> None:
    """PRACK, ACK and BYE go by Kamailio's Record-Route and ours."""
    alice, bob = (network.registered(version, transport) for _ in range(2))
    call = alice.invite(bob.identity, alice.sdp)
    there = bob.wait_for_call()
    there.ring(183, reliable=True, body=bob.sdp)
    assert call.prack(call.wait(183)).status == 200
    there.answer(200)
    call.wait(200)
    there.wait_for_ack()
    assert uri_of(there.invite.message.header("p-called-party-id")) == bob.identity
    first, second = (call, there) if who == "caller" else (there, call)
    assert first.bye().status == 200
    second.dialog.wait_for("BYE")


@every_way
def test_a_call_is_cancelled(network: Network, version: int, transport: str) -> None:
    alice, bob = (network.registered(version, transport) for _ in range(2))
    call = alice.invite(bob.identity, alice.sdp)
    there = bob.wait_for_call()
    there.ring(180)
    call.wait(180)
    assert call.cancel().status == 200
    there.wait_for_cancel()
    call.wait(487)
    there.wait_for_ack()
