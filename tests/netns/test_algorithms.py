"""Every pair of algorithms between a phone and the real P-CSCF."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.netns.lab import Lab, open_lab
from tests.netns.pcscf_process import config, running
from tests.peers.core import Core
from tests.peers.offers import PLAIN, Offer, own
from tests.peers.phone import Phone
from tests.peers.sas import IpXfrm
from tests.peers.subscription import subscriber
from tests.peers.text import Address
from tests.peers.wire import Pump, placed_in

pytestmark = pytest.mark.esp

PORT = 5060
# In the operator's order, with what the kernel calls them: alg, ealg, auth, enc.
ALGORITHMS = [
    ("null", "aes-gcm", None, "rfc4106(gcm(aes))"),
    ("hmac-sha-1-96", "aes-cbc", "hmac(sha1)", "cbc(aes)"),
    ("aes-gmac", "null", None, "rfc4543(gcm(aes))"),
    ("hmac-sha-1-96", "null", "hmac(sha1)", "ecb(cipher_null)"),
    ("hmac-sha-1-96", "des-ede3-cbc", "hmac(sha1)", "cbc(des3_ede)"),
    ("hmac-md5-96", "aes-cbc", "hmac(md5)", "cbc(aes)"),
    ("hmac-md5-96", "des-ede3-cbc", "hmac(md5)", "cbc(des3_ede)"),
    ("hmac-md5-96", "null", "hmac(md5)", "ecb(cipher_null)"),
]
PAIRS = [(alg, ealg) for alg, ealg, _, _ in ALGORITHMS]
LEGACY = PAIRS[4:]
PHONES = 2 * len(ALGORITHMS) + 2
SECRET = "nobody else may read this"


@dataclass
class Site:
    """A P-CSCF with its core, and phones as they are asked for: each test has its own."""

    lab: Lab
    core: Core
    pump: Pump
    numbers: Iterator[int]
    phones: list[Phone]

    def phone(self, offer: Offer, version: int = 4) -> Phone:
        number, at = next(self.numbers), self.lab.addresses(version)
        made = Phone(
            subscriber(number),
            at.phones[number],
            Address(at.pcscf_gm, PORT),
            sas=IpXfrm(self.lab.ue.name),
            offer=offer,
            socket_factory=placed_in(self.lab.ue.entered),
            pump=self.pump,
        )
        self.phones.append(made)
        return made


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The lab and its peers; which algorithms are on is each P-CSCF's own."""
    with open_lab(phones=PHONES) as lab:
        pump = Pump()
        core = Core(
            Address(lab.v4.core, PORT),
            [subscriber(number) for number in range(PHONES)],
            socket_factory=placed_in(lab.core.entered),
            pump=pump,
        )
        made = Site(lab, core, pump, count(), [])
        yield made
        for peer in (*made.phones, core):
            peer.close()
        pump.close()


@pytest.fixture(scope="module")
def with_all(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    names = ", ".join(f'"{alg}/{ealg}"' for alg, ealg in PAIRS)
    text = config(site.lab, security=f"algorithms = [{names}]")
    with running(site.lab, tmp_path_factory.mktemp("all"), text):
        yield site


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("names", ALGORITHMS, ids=lambda names: "/".join(names[:2]))
def test_each_pair_registers_and_carries_requests_both_ways(
    with_all: Site, version: int, names: tuple[str, str, str | None, str]
) -> None:
    alg, ealg, auth, enc = names
    lab, phone = with_all.lab, with_all.phone(own(PLAIN, [(alg, ealg)]), version)
    errors = lab.pcscf.xfrm_errors(), lab.ue.xfrm_errors()
    phone.register()
    ours = [state for state in lab.pcscf.xfrm_states() if phone.address in {state.src, state.dst}]
    assert [(state.auth, state.enc) for state in ours] == [(auth, enc)] * 4
    with lab.ue.capture("gm") as capture:
        for transport in ("UDP", "TCP"):
            assert phone.message("sip:b@example.com", SECRET, transport=transport).status == 200
        assert with_all.core.request(phone.identity, body=SECRET.encode()).status == 200
    readable = any(SECRET.encode() in frame for frame in capture.frames())
    assert readable is (ealg == "null")  # integrity alone hides nothing
    assert (lab.pcscf.xfrm_errors(), lab.ue.xfrm_errors()) == errors
    phone.assert_clean()


def test_the_operators_order_counts_not_the_phones(with_all: Site) -> None:
    phone = with_all.phone(own(PLAIN, reversed(PAIRS)))
    phone.register()
    assert phone.current
    assert phone.current.chosen
    assert (phone.current.chosen.alg, phone.current.chosen.ealg) == PAIRS[0]


def test_legacy_pairs_are_off_unless_named(site: Site, tmp_path: Path) -> None:
    phone = site.phone(own(PLAIN, LEGACY))
    gm = 'port = 5070\nport_ps = 6200\nports_pc = "6208-6223"'
    beside = config(site.lab, gm=gm, security="reqid = 5070").replace("port = 5060", "port = 5090")
    phone.pcscf = Address(phone.pcscf.host, 5070)
    with running(site.lab, tmp_path, beside):
        answer = phone.sm1()
    assert answer.status == 494
    listed = answer.message.header("security-server")
    assert "aes-cbc" in listed
    assert "md5" not in listed
    assert "des-ede3" not in listed
