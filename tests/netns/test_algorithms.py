"""Every pair of algorithms between a phone and the real P-CSCF."""

from pathlib import Path

import pytest

from tests.netns.pcscf_process import config, running
from tests.netns.site import PEER, Site
from tests.peers.offers import PLAIN, own

pytestmark = [pytest.mark.esp, pytest.mark.usefixtures("overheard")]

# In the operator's order, with what the kernel calls them: alg, ealg, auth, enc.
ALGORITHMS = [
    ("null", "aes-gcm", None, "rfc4106(gcm(aes))"),
    ("hmac-sha-1-96", "aes-cbc", "hmac(sha1)", "cbc(aes)"),
    ("aes-gmac", "null", None, "rfc4543(gcm(aes))"),
    ("hmac-sha-1-96", "null", "hmac(sha1)", "ecb(cipher_null)"),
    ("hmac-sha-1-96", "des-ede3-cbc", "hmac(sha1)", "cbc(des3_ede)"),
    ("hmac-md5-96", "aes-cbc", "hmac(md5)", "cbc(aes)"),
    ("hmac-md5-96", "des-ede3-cbc", "hmac(md5)", "cbc(des3_ede)"),
    ("hmac-md5-96", "null", "hmac(md5)", "ecb(cipher_null)"),
]
PAIRS = [(alg, ealg) for alg, ealg, _, _ in ALGORITHMS]
LEGACY = PAIRS[4:]
SECRET = "nobody else may read this"


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """A P-CSCF with every pair turned on."""
    names = ", ".join(f'"{alg}/{ealg}"' for alg, ealg in PAIRS)
    return {"security": f"algorithms = [{names}]"}


@pytest.fixture
def site(shared_site: Site) -> Site:
    """Phones stay to the end: the last packets of one that goes would count in the next test."""
    return shared_site


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("names", ALGORITHMS, ids=lambda names: "/".join(names[:2]))
def test_each_pair_registers_and_carries_requests_both_ways(
    site: Site, version: int, names: tuple[str, str, str | None, str]
) -> None:
    alg, ealg, auth, enc = names
    lab, phone = site.lab, site.phone(version, offer=own(PLAIN, [(alg, ealg)]))
    errors = lab.pcscf.xfrm_errors(), lab.ue.xfrm_errors()
    phone.register()
    assert [(state.auth, state.enc) for state in site.states(phone)] == [(auth, enc)] * 4
    with lab.ue.capture("gm") as capture:
        for transport in ("UDP", "TCP"):
            assert phone.message(PEER, SECRET, transport=transport).status == 200
        assert site.core.request(phone.identity, body=SECRET.encode()).status == 200
    readable = any(SECRET.encode() in frame for frame in capture.frames())
    assert readable is (ealg == "null")  # integrity alone hides nothing
    assert (lab.pcscf.xfrm_errors(), lab.ue.xfrm_errors()) == errors
    phone.assert_clean()


def test_the_operators_order_counts_not_the_phones(site: Site) -> None:
    phone = site.phone(offer=own(PLAIN, reversed(PAIRS)))
    phone.register()
    assert phone.current
    assert phone.current.chosen
    assert (phone.current.chosen.alg, phone.current.chosen.ealg) == PAIRS[0]


def test_legacy_pairs_are_off_unless_named(site: Site, tmp_path: Path) -> None:
    phone = site.phone(offer=own(PLAIN, LEGACY), port=5070)
    gm = 'port = 5070\nport_ps = 6200\nports_pc = "6208-6223"'
    beside = config(site.lab, gm=gm, security="reqid = 5070").replace("port = 5060", "port = 5090")
    with running(site.lab, tmp_path, beside):
        answer = phone.sm1()
    assert answer.status == 494
    listed = answer.message.header("security-server")
    assert "aes-cbc" in listed
    assert "md5" not in listed
    assert "des-ede3" not in listed
