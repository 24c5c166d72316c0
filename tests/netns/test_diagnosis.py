"""What an operator is told of phones whose ESP goes wrong on a real kernel."""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from socket import AF_PACKET, SOCK_RAW, inet_aton, socket

import pytest

from pcscf.diagnosis.raw_esp import open_raw_esp
from tests.netns.asking import AdminSocket
from tests.netns.lab import Lab
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import PcscfProcess
from tests.netns.site import LINGER, PEER, SLACK, LabXfrm, Site
from tests.peers.peer import Sent
from tests.peers.sas import PhoneSas
from xfrm.model import SaId

pytestmark = pytest.mark.esp

INTERVAL, LISTEN = 0.2, 1.0  # seconds
AWAIT = 2.0
VERSIONS = pytest.mark.parametrize("version", [4, 6])
ALL = "note: In the last minute, for all phones together"
TIME = r"\d\d:\d\d:\d\d"


@pytest.fixture(scope="module")
def admin(pcscf: PcscfProcess) -> AdminSocket:
    return AdminSocket(pcscf.socket)


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    return {
        "security": f"sa_linger = {LINGER}\nsa_slack = {SLACK}\nreg_await_auth = {AWAIT}",
        "diagnosis": f"interval = {INTERVAL}\nlisten = {LISTEN}",
    }


def wait_for(admin: AdminSocket, who: str, pattern: str) -> str:
    """Wait for a sentence that begins so, level in front."""
    found: list[str] = []

    def told() -> bool:
        found[:] = [text for text in admin.texts(who) if re.match(pattern, text)]
        return bool(found)

    try:
        wait_until(told, pattern)
    except AssertionError:
        raise AssertionError("\n".join([pattern, *admin.texts(who)])) from None
    return found[0]


def only(admin: AdminSocket, who: str) -> str:
    """The one sentence about a phone, beside what is told of all phones together."""
    (told,) = [text for text in admin.texts(who) if not text.startswith(ALL)]
    return told


@contextlib.contextmanager
def repeated(sent: Sent) -> Iterator[None]:
    """Nothing but a request that is sent again and again."""
    for _ in range(20):
        sent.repeat()
        time.sleep(INTERVAL / 2)
    yield


class WrongIk(LabXfrm):
    """A phone whose IK is not the core's."""

    def install(self, sas: PhoneSas) -> None:
        super().install(replace(sas, ik=bytes(16)))


class WrongCk(LabXfrm):
    """A phone whose CK is not the core's."""

    def install(self, sas: PhoneSas) -> None:
        super().install(replace(sas, ck=bytes(16)))


@VERSIONS
def test_a_phone_that_is_well(site: Site, admin: AdminSocket, version: int) -> None:
    phone = site.phone(version)
    phone.register()
    site.talks(phone)
    for who in (phone.address, phone.identity, phone.subscription.impi):
        told = only(admin, who)
        assert re.match(
            rf"ok: Registered for another 1?\d+ \w+ as .*under the set of {TIME}, hmac-sha-1-96",
            told,
        ), told
    (one,) = admin.get(f"/api/ues/{phone.address}")["ues"]
    (sa_set,) = one["sas"]
    counted = {sa["spi"]: (sa["direction"], sa["packets"]) for sa in sa_set["sas"]}
    assert counted == {
        state.spi: ("in" if state.src == phone.address else "out", state.packets)
        for state in site.states(phone)
    }
    assert sum(packets for _, packets in counted.values()) > 4


def test_an_address_of_which_nothing_came(site: Site, admin: AdminSocket) -> None:
    address = site.phone().address
    told = only(admin, address)
    assert told.startswith(f"bad: No REGISTER of {address} has reached us since ")


@VERSIONS
def test_a_phone_that_goes_on_under_its_old_set(
    site: Site, admin: AdminSocket, version: int
) -> None:
    phone = site.phone(version)
    phone.register()
    old = phone.current
    assert old is not None
    phone.register()
    site.talks(phone)
    site.wait_for_states(4, phone)
    with repeated(phone.start_request("MESSAGE", PEER, over=old)):
        spi = f"0x{old.peer.spi_s:08x}"
        wait_for(
            admin,
            phone.address,
            rf"bad: ESP of {phone.address} arrives with SPI {spi} \(\d+ packets, the last at {TIME}"
            rf"\), no SA: the phone is using the set of {TIME}, replaced at {TIME}",
        )
    drops = admin.get("/api/drops")
    (found,) = [one for one in drops["unknown_spis"] if one["src"] == phone.address]
    assert (found["dst"], found["spi"]) == (phone.pcscf.host, old.peer.spi_s)
    assert 1 < found["count"] <= 21
    assert drops["note"] == ""
    (counter,) = [one for one in drops["counters"] if one["name"] == "XfrmInNoStates"]
    assert counter["count"] >= found["count"]
    # The sockets were not there for nothing, and go again.
    wait_until(lambda: not admin.get("/api/drops")["watching"], "it listens no more")


@VERSIONS
def test_an_spi_that_nobody_has_had(site: Site, admin: AdminSocket, version: int) -> None:
    phone = site.phone(version)
    phone.register()
    sas = phone.current.sas if phone.current else None
    assert sas is not None
    other = replace(sas, peer=sas.peer._replace(spi_s=0x12345678))
    phone.installer.remove(sas)
    phone.installer.install(other)
    with repeated(phone.start_request("MESSAGE", PEER)):
        told = admin.texts(phone.address)
    phone.installer.remove(other)
    phone.installer.install(sas)
    pattern = r"bad: .* SPI 0x12345678 .* no SA: nobody has had that SPI"
    assert any(re.match(pattern, text) for text in told), told


