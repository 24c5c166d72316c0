"""What phones offer in the clear, what is chosen from it, and what is refused.

RFC 3329 and TS 33.203 7.2 with Annex H.
"""

from pathlib import Path

import pytest

from tests.netns.lab import Lab
from tests.netns.pcscf_process import config, running
from tests.netns.site import Site, every_way, open_site
from tests.peers import offers
from tests.peers.offers import PLAIN, Offer, read
from tests.peers.peer import Received
from tests.peers.phone import Phone
from tests.peers.sas import Numbers
from tests.peers.text import parameters

pytestmark = pytest.mark.esp

Names = tuple[str | None, str]

SHA1_AES: Names = ("hmac(sha1)", "cbc(aes)")
SHA1_NULL: Names = ("hmac(sha1)", "ecb(cipher_null)")
GCM: Names = (None, "rfc4106(gcm(aes))")
GMAC: Names = (None, "rfc4543(gcm(aes))")
DEFAULT = {  # config/pcscf.toml, security.algorithms
    ("hmac-sha-1-96", "aes-cbc"),
    ("null", "aes-gcm"),
    ("aes-gmac", "null"),
    ("hmac-sha-1-96", "null"),
}


def algorithms(site: Site, phone: Phone) -> set[tuple[str | None, str | None]]:
    return {(state.auth, state.enc) for state in site.states(phone)}


# --- read as phones write it


def spelled(template: str, alg: str = "hmac-sha-1-96") -> Offer:
    return offers.own(template, [(alg, "aes-cbc")])


def surrounded(offer: Offer) -> Offer:
    """Other mechanisms on lines and among entries of their own (RFC 3329 2.2)."""
    return lambda numbers: [
        "tls;q=0.9, ipsec-ike",
        f"digest;d-alg=md5;d-qop=auth , {offer(numbers)[0]}, sdes-srtp;mediasec",
        "ipsec-man;q=0.1",
    ]


def twice(offer: Offer) -> Offer:
    return lambda numbers: [f"{offer(numbers)[0]},{offer(numbers)[0]}", *offer(numbers)]


def beside(entry: str, offer: Offer) -> Offer:
    """One more entry in front, with the numbers of the others."""
    return lambda numbers: [*spelled(entry)(numbers), *offer(numbers)]


WITHOUT_EALG = PLAIN.replace("ealg={ealg}; ", "")
BLANKS = PLAIN.replace("; ", " ;\t ").replace("=", " = ").replace("ipsec-3gpp", " ipsec-3gpp ")
FOLDED = PLAIN.replace("; ", ";\r\n  ")
MIXED_CASE = (
    "IPSec-3GPP; Alg={alg}; EAlg=AES-CBC; Prot=ESP; MOD=Trans; "
    "SPI-C={spi_c}; Spi-S={spi_s}; Port-C={port_c}; PORT-S={port_s}"
)
PADDED = PLAIN.replace("{spi_c}", "{spi_c:010d}").replace("{spi_s}", "{spi_s:010d}")


