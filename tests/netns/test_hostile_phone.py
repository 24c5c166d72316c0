"""Hostile input from inside: broken messages under SAs that were agreed on as they should be."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.insider import Insider, UnshakenCore
from tests.netns.hostile import impatient, little_kept
from tests.netns.lab import open_lab
from tests.netns.pcscf_process import PcscfProcess, running
from tests.netns.site import PEER, Site, open_site
from tests.netns.xfrm_listing import XfrmState
from tests.peers.phone import Phone

pytestmark = pytest.mark.esp

WAYS = [(4, "UDP"), (6, "TCP")]
VERSIONS = {"UDP": 40, "TCP": 10}  # before each message under SAs
WARM_UP = ROUNDS = 15  # of two messages each
CHALLENGES = 6
REQUESTS = {"UDP": 6, "TCP": 3}  # a broken stream is a lost answer: TCP takes its time


@pytest.fixture(scope="module")
def pcscf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PcscfProcess]:
    """One P-CSCF for the module: what one test breaks, the next ones may see."""
    directory = tmp_path_factory.mktemp("insiders")
    with (
        open_lab(phones=20) as lab,
        running(lab, directory, impatient(lab, reg_await_auth=5.0)) as process,
    ):
        yield process


@pytest.fixture(scope="module")
def shared_site(pcscf: PcscfProcess) -> Iterator[Site]:
    """A core that takes whatever an insider sends."""
    with open_site(pcscf.lab, kind=UnshakenCore) as made:
        yield made


@contextlib.contextmanager
def unshaken(pcscf: PcscfProcess, site: Site, *insiders: Insider) -> Iterator[None]:
    """Whatever insiders do within: nobody else feels it, and they themselves may begin anew."""
    bystander = site.phone()
    bystander.register()
    for insider in insiders:
        insider.victim = bystander
        insider.versions = VERSIONS[insider.transport]
    others = _sas(site, bystander)
    yield
    assert pcscf.process.poll() is None
    assert "Traceback" not in pcscf.log
    assert "event_failed" not in pcscf.log
    assert _sas(site, bystander) == others
    site.talks(bystander)
    for insider in insiders:
        insider.versions = 0
        insider.restart()
        # What it registered under broken contacts is between it and the core.
        site.core.registrar.records[insider.subscription.impi].bindings.clear()
    for phone in (*insiders, site.phone()):
        phone.register()
        site.talks(phone)
        site.wait_for_states(4, phone)


def _sas(site: Site, phone: Phone) -> list[XfrmState]:
    return [replace(one, packets=0, bytes=0) for one in site.states(phone)]


@contextlib.contextmanager
def sealed(site: Site, phone: Phone) -> Iterator[None]:
    """All that goes to the phone within is inside ESP."""
    with site.lab.pcscf.capture("gm") as capture:
        yield
    assert capture.protocols(phone.address) == {socket.IPPROTO_ESP}


def test_a_registered_phone_may_send_anything(pcscf: PcscfProcess, site: Site) -> None:
    insiders = [site.phone_of(Insider, version, transport=way) for version, way in WAYS]
    for insider in insiders:
        insider.register()
    with unshaken(pcscf, site, *insiders):
        _send_anything(site, insiders[0], WARM_UP)
        with little_kept(pcscf, *insiders):
            for insider in insiders:
                _send_anything(site, insider, ROUNDS)
    for event in ("unreadable", "foreign_identity", "security_mismatch"):
        assert pcscf.log.count(f" {event} ") > 50  # some came that far


def _send_anything(site: Site, insider: Insider, rounds: int) -> None:
    """A MESSAGE, and a renewal that gets no further than its challenge, again and again."""
    for _ in range(rounds):
        with sealed(site, insider):
            assert insider.message(PEER).status == 200
            assert insider.sm1().status == 401
        insider.abandon()


@pytest.mark.parametrize(("version", "transport"), WAYS)
def test_a_challenged_phone_may_answer_anything(
    pcscf: PcscfProcess, site: Site, version: int, transport: str
) -> None:
    insider = site.phone_of(Insider, version, transport=transport)
    with unshaken(pcscf, site, insider):
        for _ in range(CHALLENGES):
            insider.take_challenge(insider.sm1())
            insider.install()
            with sealed(site, insider):
                with contextlib.suppress(OSError):  # its SAs may be gone by then
                    insider.send_sm7()
                assert insider.victim.message(PEER).status == 200  # behind all of it
            insider.restart()


@pytest.mark.parametrize(("version", "transport"), WAYS)
def test_a_phone_may_answer_anything_to_a_request(
    pcscf: PcscfProcess, site: Site, version: int, transport: str
) -> None:
    insider = site.phone_of(Insider, version, transport=transport)
    insider.register()
    with unshaken(pcscf, site, insider):
        for _ in range(REQUESTS[transport]):
            with sealed(site, insider):
                assert insider.message(PEER).status == 200
                assert site.core.request(insider.identity).status >= 200
