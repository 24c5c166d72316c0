"""What the operator decides: who needs IPsec, next hops, instances; and start and end."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.lab import Lab, open_lab
from tests.netns.pcscf_process import config, running
from tests.netns.site import PEER, PORT, Site, open_site
from tests.peers.cleanliness import violations
from tests.peers.phone import Phone
from tests.peers.registrar import Behaviour
from tests.peers.sas import Numbers
from tests.peers.text import auth_parameters

pytestmark = pytest.mark.esp

PHONES = 8
OTHER_PORT, OTHER_PS = 5070, 6200


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[Lab]:
    with open_lab(phones=PHONES) as made:
        yield made


@pytest.fixture
def site(shared_lab: Lab) -> Iterator[Site]:
    """A core and phones; each test starts its own P-CSCF."""
    anyone = Behaviour(require_protected=False)  # or nobody could register in clear
    with open_site(shared_lab, anyone) as made:
        yield made
        assert made.states() == []  # whatever the test did, its P-CSCF has ended
        assert shared_lab.pcscf.xfrm_policies() == []


# --- who needs IPsec


def test_require_wants_an_agreement(site: Site, tmp_path: Path) -> None:
    with running(site.lab, tmp_path, config(site.lab, security='policy = "require"')):
        answer = site.phone(offer=None).sm1()
        assert answer.status == 421
        assert answer.message.header("require") == "sec-agree"
        assert answer.message.header("security-server").startswith("ipsec-3gpp")
        assert site.core.received == []
        _registers_with_ipsec(site, site.phone())


@pytest.mark.parametrize("version", [4, 6])
def test_prefer_takes_who_cannot_do_it_in_clear(site: Site, tmp_path: Path, version: int) -> None:
    with running(site.lab, tmp_path, config(site.lab, security='policy = "prefer"')):
        _registers_in_clear(site, site.phone(version, offer=None))
        _registers_with_ipsec(site, site.phone(version))


def test_off_ignores_offers(site: Site, tmp_path: Path) -> None:
    with running(site.lab, tmp_path, config(site.lab, security='policy = "off"')):
        _registers_in_clear(site, site.phone())
        _registers_in_clear(site, site.phone(offer=None))


def test_a_network_may_have_a_policy_of_its_own(site: Site, tmp_path: Path) -> None:
    first, second = site.phone(), site.phone()
    others = [site.phone(6, offer=None), site.phone(6, offer=None)]
    entries = [
        (f"{second.address}/32", "off"),
        (f"{others[0].address}/128", "prefer"),
        (f"{first.address}/31", "require"),
    ]
    networks = [f'{{ network = "{network}", policy = "{mode}" }}' for network, mode in entries]
    security = f'policy = "require"\nby_network = [{", ".join(networks)}]'
    with running(site.lab, tmp_path, config(site.lab, security=security)):
        _registers_in_clear(site, second)  # of two networks that hold it, the first counts
        _registers_in_clear(site, others[0])
        assert others[1].sm1().status == 421
        _registers_with_ipsec(site, first)


def _registers_in_clear(site: Site, phone: Phone) -> None:
    """The challenge comes without its keys, there are no SAs, and requests pass both ways."""
    before = site.states()
    challenge = phone.sm1()
    assert challenge.status == 401
    asked = auth_parameters(challenge.message.header("www-authenticate"))
    assert "nonce" in asked
    assert {"ck", "ik"}.isdisjoint(asked)
    assert "security-server" not in challenge.message
    phone.take_challenge(challenge)
    phone.install()
    phone.accept(phone.sm7())
    assert phone.current is None
    assert phone.message(PEER).status == 200
    assert site.core.request(phone.identity).status == 200
    assert phone.requests("MESSAGE")[-1].origin.role == "clear"
    assert site.states() == before
    assert all(line.endswith("came in clear") for line in violations(phone))


def _registers_with_ipsec(site: Site, phone: Phone) -> None:
    before = len(site.states())
    phone.register()
    assert phone.current
    assert phone.message(PEER).status == 200
    assert len(site.states()) == before + 4
    phone.assert_clean()


# --- the kernel refuses


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("taken", ["spi_c", "spi_s"])
def test_a_refused_install_leaves_nothing_behind(
    site: Site, tmp_path: Path, version: int, taken: str
) -> None:
    at = site.lab.addresses(version)
    numbers = Numbers(spi_c=1_000_001, spi_s=1_000_002, port_c=20_001, port_s=20_002)
    name = f"src {at.pcscf_gm} dst {at.ue} proto esp spi {getattr(numbers, taken)}"
    with _foreign_state(site.lab, name), running(site.lab, tmp_path, config(site.lab)):
        foreign = site.states()
        phone = site.phone(version)
        answer = phone.sm1(numbers=numbers)
        assert answer.status == 500
        assert "www-authenticate" not in answer.message
        assert site.states() == foreign
        _registers_with_ipsec(site, phone)  # with other numbers
        assert foreign[0] in site.states()


@contextlib.contextmanager
def _foreign_state(lab: Lab, name: str) -> Iterator[None]:
    keys = 'auth-trunc hmac(sha1) 0x0102030405060708090a0b0c0d0e0f1011121314 96 enc cipher_null ""'
    lab.pcscf.ip(f"xfrm state add {name} reqid 99 mode transport {keys}")
    try:
        yield
    finally:
        lab.pcscf.ip(f"xfrm state delete {name}")


# --- several instances


def other_instance(lab: Lab) -> str:
    """The same addresses, but ports and reqid of its own."""
    gm = f'port = {OTHER_PORT}\nport_ps = {OTHER_PS}\nports_pc = "6208-6223"'
    text = config(lab, gm=gm, security="reqid = 5070")
    return text.replace("port = 5060\nnext_hops", "port = 5090\nnext_hops")


def test_two_instances_do_not_disturb_each_other(site: Site, tmp_path: Path) -> None:
    lab = site.lab
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    with running(lab, one, config(lab)):
        policies = len(lab.pcscf.xfrm_policies())
        first, second = site.phone(), site.phone(port=OTHER_PORT)
        first.register()
        with running(lab, other, other_instance(lab)) as process:
            second.register()
            assert len(lab.pcscf.xfrm_policies()) == 2 * policies
            for phone in (first, second):
                assert phone.message(PEER).status == 200
                assert site.core.request(phone.identity).status == 200
            process.kill()
            process.start_again()
            assert {state.reqid for state in site.states()} == {5060}  # it swept its own
            second.restart()
            second.register()
        assert len(lab.pcscf.xfrm_policies()) == policies
        assert [state.reqid for state in site.states()] == [5060] * 4
        assert first.message(PEER).status == 200
        first.assert_clean()


def test_a_second_instance_by_mistake_ends_and_the_first_goes_on(
    site: Site, tmp_path: Path
) -> None:
    with running(site.lab, tmp_path, config(site.lab)):
        phone = site.phone()
        phone.register()
        before = {(state.dst, state.spi) for state in site.states()}
        again = site.lab.pcscf.popen(
            *(sys.executable, "-m", "pcscf", "run", "--config", str(tmp_path / "pcscf.toml")),
            stderr=subprocess.PIPE,
            text=True,
        )
        _, said = again.communicate(timeout=20)
        assert again.returncode == 1
        assert "is in use by another program" in said.splitlines()[-1]
        assert {(state.dst, state.spi) for state in site.states()} == before
        assert phone.message(PEER).status == 200


# --- next hops


def test_next_hops_are_tried_in_order(site: Site, tmp_path: Path) -> None:
    lab = site.lab
    silent = lab.core.socket((lab.v4.core, 5061))
    hops = (f"udp:{silent.getsockname()[0]}:5061", f"tcp:{lab.v4.core}:5062")
    text = config(
        lab, next_hops=(*hops, f"udp:{lab.v4.core}:{PORT}"), core="next_hop_timeout = 0.3"
    )
    with silent, running(lab, tmp_path, text):
        phone = site.phone()
        phone.register()
        for _ in ("SM1", "SM7"):
            assert silent.recv(65535).startswith(b"REGISTER ")  # the first one was asked
        assert len(site.core.requests("REGISTER")) == 2
        phone.assert_clean()


def test_without_a_next_hop_that_answers_the_phone_is_told(site: Site, tmp_path: Path) -> None:
    hops = (f"tcp:{site.lab.v4.core}:5062", f"tcp:{site.lab.v4.core}:5063")
    with running(site.lab, tmp_path, config(site.lab, next_hops=hops)):
        assert site.phone().sm1().status == 504
        assert site.states() == []


# --- start and end


def test_it_says_when_it_is_ready_and_leaves_nothing(site: Site, tmp_path: Path) -> None:
    with running(site.lab, tmp_path, config(site.lab)) as process:
        (line,) = [line for line in process.log.splitlines() if " ready " in line]
        assert "sas_swept=0" in line
        site.phone().register()
        challenged = site.phone(6)
        challenged.take_challenge(challenged.sm1())
        assert len(site.states()) == 8
        assert process.stop() == 0
        assert site.states() == []
        assert site.lab.pcscf.xfrm_policies() == []
        assert "Traceback" not in process.log
