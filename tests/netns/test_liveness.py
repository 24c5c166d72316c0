"""Phones that fall silent, seen by the packets that the kernel counts."""

import time

import pytest

from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import PcscfProcess
from tests.netns.site import LINGER, SLACK, Site, every_way

pytestmark = pytest.mark.esp

SILENT = 1.5  # seconds


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    return {
        "security": f"sa_linger = {LINGER}\nsa_slack = {SLACK}",
        "liveness": f"interval = 0.2\nsilent_after = {SILENT}\nanswer_480 = true",
    }


@every_way
def test_a_silent_phone_and_its_return(
    site: Site, pcscf: PcscfProcess, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    site.talks(phone)
    about = f"phone_silent impi={phone.subscription.impi}"
    wait_until(lambda: about in pcscf.log, "it counts as silent", SILENT + 2)
    began = time.monotonic()
    assert site.core.request(phone.identity).status == 480
    assert time.monotonic() - began < 1
    assert phone.message("sip:b@example.com").status == 200
    back = f"phone_back impi={phone.subscription.impi}"
    wait_until(lambda: back in pcscf.log, "it is back")
    site.talks(phone)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_an_idle_phone_is_left_in_peace(site: Site, transport: str) -> None:
    """Nothing wakes its radio, neither SIP nor a keep-alive."""
    phone = site.phone(transport=transport)
    phone.register()
    time.sleep(0.5)  # for the last ACK of TCP
    with site.lab.ue.capture("gm") as capture:
        time.sleep(2 * SILENT)
    mine = [packet for packet in capture.scapy() if phone.address in str(packet.summary())]
    assert mine == []
