"""What leaves when a P-CSCF ends that removes its SAs and policies: nothing in clear."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pcscf.net.orphans import unacknowledged
from tests.netns.capture import Capture
from tests.netns.lab import Lab, open_lab
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import PcscfProcess, config, running
from tests.netns.site import LINGER, SLACK, open_site
from tests.netns.test_answers import PORT_PS, hang_up

pytestmark = pytest.mark.esp

AGAIN = 3.0  # seconds, in which the kernel sends what is not acknowledged once more, and again


@pytest.fixture
def process(tmp_path: Path) -> Iterator[PcscfProcess]:
    with open_lab() as lab:
        text = config(lab, security=f"sa_linger = {LINGER}\nsa_slack = {SLACK}")
        with running(lab, tmp_path, text) as made:
            yield made


def sends_again(lab: Lab) -> bool:
    """Whether the P-CSCF's kernel has something of a protected port to send again."""
    with lab.pcscf.entered():
        return unacknowledged({PORT_PS}, Path("/proc/thread-self/net")) == 1


def in_clear(capture: Capture) -> list[Any]:
    """TCP without ESP that left a protected port."""
    from scapy.layers.inet import TCP

    return [one for one in capture.scapy() if TCP in one and one[TCP].sport == PORT_PS]


def cut_off(lab: Lab) -> None:
    """Lose all that leaves the phone, and what waits to leave it."""
    lab.ue.run(*["tc", "qdisc", "del", "dev", "gm", "root"])
    lab.ue.run(*["tc", "qdisc", "add", "dev", "gm", "root", "netem", "loss", "100%"])


@pytest.mark.parametrize("version", [4, 6])
def test_what_is_not_acknowledged_is_not_sent_in_clear_afterwards(
    process: PcscfProcess, version: int
) -> None:
    lab = process.lab
    with open_site(lab) as site:
        phone = site.phone(version, transport="TCP")
        phone.register()
        with lab.ue.impaired("gm", "delay 400ms"):
            hang_up(site, phone)
            wait_until(lambda: sends_again(lab), "the P-CSCF has sent its FIN")
            cut_off(lab)
            with lab.pcscf.capture("gm") as capture:
                assert process.stop() == 0
                assert " policies_stay " in process.log
                time.sleep(AGAIN)
                assert sends_again(lab)
                assert in_clear(capture) == []
    process.start_again()
    assert lab.pcscf.xfrm_states() == []


def test_the_last_word_of_a_connection_is_waited_for(process: PcscfProcess) -> None:
    lab = process.lab
    with open_site(lab) as site:
        phone = site.phone(transport="TCP")
        phone.register()
        with lab.ue.impaired("gm", "delay 400ms"):
            hang_up(site, phone)
            wait_until(lambda: sends_again(lab), "the P-CSCF has sent its FIN")
            assert process.stop() == 0
    assert " policies_stay " not in process.log
    assert lab.pcscf.xfrm_policies() == []
