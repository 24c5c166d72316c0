"""Phones, the real P-CSCF and a core in one lab, shared by the tests of a module.

Every phone that a test asks for is another subscriber at another address, so what one
test leaves behind is of no concern to the next.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.netns.lab import Lab
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import PcscfProcess
from tests.netns.xfrm_listing import XfrmState
from tests.peers.agreement import Agreement
from tests.peers.core import Core
from tests.peers.peer import Received
from tests.peers.phone import Phone
from tests.peers.registrar import Behaviour
from tests.peers.sas import IpXfrm
from tests.peers.subscription import Subscription, subscriber
from tests.peers.text import Address
from tests.peers.wire import placed_in

P = TypeVar("P", bound=Phone)

PHONES = 60
CARDS = [subscriber(number) for number in range(1, PHONES + 1)]
PEER = "sip:bob@example.com"
LINGER = SLACK = 0.5  # seconds: sa_linger and sa_slack of the P-CSCF


def core_in(lab: Lab) -> Core:
    """Start a core that knows every card."""
    return Core(Address(lab.v4.core, 5060), CARDS, socket_factory=placed_in(lab.core.entered))


@dataclass
class Site:
    """One lab with its P-CSCF and core; ``phone`` adds phones."""

    lab: Lab
    pcscf: PcscfProcess
    core: Core
    _phones: list[Phone] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def phone(self, version: int = 4, *, card: Subscription | None = None, **options: Any) -> Phone:
        """Make a phone at a fresh address; its own card, unless ``card`` is given."""
        return self.phone_of(Phone, version, card=card, **options)

    def phone_of(
        self, kind: type[P], version: int = 4, *, card: Subscription | None = None, **options: Any
    ) -> P:
        """Make a phone of another kind."""
        number = next(self._numbers)
        at = self.lab.addresses(version)
        phone = kind(
            card or CARDS[number],
            at.phones[number],
            Address(at.pcscf_gm, 5060),
            sas=IpXfrm(self.lab.ue.name),
            socket_factory=placed_in(self.lab.ue.entered),
            **options,
        )
        self._phones.append(phone)
        return phone

    def fresh_address(self) -> str:
        """Return an IPv4 address that no phone has had."""
        return self.lab.v4.phones[next(self._numbers)]

    def states(self, *hosts: Phone | str) -> list[XfrmState]:
        """Return the P-CSCF's SAs from and to these phones, as ``ip xfrm`` shows them."""
        addresses = {host if isinstance(host, str) else host.address for host in hosts}
        return [one for one in self.lab.pcscf.xfrm_states() if {one.src, one.dst} & addresses]

    def spis(self, host: Phone | str) -> set[int]:
        """Return the SPIs of those SAs."""
        return {one.spi for one in self.states(host)}

    def wait_for_states(self, count: int, *hosts: Phone | str) -> None:
        """Wait until these phones have so many SAs at the P-CSCF."""
        wait_until(lambda: len(self.states(*hosts)) == count, f"{count} states")

    def request_to(self, phone: Phone) -> Received:
        """Send a MESSAGE from the core, see it answered, and return it as the phone got it."""
        before = len(phone.received)
        assert self.core.request(phone.identity, body=b"hi").status == 200
        return phone.wait_for(lambda message: message.is_request, since=before)

    def talks(self, phone: Phone) -> None:
        """See a MESSAGE pass each way, the core's under the phone's current SAs."""
        assert phone.message(PEER).status == 200
        assert came_under(phone, self.request_to(phone)) is phone.current

    def close_phones(self) -> list[Phone]:
        """Close the phones made so far, and return them to be looked at."""
        phones, self._phones = self._phones, []
        for phone in phones:
            phone.close()
        return phones

    def forget(self) -> None:
        """Let the core behave as usual again."""
        self.core.next.clear()
        self.core.registrar.behaviour = Behaviour()


def came_under(phone: Phone, received: Received) -> Agreement | None:
    """Return the agreement whose SAs brought a message: the ports tell, as no two share a pair."""
    pair = (received.origin.local.port, received.origin.remote.port)
    for one in phone.agreements:
        if pair in {(one.own.port_s, one.peer.port_c), (one.own.port_c, one.peer.port_s)}:
            return one
    return None
