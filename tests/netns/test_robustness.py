"""What a P-CSCF has to live through: its own crash, and much coming and going."""

import random
from itertools import cycle, islice, product
from pathlib import Path

import pytest

from tests.netns.lab import Lab, open_lab
from tests.netns.moments import MOMENTS
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import config, running
from tests.netns.site import PEER, WAYS, Site, open_site
from tests.peers.agreement import draw
from tests.peers.core import Reaction
from tests.peers.phone import Phone
from tests.peers.sas import hops

pytestmark = pytest.mark.esp

LINGER = 0.3
PHONES = 50
OPERATIONS = 200
# Of another program in our namespace: SAs from and to addresses of ours, and policies.
FOREIGN = (
    "xfrm state add src 192.0.2.250 dst 192.0.2.1 proto esp spi 0x1234 reqid 99 mode transport"
    " auth-trunc hmac(sha1) 0x0102030405060708090a0b0c0d0e0f1011121314 96"
    ' enc ecb(cipher_null) ""',
    "xfrm state add src 2001:db8:1::1 dst 2001:db8:1::b proto esp spi 0x1234 mode transport"
    " aead rfc4106(gcm(aes)) 0x0102030405060708090a0b0c0d0e0f1011121314 128",
    "xfrm policy add src 192.0.2.250 dst 192.0.2.1 dport 7000 dir in"
    " tmpl proto esp mode transport reqid 99",
    "xfrm policy add src 2001:db8:1::/64 dst 2001:db8:1::1 dport 7000 dir in action block",
)


# --- a crash


def test_after_a_crash_only_our_own_leftovers_go(tmp_path: Path) -> None:
    """SIGKILL while phones are at every point of a registration, over every way."""
    with open_lab(phones=4 * len(MOMENTS)) as lab, open_site(lab) as site:
        lab.pcscf.ip(*FOREIGN)
        foreign = lab.pcscf.xfrm_states(), lab.pcscf.xfrm_policies()
        with running(lab, tmp_path, config(lab)) as pcscf:
            policies = sorted(map(str, lab.pcscf.xfrm_policies()))
            phones = []
            for (version, transport), moment in product(WAYS, MOMENTS):
                phones.append(site.phone(version, transport=transport))
                moment(site, phones[-1])
            held = site.spis()
            assert len(held) > 4 * len(phones)
            pcscf.kill()
            assert site.spis() == held  # nobody has cleared up yet
            assert sorted(map(str, lab.pcscf.xfrm_policies())) == policies  # nor opened a port
            pcscf.start_again()
            assert lab.pcscf.xfrm_states() == foreign[0]
            assert sorted(map(str, lab.pcscf.xfrm_policies())) == policies
            for register in site.dropped:
                site.answer_late(register)
            site.settle()
            assert lab.pcscf.xfrm_states() == foreign[0]
            for phone in phones:
                phone.restart()
                phone.register()
                assert phone.message(PEER).status == 200
            assert len(site.states()) == 4 * len(phones) + len(foreign[0])
            assert sorted(map(str, lab.pcscf.xfrm_policies())) == policies
            assert pcscf.stop() == 0
        assert (lab.pcscf.xfrm_states(), lab.pcscf.xfrm_policies()) == foreign


# --- much coming and going


def test_the_kernel_holds_the_sas_of_those_who_are_registered(tmp_path: Path) -> None:
    with (
        open_lab(phones=PHONES) as lab,
        running(lab, tmp_path, config(lab, security=f"sa_linger = {LINGER}")),
        open_site(lab) as site,
    ):
        ways = islice(cycle(WAYS), PHONES)
        phones = [site.phone(version, transport=transport) for version, transport in ways]
        policies = lab.pcscf.xfrm_policies()
        source = random.Random(33203)
        for peer in (site.core, *phones):
            peer.record = False
        for _ in range(OPERATIONS):
            _come_or_go(site, source.choice(phones), source)
        expected = {one for phone in phones for one in _states_of(phone)}
        assert 0 < len(expected) < 4 * PHONES  # both kinds of phones are there
        wait_until(lambda: _installed(lab) == expected, "the replaced SAs are gone")
        assert lab.pcscf.xfrm_policies() == policies
        for phone in phones:
            if phone.current:
                phone.deregister()
        wait_until(lambda: not _installed(lab), "all have left")
        assert lab.pcscf.xfrm_policies() == policies


def _come_or_go(site: Site, phone: Phone, source: random.Random) -> None:
    """A phone that is out registers; one that is in renews in one of four ways, or leaves."""
    what = source.choices(["challenged", "unchallenged", "in clear", "restarted", "leave"])[0]
    if phone.current and what == "leave":
        phone.deregister()
        return
    if phone.current and what == "unchallenged":
        site.core.next.append(Reaction(challenge=False))
        phone.register()
    elif phone.current and what == "in clear":
        phone.take_challenge(phone.sm1(protected=False, numbers=draw(None)))
        phone.install()
        phone.accept(phone.sm7(protected=None))
    else:
        if what == "restarted":
            phone.restart()
        phone.register()
    phone.drop_old()
    # TS 33.203 7.4: the old set goes once the new one was used.
    assert phone.message(PEER).status == 200


def _states_of(phone: Phone) -> set[tuple[str, int]]:
    """Destination and SPI of the phone's four SAs; nothing for one that has left."""
    if phone.current is None or phone.current.sas is None:
        return set()
    sas = phone.current.sas
    return {(sas.pcscf if hop.outbound else sas.ue, hop.spi) for hop in hops(sas)}


def _installed(lab: Lab) -> set[tuple[str, int]]:
    return {(state.dst, state.spi) for state in lab.pcscf.xfrm_states()}
