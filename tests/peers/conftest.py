"""A core and phones on loopback, with no P-CSCF and no ESP between them."""

import itertools

import pytest

from tests.peers.core import Core
from tests.peers.phone import Phone
from tests.peers.registrar import Behaviour, Spelling
from tests.peers.router import RoutingCore
from tests.peers.sas import NoSas
from tests.peers.subscription import subscriber
from tests.peers.text import Address

CORE = Address("127.0.0.1", 0)
CARDS = [subscriber(1), subscriber(2)]
T1 = 0.05  # seconds, where something is to be repeated
# Each phone has a loopback address of its own, so that ports never collide.
hosts = (f"127.33.{n // 250}.{n % 250 + 1}" for n in itertools.count())


@pytest.fixture
def core():
    """A core that keeps CK and IK to itself, as a P-CSCF would make it look."""
    made = Core(CORE, CARDS, Behaviour(spelling=Spelling(position="none")))
    yield made
    made.close()


def security_server(core: Core) -> tuple[str, str]:
    """A Security-Server whose P-CSCF ports are both the core's own: phone and core then talk
    as phone and P-CSCF do, uc to ps and pc to us, without ESP."""
    port = core.address.port
    return (
        "Security-Server",
        f"ipsec-3gpp;q=0.5;alg=hmac-sha-1-96;ealg=aes-cbc;spi-c=5001;spi-s=5002;"
        f"port-c={port};port-s={port},"
        f"ipsec-3gpp;q=0.1;alg=hmac-sha-1-96;ealg=null;spi-c=5001;spi-s=5002;"
        f"port-c={port};port-s={port}",
    )


@pytest.fixture(params=["UDP", "TCP"])
def transport(request):
    return request.param


@pytest.fixture
def make_phone(core):
    """Makes phones whose REGISTERs claim to have passed a P-CSCF; they are closed at the end."""
    made: list[Phone] = []

    def make(card=CARDS[0], **details) -> Phone:
        details = {"sas": NoSas(), "clear_port": 0, **details}
        phone = Phone(card, next(hosts), core.address, **details)
        phone.knobs = type(phone.knobs)(integrity_protected="yes")
        made.append(phone)
        return phone

    yield make
    for phone in made:
        phone.close()


@pytest.fixture
def phone(core, make_phone, transport):
    """A phone that is offered SAs by the core, over either transport."""
    core.registrar.behaviour.more_in_401 = [security_server(core)]
    return make_phone(transport=transport)


@pytest.fixture
def router():
    """A core that routes between phones, and stands in for the P-CSCF of both."""
    made = RoutingCore(CORE, CARDS, Behaviour(spelling=Spelling(position="none")))
    made.registrar.behaviour.more_in_401 = [security_server(made)]
    yield made
    made.close()


@pytest.fixture
def make_party(router, transport):
    """Makes registered phones that repeat what they send soon."""
    made: list[Phone] = []

    def make(number: int, **details) -> Phone:
        details = {"sas": NoSas(), "clear_port": 0, "transport": transport, **details}
        phone = Phone(CARDS[number], next(hosts), router.address, **details)
        made.append(phone)
        phone.knobs = type(phone.knobs)(integrity_protected="yes")
        phone.register()
        phone.t1, phone.t2 = T1, 4 * T1
        return phone

    yield make
    for phone in made:
        phone.close()


@pytest.fixture
def alice(make_party):
    return make_party(0)


@pytest.fixture
def bob(make_party):
    return make_party(1)
