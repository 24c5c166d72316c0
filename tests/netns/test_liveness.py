"""Phones that are heard, or not, by what the kernel has counted under their SAs."""

import time
from pathlib import Path

import pytest

from tests.netns.lab import open_lab
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import PcscfProcess, config, running
from tests.netns.site import LINGER, SLACK, WAYS, Site, every_way, open_site
from tests.peers.framing import PING
from tests.peers.phone import Phone

pytestmark = pytest.mark.esp

INTERVAL, SILENT = 0.2, 1.0  # seconds
AT_ONCE = 0.5  # seconds; the P-CSCF's own timers would take minutes
IDLE = 3.0


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    return {
        "security": f"sa_linger = {LINGER}\nsa_slack = {SLACK}",
        "liveness": f"interval = {INTERVAL}\nsilent_after = {SILENT}\nanswer_480 = true",
    }


def told(pcscf: PcscfProcess, phone: Phone) -> list[str]:
    """What was logged of a phone's silence."""
    lines = [line for line in pcscf.log.splitlines() if phone.subscription.impi in line]
    events = ("phone_silent", "phone_back")
    return [event for line in lines for event in events if f" {event} " in line]


def ping(phone: Phone) -> None:
    """A keep-alive under the phone's SAs: no SIP, so the core of the P-CSCF never sees it."""
    assert phone.current
    by_tcp = phone.transport == "TCP"
    send = phone._link(phone.current).send if by_tcp else phone._from_uc(phone.current)
    send(PING)


def wait_for(pcscf: PcscfProcess, phone: Phone, *events: str) -> None:
    wait_until(lambda: told(pcscf, phone) == [*events], f"{events} of {phone.address}")


@every_way
def test_a_phone_that_sends_is_alive_and_one_that_stopped_is_not_asked(
    site: Site, pcscf: PcscfProcess, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    end = time.monotonic() + 2 * SILENT
    while time.monotonic() < end:
        ping(phone)
        time.sleep(INTERVAL)
    assert told(pcscf, phone) == []
    site.talks(phone)
    asked = len(phone.received)
    wait_for(pcscf, phone, "phone_silent")
    with site.lab.pcscf.capture("gm") as capture:
        start = time.monotonic()
        assert site.core.request(phone.identity).status == 480
        assert time.monotonic() - start < AT_ONCE
        time.sleep(2 * INTERVAL)
        assert capture.protocols(phone.address) == set()
    assert len(phone.received) == asked
    ping(phone)
    wait_for(pcscf, phone, "phone_silent", "phone_back")
    site.talks(phone)


def test_sip_of_a_silent_phone_ends_its_silence_at_once(site: Site, pcscf: PcscfProcess) -> None:
    phone = site.phone()
    phone.register()
    wait_for(pcscf, phone, "phone_silent")
    site.talks(phone)
    assert told(pcscf, phone) == ["phone_silent", "phone_back"]


def test_one_phones_packets_say_nothing_of_another(site: Site, pcscf: PcscfProcess) -> None:
    one, other = site.phone(), site.phone()
    one.register()
    other.register()
    end = time.monotonic() + 2 * SILENT
    while time.monotonic() < end:
        ping(one)
        time.sleep(INTERVAL)
    assert (told(pcscf, one), told(pcscf, other)) == ([], ["phone_silent"])


@pytest.mark.parametrize("liveness", ["", f"interval = {INTERVAL}\nsilent_after = {SILENT}"])
def test_an_idle_phone_is_sent_nothing(tmp_path: Path, liveness: str) -> None:
    """Neither by default nor by whom it is watched: a packet would wake it."""
    with open_lab(len(WAYS)) as lab:
        text = config(lab, liveness=liveness)
        with running(lab, tmp_path, text) as process, open_site(lab) as site:
            phones = [site.phone(version, transport=transport) for version, transport in WAYS]
            for phone in phones:
                phone.register()
                site.talks(phone)
            time.sleep(1)  # TCP acknowledges what came last
            with lab.pcscf.capture("gm") as capture:
                time.sleep(IDLE)
                assert {phone.address: capture.protocols(phone.address) for phone in phones} == {
                    phone.address: set() for phone in phones
                }
            silent = [] if not liveness else ["phone_silent"]
            assert [told(process, phone) for phone in phones] == [silent] * len(phones)
            for phone in phones:
                site.talks(phone)  # it could have been sent something
