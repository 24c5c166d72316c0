"""What a P-CSCF has to live through: its own crash, and much coming and going."""

import random
from pathlib import Path

import pytest

from tests.netns.crowd import core_of, phones_of
from tests.netns.lab import Lab, open_lab
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import config, running
from tests.peers.phone import Phone
from tests.peers.sas import hops
from tests.peers.wire import Pump

pytestmark = pytest.mark.esp

LINGER = 0.3
PHONES = 50
OPERATIONS = 200
# Something of another program in our namespace: an SA to our address, and a policy.
FOREIGN_STATE = (
    "xfrm state add src 192.0.2.250 dst 192.0.2.1 proto esp spi 0x1234 reqid 99 mode transport"
    " auth-trunc hmac(sha1) 0x0102030405060708090a0b0c0d0e0f1011121314 96"
    ' enc ecb(cipher_null) ""'
)
FOREIGN_POLICY = (
    "xfrm policy add src 192.0.2.250 dst 192.0.2.1 dport 7000 dir in"
    " tmpl proto esp mode transport reqid 99"
)


# --- a crash


def test_after_a_crash_only_our_own_leftovers_go(tmp_path: Path, pump: Pump) -> None:
    with (
        open_lab(phones=3) as lab,
        core_of(lab, pump, 3),
        phones_of(lab, pump, 3) as (registered, challenged, later),
    ):
        lab.pcscf.ip(FOREIGN_STATE, FOREIGN_POLICY)
        foreign = lab.pcscf.xfrm_states(), lab.pcscf.xfrm_policies()
        with running(lab, tmp_path, config(lab)) as pcscf:
            policies = sorted(map(str, lab.pcscf.xfrm_policies()))
            registered.register()
            challenged.take_challenge(challenged.sm1())
            assert len(lab.pcscf.xfrm_states()) == 1 + 4 + 4
            pcscf.kill()
            assert len(lab.pcscf.xfrm_states()) == 1 + 4 + 4  # nobody has cleared up yet
            pcscf.start_again()
            assert lab.pcscf.xfrm_states() == foreign[0]
            assert sorted(map(str, lab.pcscf.xfrm_policies())) == policies
            for phone in (later, registered, challenged):
                phone.restart()
                phone.register()
                assert phone.message("sip:bob@example.com").status == 200
            assert pcscf.stop() == 0
        assert (lab.pcscf.xfrm_states(), lab.pcscf.xfrm_policies()) == foreign


# --- much coming and going


def test_the_kernel_holds_the_sas_of_those_who_are_registered(tmp_path: Path, pump: Pump) -> None:
    with (
        open_lab(phones=PHONES) as lab,
        core_of(lab, pump, PHONES),
        phones_of(lab, pump, PHONES) as phones,
        running(lab, tmp_path, config(lab, security=f"sa_linger = {LINGER}")),
    ):
        policies = len(lab.pcscf.xfrm_policies())
        source = random.Random(33203)
        for phone in phones:
            phone.record = False
        for _ in range(OPERATIONS):
            _come_or_go(source.choice(phones), source)
        expected = {one for phone in phones for one in _states_of(phone)}
        assert 0 < len(expected) < 4 * PHONES  # both kinds of phones are there
        wait_until(lambda: _installed(lab) == expected, "the replaced SAs are gone")
        assert len(lab.pcscf.xfrm_policies()) == policies


def _come_or_go(phone: Phone, source: random.Random) -> None:
    """A phone that is out registers; one that is in leaves or registers again."""
    if phone.current is None or source.random() < 0.6:
        phone.register()
        phone.drop_old()
        # TS 33.203 7.4: the old set goes once the new one was used.
        assert phone.message("sip:bob@example.com").status == 200
    else:
        phone.deregister()


def _states_of(phone: Phone) -> set[tuple[str, int]]:
    """Destination and SPI of the phone's four SAs; nothing for one that has left."""
    if phone.current is None or phone.current.sas is None:
        return set()
    sas = phone.current.sas
    return {(sas.pcscf if hop.outbound else sas.ue, hop.spi) for hop in hops(sas)}


def _installed(lab: Lab) -> set[tuple[str, int]]:
    return {(state.dst, state.spi) for state in lab.pcscf.xfrm_states()}
