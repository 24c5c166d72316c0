"""What the P-CSCF logs of its keys, and what the kernel shows of them, opens a capture of Gm.

The third way needs neither: what was said on both sides of the P-CSCF.
"""

from pathlib import Path

import pytest

from pcscf.decode.keys.esp import Opener
from pcscf.decode.keys.key_files import load_keys
from pcscf.decode.keys.keyring import Keyring
from pcscf.decode.keys.sas import SaTable
from pcscf.decode.keys.wildcards import Wildcards
from pcscf.decode.model import Endpoint, Packet, Sa, SipMessage
from tests.decode.esp_packets import packet
from tests.netns.capture import Capture
from tests.netns.pcscf_process import PcscfProcess
from tests.netns.site import PEER, Site
from tests.netns.test_algorithms import PAIRS
from tests.peers.offers import PLAIN, own
from tests.peers.phone import Phone

pytestmark = pytest.mark.esp

ESP, UDP = 50, 17
IP = (b"\x08\x00", b"\x86\xdd")
UP, DOWN = "said by the phone", "said by the core"
each_pair = pytest.mark.parametrize("pair", PAIRS, ids="/".join)


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.log"


@pytest.fixture(scope="module")
def sections(key_file: Path) -> dict[str, str]:
    names = ", ".join(f'"{alg}/{ealg}"' for alg, ealg in PAIRS)
    return {"security": f"algorithms = [{names}]", "log": f'key_file = "{key_file}"'}


@pytest.fixture(scope="module", autouse=True)
def _no_fragments(pcscf: PcscfProcess) -> None:
    """They are put together elsewhere; here one frame is to be one packet."""
    lab = pcscf.lab
    for namespace, interfaces in (
        (lab.ue, ["gm"]),
        (lab.core, ["core"]),
        (lab.pcscf, ["gm", "core"]),
    ):
        namespace.ip(*(f"link set {interface} mtu 9000" for interface in interfaces))


def packets(capture: Capture) -> list[Packet]:
    frames = capture._packets
    capture.frames()
    return [
        packet(frame[14:], number, time)
        for number, (time, frame) in enumerate(frames, 1)
        if frame[12:14] in IP
    ]


def esp_of(capture: Capture) -> list[Packet]:
    found = [one for one in packets(capture) if one.protocol == ESP]
    assert found
    return found


def talk(site: Site, phone: Phone) -> None:
    assert phone.message(PEER, UP).status == 200
    assert site.core.request(phone.identity, body=DOWN.encode()).status == 200


def all_open(opener: Opener, sealed: list[Packet]) -> None:
    opened = [opener.open(one) for one in sealed]
    assert [one.fault for one in opened] == [None] * len(sealed)
    inside = b"".join(one.packet.payload for one in opened if one.packet)
    assert UP.encode() in inside
    assert DOWN.encode() in inside


def keys_of(path: Path) -> SaTable:
    table = SaTable()
    for sa in load_keys(str(path)).sas:
        table.add(sa)
    return table


@pytest.mark.parametrize("version", [4, 6])
@each_pair
def test_the_key_log_opens_a_capture(
    site: Site, key_file: Path, version: int, pair: tuple[str, str]
) -> None:
    phone = site.phone(version, offer=own(PLAIN, [pair]))
    with site.lab.ue.capture("gm") as capture:
        phone.register()
        talk(site, phone)
    all_open(Opener(keys_of(key_file)), esp_of(capture))


@each_pair
def test_so_does_what_ip_xfrm_state_prints(
    site: Site, tmp_path: Path, pair: tuple[str, str]
) -> None:
    phone = site.phone(offer=own(PLAIN, [pair]))
    with site.lab.ue.capture("gm") as capture:
        phone.register()
        talk(site, phone)
    for n, options in enumerate(([], ["-d"], ["-s"])):
        listed = tmp_path / str(n)
        listed.write_text(site.lab.pcscf.run("ip", *options, "xfrm", "state"))
        all_open(Opener(keys_of(listed)), esp_of(capture))


@pytest.mark.parametrize("version", [4, 6])
@each_pair
def test_and_so_do_both_sides_of_a_registration_without_any_file(
    site: Site, version: int, pair: tuple[str, str]
) -> None:
    phone = site.phone(version, offer=own(PLAIN, [pair]))
    with site.lab.pcscf.capture("gm") as gm, site.lab.pcscf.capture("core") as core:
        phone.register()
        talk(site, phone)
        phone.register()  # under the SAs of the first
        talk(site, phone)
    wildcards, table = Wildcards(), SaTable()
    keyring, opener = Keyring(table, wildcards), Opener(table, wildcards)
    faults = []
    for one in sorted([*packets(gm), *packets(core)], key=lambda each: each.time):
        datagram, sa = one, None
        if one.protocol == ESP:
            opened = opener.open(one)
            faults.append(opened.fault)
            assert opened.packet is not None
            datagram, sa = opened.packet, opened.sa
        if datagram.protocol == UDP:
            keyring.observe(sip_of(datagram, sa))
    assert faults == [None] * len(faults)
    assert [len(agreement.sas) for agreement in keyring.agreements] == [4, 4]
    assert {sa.user for sa in table} == {phone.subscription.impi}
    assert {(sa.suite.alg, sa.suite.ealg) for sa in table if sa.suite} == {pair}


def sip_of(datagram: Packet, sa: Sa | None) -> SipMessage:
    source, destination = (int.from_bytes(datagram.payload[n : n + 2], "big") for n in (0, 2))
    src, dst = Endpoint(datagram.src, source), Endpoint(datagram.dst, destination)
    return SipMessage(datagram.number, datagram.time, src, dst, "UDP", sa, datagram.payload[8:])


def test_the_log_warns_and_holds_no_key(site: Site, pcscf: PcscfProcess, key_file: Path) -> None:
    site.phone().register()
    assert f"keys_are_logged file={key_file}" in pcscf.log
    assert key_file.stat().st_mode & 0o777 == 0o600
    for line in key_file.read_text().splitlines():
        for key in line.split()[-2:]:
            assert key not in pcscf.log