@pytest.mark.parametrize(
    ("offer", "chosen"),
    [
        pytest.param(offers.samsung, SHA1_AES, id="samsung"),
        pytest.param(offers.xiaomi, SHA1_AES, id="xiaomi"),
        # Null stands first in its offer: the operator's order decides.
        pytest.param(offers.nokia, SHA1_AES, id="nokia"),
        pytest.param(offers.null_only, SHA1_NULL, id="null-only"),
        pytest.param(offers.gcm, GCM, id="gcm"),
        pytest.param(offers.several_lines(offers.samsung), SHA1_AES, id="several-lines"),
        pytest.param(offers.with_media_security(offers.xiaomi), SHA1_AES, id="media-security"),
        pytest.param(surrounded(offers.samsung), SHA1_AES, id="other-mechanisms"),
        pytest.param(twice(offers.samsung), SHA1_AES, id="duplicates"),
        pytest.param(spelled(BLANKS), SHA1_AES, id="blanks"),
        pytest.param(spelled(FOLDED), SHA1_AES, id="folded"),
        pytest.param(spelled(MIXED_CASE, "HMAC-SHA-1-96"), SHA1_AES, id="mixed-case"),
        pytest.param(spelled(PLAIN + "; q=0.1; x=y"), SHA1_AES, id="q-and-unknown-parameter"),
        pytest.param(spelled(WITHOUT_EALG), SHA1_NULL, id="no-ealg"),
        pytest.param(spelled(WITHOUT_EALG, "aes-gmac"), GMAC, id="gmac-without-ealg"),
        pytest.param(
            beside(PLAIN.replace("esp", "ah"), offers.null_only), SHA1_NULL, id="beside-ah"
        ),
        pytest.param(
            beside(PLAIN.replace("trans", "UDP-enc-tun"), offers.null_only),
            SHA1_NULL,
            id="beside-udp-enc-tun",
        ),
        pytest.param(
            beside(PLAIN.replace("{spi_c}", "0"), offers.null_only), SHA1_NULL, id="beside-spi-0"
        ),
    ],
)
def test_phones_of_several_vendors_register(site: Site, offer: Offer, chosen: Names) -> None:
    phone = site.phone(offer=offer)
    phone.register()
    assert algorithms(site, phone) == {chosen}
    site.talks(phone)


@pytest.mark.parametrize("template", [PLAIN, PADDED], ids=["unpadded", "padded"])
@pytest.mark.parametrize(
    "numbers",
    [Numbers(256, 2**32 - 1, 1024, 65535), Numbers(99_999, 300, 65535, 1024)],
    ids=lambda numbers: "-".join(map(str, numbers)),
)
def test_numbers_at_the_edges_of_their_ranges(site: Site, template: str, numbers: Numbers) -> None:
    phone = site.phone(offer=spelled(template))
    phone.register(numbers=numbers)
    outbound = [state for state in site.states(phone) if state.dst == phone.address]
    assert {state.spi for state in outbound} == {numbers.spi_c, numbers.spi_s}
    site.talks(phone)


# --- what is chosen, and the list that says so


def test_another_order_of_the_operator_leads_to_another_choice(lab: Lab, tmp_path: Path) -> None:
    text = 'algorithms = ["hmac-sha-1-96/null", "hmac-sha-1-96/aes-cbc"]\n'
    security = text + "null_without_ealg = false"
    with running(lab, tmp_path, config(lab, security=security)) as process, open_site(lab) as site:
        phone = site.phone()
        phone.offer = spelled(WITHOUT_EALG)
        assert phone.sm1().status == 494  # what is left out stands for null: not here
        assert site.states() == []
        phone.offer = offers.samsung
        phone.register()
        assert algorithms(site, phone) == {SHA1_NULL}
        phone.assert_clean()
        assert process.stop() == 0
    assert (lab.pcscf.xfrm_states(), lab.pcscf.xfrm_policies()) == ([], [])


@pytest.mark.parametrize(
    ("offer", "first"),
    [
        (offers.nokia, ("hmac-sha-1-96", "aes-cbc")),
        (offers.null_only, ("hmac-sha-1-96", "null")),
        (offers.gcm, ("null", "aes-gcm")),
    ],
    ids=["nokia", "null-only", "gcm"],
)
def test_all_that_we_support_is_listed_and_the_choice_is_preferred(
    site: Site, offer: Offer, first: tuple[str, str]
) -> None:
    """Against bidding down, what the phone did not offer stands there too (TS 33.203 7.2)."""
    phone = site.phone(offer=offer)
    listed = read(phone.sm1().message.values("security-server"))
    assert sorted((one.alg, one.ealg) for one in listed) == sorted(DEFAULT)
    preferred = max(listed, key=lambda one: one.q)
    assert (preferred.alg, preferred.ealg) == first
    assert {(one.prot, one.mod) for one in listed} == {("esp", "trans")}
    assert len({one.numbers for one in listed}) == 1


