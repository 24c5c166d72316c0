"""Phones and a core in one lab, on either side of whatever P-CSCF runs there.

Every phone that a test asks for is another subscriber at another address, so what one
test leaves behind is of no concern to the next.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from tests.demo.recorder import Record, recording
from tests.netns.lab import Lab
from tests.netns.namespace import Namespace, wait_until
from tests.netns.xfrm_listing import XfrmState
from tests.peers.agreement import Agreement
from tests.peers.core import DROP, Core
from tests.peers.peer import Received, Sent
from tests.peers.phone import Phone
from tests.peers.registrar import Behaviour
from tests.peers.sas import IpXfrm
from tests.peers.subscription import Subscription, subscriber
from tests.peers.text import Address
from tests.peers.wire import Pump, placed_in

P = TypeVar("P", bound=Phone)

PHONES = 200
CARDS = [subscriber(number) for number in range(1, PHONES + 1)]
PEER = "sip:bob@example.com"
PORT = 5060
LINGER = SLACK = 0.5  # seconds: sa_linger and sa_slack of the P-CSCF
WAYS = [(4, "UDP"), (4, "TCP"), (6, "UDP"), (6, "TCP")]
every_way = pytest.mark.parametrize(("version", "transport"), WAYS)


class LabXfrm(IpXfrm):
    """The phones' SAs, by the lab's own way to run ``ip``."""

    def __init__(self, namespace: Namespace) -> None:
        super().__init__(namespace.name)
        self._namespace = namespace

    def _run(self, lines: list[str]) -> None:
        self._namespace.ip(*lines)


@dataclass
class Site:
    """A core that knows every card; ``phone`` adds phones. ``dropped`` is of ``unanswered``.

    While there is a ``record``, what is sent and received by phones made then goes into it.
    """

    lab: Lab
    core: Core
    pump: Pump
    dropped: list[Received] = field(default_factory=list)
    record: Record | None = None
    _phones: list[Phone] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def phone(
        self,
        version: int = 4,
        *,
        card: Subscription | None = None,
        port: int = PORT,
        **options: Any,
    ) -> Phone:
        """Make a phone at a fresh address; its own card, unless ``card`` is given."""
        return self.phone_of(Phone, version, card=card, port=port, **options)

    def phone_of(
        self,
        kind: type[P],
        version: int = 4,
        *,
        card: Subscription | None = None,
        port: int = PORT,
        address: str = "",
        **options: Any,
    ) -> P:
        """Make a phone of another kind; at ``address``, if one is given."""
        number = next(self._numbers)
        at = self.lab.addresses(version)
        entered = self.lab.ue.entered
        factory = placed_in(entered) if self.record is None else recording(entered, self.record)
        phone = kind(
            card or CARDS[number],
            address or at.phones[number],
            Address(at.pcscf_gm, port),
            socket_factory=factory,
            pump=self.pump,
            **{"sas": LabXfrm(self.lab.ue), **options},
        )
        self._phones.append(phone)
        return phone

    def move(self, phone: Phone, version: int = 4) -> None:
        """Restart a phone at an address that no phone has had."""
        at = self.lab.addresses(version)
        phone.pcscf = Address(at.pcscf_gm, phone.pcscf.port)
        phone.restart(at.phones[next(self._numbers)])

    def states(self, *hosts: Phone | str) -> list[XfrmState]:
        """Return the SAs from and to these phones at the P-CSCF, as ``ip xfrm`` shows them; or all.

        Those of others in its namespace are among them.
        """
        addresses = {host if isinstance(host, str) else host.address for host in hosts}
        found = self.lab.pcscf.xfrm_states()
        return [one for one in found if not addresses or {one.src, one.dst} & addresses]

    def spis(self, *hosts: Phone | str) -> set[int]:
        """Return the SPIs of those SAs."""
        return {one.spi for one in self.states(*hosts)}

    def wait_for_states(self, count: int, *hosts: Phone | str, seconds: float = 5) -> None:
        """Wait until these phones have so many SAs at the P-CSCF."""
        wait_until(lambda: len(self.states(*hosts)) == count, f"{count} states", seconds)

    def unanswered(self, send: Callable[[], Sent]) -> tuple[Sent, Received]:
        """Send a REGISTER that the core drops; return it as it was sent, and as it came there."""
        before = len(self.core.requests("REGISTER"))
        self.core.next.append(DROP)
        sent = send()
        wait_until(lambda: len(self.core.requests("REGISTER")) > before, "a REGISTER at the core")
        self.dropped.append(self.core.requests("REGISTER")[before])
        return sent, self.dropped[-1]

    def answer_late(self, register: Received) -> None:
        """Have the core accept a REGISTER that it dropped."""
        accepted = self.core.registrar.answer(register.message, challenge=False)
        self.core.answer(register.message, accepted, self.core._back(register))

    def settle(self) -> None:
        """Wait until the P-CSCF has taken all that the core has sent over UDP."""
        target = f"sip:{Address(self.lab.v4.pcscf_core, PORT)}"
        headers = [("From", f"<{PEER}>;tag=1"), ("To", f"<{target}>"), ("CSeq", "1 OPTIONS")]
        headers.append(("Call-ID", self.core.new_id()))
        sent = self.core.send_along("OPTIONS", target, [], headers=headers)
        assert self.core.finish(sent).status == 200

    def request_to(self, phone: Phone) -> Received:
        """Send a MESSAGE from the core, see it answered, and return it as the phone got it."""
        before = len(phone.received)
        assert self.core.request(phone.identity, body=b"hi").status == 200
        return phone.wait_for(lambda message: message.is_request, since=before)

    def talks(self, phone: Phone) -> None:
        """See a MESSAGE pass each way, the core's under the phone's current SAs."""
        assert phone.message(PEER).status == 200
        assert came_under(phone, self.request_to(phone)) is phone.current

    def deregister_phones(self) -> None:
        """Have every phone that is registered say goodbye, which the core does not challenge."""
        self.core.registrar.behaviour = Behaviour(challenge_refresh=False)
        for phone in self._phones:
            if phone.current is not None:
                phone.deregister()

    def close_phones(self) -> list[Phone]:
        """Close the phones made so far, and return them to be looked at."""
        phones, self._phones = self._phones, []
        for phone in phones:
            phone.close()
        return phones

    def forget(self) -> None:
        """Let the core behave as usual again."""
        self.core.next.clear()
        self.core.answers = {"ACK": None}
        self.core.registrar.behaviour = Behaviour()


@contextlib.contextmanager
def open_site(
    lab: Lab,
    behaviour: Behaviour | None = None,
    *,
    version: int = 4,
    kind: type[Core] = Core,
) -> Iterator[Site]:
    """Start a core within the block, and close it with all phones."""
    pump = Pump()
    factory = placed_in(lab.core.entered)
    at = Address(lab.addresses(version).core, PORT)
    core = kind(at, CARDS, behaviour, socket_factory=factory, pump=pump)
    site = Site(lab, core, pump)
    try:
        yield site
    finally:
        site.close_phones()
        core.close()
        pump.close()


def came_under(phone: Phone, received: Received) -> Agreement | None:
    """Return the agreement whose SAs brought a message: the ports tell, as no two share a pair.

    A phone may draw the numbers of a set that is gone again: the newest counts.
    """
    pair = (received.origin.local.port, received.origin.remote.port)
    for one in reversed(phone.agreements):
        if pair in {(one.own.port_s, one.peer.port_c), (one.own.port_c, one.peer.port_s)}:
            return one
    return None
