"""What the operator decides: who needs IPsec, next hops, instances; and start and end."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.lab import Lab, open_lab
from tests.netns.pcscf_process import config, running
from tests.netns.site import PEER, PORT, WAYS, Site, came_under, open_site
from tests.peers.agreement import draw
from tests.peers.cleanliness import violations
from tests.peers.core import Core, Reaction
from tests.peers.phone import Phone
from tests.peers.registrar import Behaviour
from tests.peers.text import Address, auth_parameters
from tests.peers.wire import placed_in

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


def test_prefer_takes_who_cannot_do_it_in_clear(site: Site, tmp_path: Path) -> None:
    with running(site.lab, tmp_path, config(site.lab, security='policy = "prefer"')):
        for version, transport in WAYS:
            _registers_in_clear(site, site.phone(version, offer=None, transport=transport))
            _registers_with_ipsec(site, site.phone(version, transport=transport))


def test_off_ignores_offers(site: Site, tmp_path: Path) -> None:
    with running(site.lab, tmp_path, config(site.lab, security='policy = "off"')):
        for version, transport in WAYS:
            _registers_in_clear(site, site.phone(version, transport=transport))
            _registers_in_clear(site, site.phone(version, offer=None, transport=transport))


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
    before = _ids(site)
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
    assert _ids(site) == before
    assert all(line.endswith("came in clear") for line in violations(phone))


def _registers_with_ipsec(site: Site, phone: Phone) -> None:
    before = len(site.states())
    phone.register()
    assert phone.current
    assert phone.message(PEER).status == 200
    assert len(site.states()) == before + 4
    phone.assert_clean()


# --- the kernel refuses


@pytest.mark.parametrize("taken", ["spi_c", "spi_s"])
def test_a_refused_install_leaves_nothing_behind(site: Site, tmp_path: Path, taken: str) -> None:
    """Neither of an initial registration nor of a renewal; the 401 never leaves."""
    with running(site.lab, tmp_path, config(site.lab)):
        for version, transport in WAYS:
            phone = site.phone(version, transport=transport)
            _is_refused(site, phone, taken)
            _registers_with_ipsec(site, phone)  # with other numbers
            _is_refused(site, phone, taken)
            assert phone.message(PEER).status == 200


def _is_refused(site: Site, phone: Phone, taken: str) -> None:
    """Offer an SPI that another program has taken."""
    numbers = draw(phone.current.own if phone.current else None)
    name = f"src {phone.pcscf.host} dst {phone.address} proto esp spi {getattr(numbers, taken)}"
    with _foreign_state(site.lab, name):
        before = _ids(site)
        answer = phone.sm1(numbers=numbers)
        assert answer.status == 500
        assert came_under(phone, answer) is phone.current
        assert "www-authenticate" not in answer.message
        assert _ids(site) == before


def _ids(site: Site) -> set[tuple[str, int]]:
    return {(state.dst, state.spi) for state in site.states()}


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
        assert "are in use by pcscf (pid " in said.splitlines()[-1]
        assert {(state.dst, state.spi) for state in site.states()} == before
        assert phone.message(PEER).status == 200


# --- next hops


def test_next_hops_are_tried_in_order(shared_lab: Lab, tmp_path: Path) -> None:
    """One is silent, one has no part in this, one is not there, one serves, one is not needed.

    A phone that is registered stays with the one that serves it.
    """
    lab, factory = shared_lab, placed_in(shared_lab.core.entered)
    silent, spare = lab.core.socket((lab.v4.core, 5061)), lab.core.socket((lab.v4.core, 5064))
    hops = (
        *(f"udp:{lab.v4.core}:5061", f"udp:[{lab.v6.core}]:5062", f"tcp:{lab.v4.core}:5063"),
        *(f"tcp:[{lab.v6.core}]:{PORT}", f"udp:{lab.v4.core}:5064"),
    )
    text = config(lab, next_hops=hops, core="next_hop_timeout = 0.3")
    elsewhere = [480, 302]
    with silent, spare, running(lab, tmp_path, text), open_site(lab, version=6) as site:
        declines = Core(Address(lab.v6.core, 5062), [], socket_factory=factory, pump=site.pump)
        declines.next.extend(Reaction(status=status) for status in elsewhere)
        phone = site.phone()
        phone.register()
        site.core.next.append(Reaction(challenge=False))
        phone.register()
        for first, second, third in zip(
            [silent.recv(65535) for _ in elsewhere],
            declines.requests("REGISTER"),
            site.core.requests("REGISTER")[:2],
            strict=True,
        ):
            cseq = third.message.header("cseq")
            assert f"CSeq: {cseq}\r\n".encode() in first
            assert second.message.header("cseq") == cseq
            assert second.at < third.at
            assert third.origin.transport == "TCP"
        assert len(site.core.requests("REGISTER")) == 3
        assert len(declines.requests("REGISTER")) == 2
        for unasked in (silent, spare):
            unasked.setblocking(False)
            with pytest.raises(BlockingIOError):
                unasked.recv(65535)
        declines.close()
        phone.assert_clean()


def test_a_core_of_the_other_family_reaches_the_phone(shared_lab: Lab, tmp_path: Path) -> None:
    """Path has our address of that family, as Via has."""
    hops = (f"udp:[{shared_lab.v6.core}]:{PORT}",)
    with (
        running(shared_lab, tmp_path, config(shared_lab, next_hops=hops)),
        open_site(shared_lab, version=6) as site,
    ):
        phone = site.phone()
        phone.register()
        (path,) = site.core.requests("REGISTER")[-1].message.elements("path")
        assert f"@[{shared_lab.v6.pcscf_core}]:{PORT}" in path
        site.talks(phone)


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
