"""Thousands of messages and calls over a link that loses packets: nothing is lost or left."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.netns.lab import open_lab
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import PcscfProcess, config, running
from tests.netns.site import Site, open_site
from tests.peers.phone import Phone
from tests.peers.router import RoutingCore

pytestmark = pytest.mark.esp

PAIRS = 8  # of phones, each busy all the time
MESSAGES, CALLS = 10_000, 1_000
LOSS = "loss 1%"  # of packets on Gm, each way
T1, T2 = 0.2, 1.6  # seconds; on a radio link of 2 s this would take ten times as long
TIMERS = f"t1 = {T1}\nt2 = {T2}\nt4 = {T2}"
OVER = 64 * T1 + 5  # all timers of a transaction have run out
PATIENCE = 60.0


@pytest.fixture(scope="module")
def pcscf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PcscfProcess]:
    """Short timers, so that what is lost is soon sent again, and is over soon."""
    with open_lab(2 * PAIRS) as lab:
        text = config(
            lab,
            timers__gm=TIMERS,
            timers__core=TIMERS,
            security="sa_linger = 1\nsa_slack = 1",
            guard="user_rate = 0",
        )
        with running(lab, tmp_path_factory.mktemp("pcscf"), text) as process:
            yield process


@pytest.fixture
def site(pcscf: PcscfProcess) -> Iterator[Site]:
    """A core that routes, and keeps no records."""
    with open_site(pcscf.lab, kind=RoutingCore) as made:
        made.core.record = False
        yield made
        for phone in made.close_phones():
            phone.assert_clean()


@pytest.fixture
def pairs(site: Site) -> list[tuple[Phone, Phone]]:
    """Phones of both transports, registered while no packet is lost."""
    phones = [site.phone(transport="TCP" if n % 8 == 7 else "UDP") for n in range(2 * PAIRS)]
    for phone in phones:
        phone.register()
        phone.record = False
        phone.t1, phone.t2 = T1, T2
        phone.picks_up = True
    return list(zip(phones[::2], phones[1::2], strict=True))


def all_at_once(work: Callable[[Phone, Phone], None], pairs: list[tuple[Phone, Phone]]) -> None:
    with ThreadPoolExecutor(len(pairs)) as pool:
        for done in [pool.submit(work, *pair) for pair in pairs]:
            done.result()


def nothing_is_left(pcscf: PcscfProcess, phones: int) -> None:
    """The registrations are, and their SA sets; no transaction, no dialog."""
    with contextlib.suppress(AssertionError):  # what is left says more
        wait_until(lambda: not sum(pcscf.held()[name] for name in LEFT), "the end", OVER)
    held = pcscf.held()
    assert {name: held[name] for name in LEFT} == dict.fromkeys(LEFT, 0)
    assert held["registrations"] == held["sa_sets"] == phones


LEFT = ("server_transactions", "client_transactions", "dialogs", "authentications")


def test_ten_thousand_messages_and_a_thousand_calls(
    pcscf: PcscfProcess, site: Site, pairs: list[tuple[Phone, Phone]]
) -> None:
    def write(alice: Phone, bob: Phone) -> None:
        for number in range(MESSAGES // PAIRS):
            answer = alice.message(bob.identity, f"{number}", timeout=PATIENCE)
            assert answer.status == 200

    def call(alice: Phone, bob: Phone) -> None:
        for _ in range(CALLS // PAIRS):
            made = alice.invite(bob.identity, alice.sdp)
            made.wait(200, timeout=PATIENCE)
            assert made.bye(timeout=PATIENCE).status == 200

    with site.lab.ue.impaired("gm", LOSS), site.lab.pcscf.impaired("gm", LOSS):
        all_at_once(write, pairs)
        all_at_once(call, pairs)
    for _, bob in pairs:
        assert bob.seen["MESSAGE"] == MESSAGES // PAIRS
        assert bob.seen["INVITE"] == bob.seen["BYE"] == CALLS // PAIRS
    nothing_is_left(pcscf, 2 * PAIRS)
    for pair in pairs:
        for phone in pair:
            phone.deregister()
    wait_until(lambda: site.states() == [], "no SA is left", 10)
    wait_until(lambda: not any(pcscf.held().values()), "nothing is held", OVER)
    assert "event_failed" not in pcscf.log
