"""SIGHUP at the real process: what changes shows; a phone keeps its SAs, its call, its core."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.lab import Lab, open_lab
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import config, running
from tests.netns.site import PORT, Site, open_site
from tests.peers.registrar import Behaviour
from tests.peers.router import RoutingCore

pytestmark = pytest.mark.esp

NULL = 'algorithms = ["hmac-sha-1-96/null"]'


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[Lab]:
    with open_lab(phones=8) as made:
        yield made


ANYONE = Behaviour(require_protected=False)  # or nobody could register in clear


@pytest.fixture
def site(shared_lab: Lab) -> Iterator[Site]:
    with open_site(shared_lab, ANYONE) as made:
        yield made


@pytest.fixture
def routed(shared_lab: Lab) -> Iterator[Site]:
    """A core that brings the phones' calls to each other."""
    with open_site(shared_lab, ANYONE, kind=RoutingCore) as made:
        yield made


def test_what_changes_shows_and_a_phone_keeps_its_sas_and_its_call(
    routed: Site, tmp_path: Path
) -> None:
    with running(routed.lab, tmp_path, config(routed.lab)) as pcscf:
        alice, bob = routed.phone(), routed.phone(6, transport="TCP")
        for phone in (alice, bob):
            phone.register()
        call = alice.invite(bob.identity, alice.sdp)
        there = bob.wait_for_call()
        there.answer(200, bob.sdp)
        call.wait(200)
        there.wait_for_ack()
        assert routed.phone(offer=None).sm1().status == 421
        before = routed.spis(alice, bob)

        said = pcscf.reload(config(routed.lab, security=f'policy = "prefer"\n{NULL}'))
        assert "security.policy security.algorithms" in said

        assert routed.phone(offer=None).register().status == 200
        carol = routed.phone()
        carol.register()
        assert {state.enc for state in routed.states(carol)} == {"ecb(cipher_null)"}
        assert routed.spis(alice, bob) == before
        assert call.info(b"x").status == 200
        assert call.bye().status == 200
        alice.register()
        assert alice.message(bob.identity).status == 200
        for phone in routed.close_phones():
            phone.assert_clean()


def test_requests_go_to_another_next_hop(site: Site, tmp_path: Path) -> None:
    silent = f"udp:{site.lab.v4.core}:{PORT + 7}"
    with running(site.lab, tmp_path, config(site.lab, next_hops=(silent,))) as pcscf:
        phone = site.phone()
        phone.send_sm1()
        assert site.core.received == []
        pcscf.reload(config(site.lab))
        site.phone().register()
        wait_until(lambda: len(site.core.requests("REGISTER")) == 2, "REGISTERs at the core")


def test_a_bad_file_changes_nothing_and_what_needs_a_restart_is_named(
    site: Site, tmp_path: Path
) -> None:
    with running(site.lab, tmp_path, config(site.lab)) as pcscf:
        phone = site.phone()
        phone.register()
        said = pcscf.reload(config(site.lab, security='policy = "prefer"\nreq_id = 7'))
        assert "reload_refused" in said
        assert "security.req_id: unknown key" in said
        assert site.phone(offer=None).sm1().status == 421
        said = pcscf.reload(config(site.lab, security="reqid = 7\nsa_slack = 1"))
        assert "reloaded changed=security.sa_slack" in said
        assert "restart_needed changed=security.reqid" in pcscf.log
        phone.register()
        assert len(site.states(phone)) >= 4
        site.talks(phone)
        assert "Traceback" not in pcscf.log
