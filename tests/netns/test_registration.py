"""A phone registers through the real P-CSCF, with real ESP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.lab import Lab
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import PcscfProcess, config, running
from tests.peers.core import Core
from tests.peers.phone import Phone
from tests.peers.sas import IpXfrm
from tests.peers.subscription import subscriber
from tests.peers.text import Address
from tests.peers.wire import placed_in

pytestmark = pytest.mark.esp

CARD = subscriber(1)
LINGER = 0.5


@pytest.fixture
def pcscf(lab: Lab, tmp_path: Path) -> Iterator[PcscfProcess]:
    with running(lab, tmp_path, config(lab, security=f"sa_linger = {LINGER}")) as process:
        yield process


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("version", [4, 6])
def test_a_phone_registers_talks_and_leaves(
    lab: Lab, pcscf: PcscfProcess, version: int, transport: str
) -> None:
    at = lab.addresses(version)
    core = Core(Address(lab.v4.core, 5060), [CARD], socket_factory=placed_in(lab.core.entered))
    phone = Phone(
        CARD,
        at.ue,
        Address(at.pcscf_gm, 5060),
        sas=IpXfrm(lab.ue.name),
        transport=transport,
        socket_factory=placed_in(lab.ue.entered),
    )
    try:
        policies = len(lab.pcscf.xfrm_policies())
        phone.register()
        assert len(lab.pcscf.xfrm_states()) == 4
        assert phone.message("sip:bob@example.com").status == 200
        assert core.request(phone.identity, "MESSAGE", body=b"hi").status == 200
        phone.deregister()
        wait_until(lambda: not lab.pcscf.xfrm_states(), "the SAs are gone")
        assert len(lab.pcscf.xfrm_policies()) == policies
        phone.assert_clean()
    finally:
        phone.close()
        core.close()
    assert pcscf.stop() == 0
    assert not lab.pcscf.xfrm_policies()