# --- what is of no use

MALFORMED = {
    "no-spi-c": PLAIN.replace("spi-c={spi_c}; ", ""),
    "spi-s-x": PLAIN.replace("{spi_s}", "x"),
    "spi-c-0": PLAIN.replace("{spi_c}", "0"),
    "spi-c-reserved": PLAIN.replace("{spi_c}", "255"),
    "spi-s-too-large": PLAIN.replace("{spi_s}", "4294967296"),
    "spi-s-negative": PLAIN.replace("{spi_s}", "-1"),
    "spis-equal": PLAIN.replace("{spi_s}", "{spi_c}"),
    "no-port-s": PLAIN.replace("; port-s={port_s}", ""),
    "port-c-0": PLAIN.replace("{port_c}", "0"),
    "port-c-70000": PLAIN.replace("{port_c}", "70000"),
    "port-s-5060": PLAIN.replace("{port_s}", "5060"),
    "port-s-5061": PLAIN.replace("{port_s}", "5061"),
    "ah": PLAIN.replace("esp", "ah"),
    "tunnel": PLAIN.replace("trans", "tun"),
    "no-alg": PLAIN.replace("alg={alg}; ", "", 1),
    "alg-without-value": "ipsec-3gpp; alg",
    "no-mechanism": ";;=,",
    "unended-quote": 'ipsec-3gpp; alg="',
}
REFUSED = [
    pytest.param(offers.own(PLAIN, [("hmac-md5-96", "null")]), 494, id="not-enabled"),
    pytest.param(offers.own(PLAIN, [("hmac-sha-2-256", "aes-cbc")]), 494, id="unknown"),
    pytest.param(offers.own(PLAIN, [("hmac-sha-1-96", "aes-gcm")]), 494, id="no-such-pair"),
    pytest.param(lambda _: ["tls;q=0.2"], 494, id="no-ipsec-3gpp"),
    pytest.param(None, 421, id="no-offer"),
    *(pytest.param(spelled(text), 400, id=name) for name, text in MALFORMED.items()),
]


@pytest.mark.parametrize(("offer", "status"), REFUSED)
def test_an_offer_of_no_use_is_refused_in_clear(
    site: Site, offer: Offer | None, status: int
) -> None:
    refused_in_clear(site, site.phone(offer=offer), status)


@every_way
def test_a_phone_that_was_refused_may_try_again(site: Site, version: int, transport: str) -> None:
    phone = site.phone(version, transport=transport)
    good = phone.offer
    for bad, status in ((None, 421), (lambda _: ["tls"], 494), (lambda _: ["ipsec-3gpp"], 400)):
        phone.offer = bad
        refused_in_clear(site, phone, status)
    phone.offer = good
    phone.register()
    site.talks(phone)


def refused_in_clear(site: Site, phone: Phone, status: int) -> None:
    """See it answered there, no SA made, and nothing asked of the core."""
    policies = site.lab.pcscf.xfrm_policies()
    answer = phone.sm1()
    assert (answer.status, answer.origin.role) == (status, "clear")
    if status == 400:
        assert "security-server" not in answer.message
    else:
        assert supported(answer) == DEFAULT
        assert answer.message.header("require") == "sec-agree"
    assert site.states(phone) == []
    assert site.lab.pcscf.xfrm_policies() == policies
    impu = phone.subscription.impus[0]
    assert not [one for one in site.core.requests("REGISTER") if impu in one.message.header("to")]


def supported(answer: Received) -> set[tuple[str, str]]:
    """The pairs of a Security-Server that goes with no agreement: without SPIs and ports."""
    entries = [parameters(entry) for entry in answer.message.elements("security-server")]
    return {(one["alg"], one["ealg"]) for one in entries}
