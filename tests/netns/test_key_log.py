"""What the P-CSCF logs of its keys, and what the kernel shows of them, opens a capture of Gm.

The third way needs neither: what was said on both sides of the P-CSCF.
"""

from pathlib import Path

import pytest

from pcscf.decode import Keys
from tests.demo.overheard import of_hosts, unread
from tests.netns.capture import Capture
from tests.netns.decoding import decoded, overhearing
from tests.netns.pcscf_process import PcscfProcess
from tests.netns.site import PEER, Site
from tests.netns.test_algorithms import PAIRS
from tests.peers.offers import PLAIN, own
from tests.peers.phone import Phone

pytestmark = pytest.mark.esp

UP, DOWN = "said by the phone", "said by the core"
each_pair = pytest.mark.parametrize("pair", PAIRS, ids="/".join)


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.log"


@pytest.fixture(scope="module")
def sections(key_file: Path) -> dict[str, str]:
    names = ", ".join(f'"{alg}/{ealg}"' for alg, ealg in PAIRS)
    return {"security": f"algorithms = [{names}]", "log": f'key_file = "{key_file}"'}


def talk(site: Site, phone: Phone) -> None:
    assert phone.message(PEER, UP).status == 200
    assert site.core.request(phone.identity, body=DOWN.encode()).status == 200


def opened(capture: Capture, keys: Path, phone: Phone) -> None:
    """All that a phone said is read with the keys of this file, and all that it heard."""
    reading = decoded(capture, keys=Keys(files=(str(keys),)))
    assert unread(reading, [phone.address]) == []
    carriers = [sa for sa in reading.carriers if phone.address in (sa.src, sa.dst)]
    assert {sa.origin for sa in carriers} == {str(keys)}
    inside = [one.data for one in of_hosts(reading, [phone.address]) if one.sa]
    assert sum(data.endswith(said.encode()) for data in inside for said in (UP, DOWN)) == 2


@pytest.mark.parametrize("version", [4, 6])
@each_pair
def test_the_key_log_opens_a_capture(
    site: Site, key_file: Path, version: int, pair: tuple[str, str]
) -> None:
    phone = site.phone(version, offer=own(PLAIN, [pair]))
    with site.lab.ue.capture("gm") as capture:
        phone.register()
        talk(site, phone)
    opened(capture, key_file, phone)


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
        opened(capture, listed, phone)


@pytest.mark.parametrize("version", [4, 6])
@each_pair
def test_and_so_do_both_sides_of_a_registration_without_any_file(
    site: Site, version: int, pair: tuple[str, str]
) -> None:
    with overhearing(site) as heard:
        phone = site.phone(version, offer=own(PLAIN, [pair]))
        phone.register()
        talk(site, phone)
        phone.register()  # under the SAs of the first
        talk(site, phone)
    reading = heard.assert_all_read()
    mine = [sa for sa in reading.sas if phone.address in (sa.src, sa.dst)]
    assert len(mine) == 8
    assert {sa.user for sa in mine} == {phone.subscription.impi}
    assert {(sa.suite.alg, sa.suite.ealg) for sa in mine if sa.suite} == {pair}


def test_the_log_warns_and_holds_no_key(site: Site, pcscf: PcscfProcess, key_file: Path) -> None:
    site.phone().register()
    assert f"keys_are_logged file={key_file}" in pcscf.log
    assert key_file.stat().st_mode & 0o777 == 0o600
    for line in key_file.read_text().splitlines():
        for key in line.split()[-2:]:
            assert key not in pcscf.log
