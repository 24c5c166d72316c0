"""A core and many phones on one pump, for tests in which phones are as alike as numbers."""

import contextlib
from collections.abc import Iterator

from tests.netns.lab import Lab
from tests.peers.core import Core
from tests.peers.phone import Phone
from tests.peers.sas import IpXfrm
from tests.peers.subscription import subscriber
from tests.peers.text import Address
from tests.peers.wire import Pump, placed_in

PORT = 5060


@contextlib.contextmanager
def core_of(lab: Lab, pump: Pump, phones: int) -> Iterator[Core]:
    cards = [subscriber(number) for number in range(1, phones + 1)]
    core = Core(
        Address(lab.v4.core, PORT), cards, socket_factory=placed_in(lab.core.entered), pump=pump
    )
    core.record = False
    try:
        yield core
    finally:
        core.close()


@contextlib.contextmanager
def phones_of(lab: Lab, pump: Pump, phones: int) -> Iterator[list[Phone]]:
    """Phones, each with a card and an address of its own, IPv4 and IPv6 in turn."""
    families = (lab.v4, lab.v6)
    made = [
        Phone(
            subscriber(number + 1),
            families[number % 2].phones[number],
            Address(families[number % 2].pcscf_gm, PORT),
            sas=IpXfrm(lab.ue.name),
            socket_factory=placed_in(lab.ue.entered),
            pump=pump,
        )
        for number in range(phones)
    ]
    try:
        yield made
    finally:
        for phone in made:
            phone.close()