@VERSIONS
def test_a_wrong_key(site: Site, admin: AdminSocket, version: int) -> None:
    phone = site.phone(version, sas=WrongIk(site.lab.ue))
    phone.take_challenge(phone.sm1())
    phone.install()
    phone.send_sm7()
    agreed = phone.pending
    assert agreed is not None
    spi = f"0x{agreed.peer.spi_s:08x}"
    wait_for(
        admin,
        phone.address,
        rf"bad: 1 packet under SA {spi} \(.*\) of the set of {TIME} failed the integrity check, and"
        " none passed it: phone and P-CSCF have different IK",
    )
    # Its time is over, and the counters with it; what they were is remembered.
    wait_for(
        admin,
        phone.address,
        rf"bad: Its challenge of {TIME} had no answer until its time was over at {TIME}: 1 packet"
        " came and failed the integrity check; phone and P-CSCF",
    )
    phone.take_challenge(phone.sm1())
    phone.install()
    phone.send_sm7()
    phone.sm1()
    wait_for(
        admin,
        phone.subscription.impi,
        rf"bad: Its challenge of {TIME} had no answer when the phone began anew at {TIME} \(2 such"
        r" challenges since .*\): 1 packet came and failed",
    )


def test_a_wrong_key_of_the_cipher(site: Site, admin: AdminSocket) -> None:
    """Integrity is checked by IK, so that such packets pass, and are no SIP."""
    phone = site.phone(sas=WrongCk(site.lab.ue))
    phone.take_challenge(phone.sm1())
    phone.install()
    phone.send_sm7()
    wait_for(
        admin,
        phone.address,
        "bad: Its challenge of .* until its time was over .*: 1 packet came and passed the"
        " integrity check, but there was no REGISTER: the phone's CK differs",
    )


def test_a_challenge_that_nothing_came_for(site: Site, admin: AdminSocket) -> None:
    phone = site.phone()
    phone.sm1()
    told = only(admin, phone.address)
    assert told.startswith("note: A 401 went to it ")
    assert "no ESP of the phone has arrived under them" in told
    wait_for(
        admin,
        phone.address,
        "bad: Its challenge of .* until its time was over .*: no ESP of the phone has arrived",
    )
    phone.register()
    told = only(admin, phone.address)
    assert told.startswith("ok: Registered")


def test_packets_that_come_twice(site: Site, admin: AdminSocket) -> None:
    phone = site.phone()
    phone.register()
    with site.lab.pcscf.capture("gm") as capture:
        site.talks(phone)
        frames = [one for one in capture.frames() if one[23] == 50]  # ESP in IPv4
    own = [one for one in frames if one[26:30] == inet_aton(phone.address)]
    with site.lab.ue.entered(), socket(AF_PACKET, SOCK_RAW) as link:
        link.bind(("gm", 0))
        for frame in own[:2]:
            link.send(frame)
    told = wait_for(admin, phone.address, r"note: \d packets? under SA .* came twice")
    assert "began to count anew" in told


@VERSIONS
def test_a_packet_in_clear_to_a_protected_port(
    site: Site, admin: AdminSocket, version: int
) -> None:
    phone = site.phone(version)
    with site.lab.ue.socket((phone.address, 40000)) as clear:
        clear.sendto(b"OPTIONS sip:x SIP/2.0\r\n\r\n", (phone.pcscf.host, 6100))
    wait_for(admin, phone.address, rf"{ALL}: a packet in clear, or .* \(XfrmInTmplMismatch, ")


@VERSIONS
def test_an_sa_that_somebody_deleted(site: Site, admin: AdminSocket, version: int) -> None:
    phone = site.phone(version)
    phone.register()
    agreed = phone.current
    assert agreed is not None
    spi = f"0x{agreed.peer.spi_s:08x}"
    site.lab.pcscf.ip(
        f"xfrm state delete src {phone.address} dst {phone.pcscf.host} proto esp spi {spi}"
    )
    wait_for(
        admin,
        phone.address,
        rf"bad: The kernel no longer has 1 SA of the set of {TIME} \({spi} to ",
    )
    with repeated(phone.start_request("MESSAGE", PEER)):
        wait_for(
            admin,
            phone.address,
            rf"bad: ESP of .* SPI {spi} .*, no SA: the phone is using the set of {TIME}, which was"
            " not removed here",
        )


def test_raw_sockets_hear_no_sip_and_disturb_no_policy(site: Site, admin: AdminSocket) -> None:
    """ESP of phones that are well is copied to them while they are open, and is nothing to tell."""
    before = site.lab.pcscf.xfrm_errors()
    phone = site.phone()
    phone.register()
    with site.lab.pcscf.entered():
        raw = open_raw_esp([phone.pcscf.host])
    site.talks(phone)
    heard = raw.read(100)
    raw.close()
    agreed = phone.current
    assert agreed is not None
    own = {SaId(phone.pcscf.host, spi) for spi in (agreed.peer.spi_c, agreed.peer.spi_s)}
    assert {source for source, _ in heard} == {phone.address}
    assert {sa for _, sa in heard} <= own
    assert heard
    assert site.lab.pcscf.xfrm_errors() == before


def test_raw_sockets_need_a_capability(lab: Lab) -> None:
    child = os.fork()
    if not child:
        os.setuid(65534)
        try:
            open_raw_esp([lab.v4.pcscf_gm])
        except PermissionError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_no_key_is_told(site: Site, admin: AdminSocket) -> None:
    phone = site.phone()
    phone.register()
    everything = [admin.get("/api/drops"), admin.why(phone.address), admin.get("/api/ues")]
    for run in phone.aka_runs:
        assert run.ck.hex() not in str(everything)
        assert run.ik.hex() not in str(everything)
