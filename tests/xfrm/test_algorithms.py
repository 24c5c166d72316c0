import itertools

import pytest
from scapy.layers.ipsec import AUTH_ALGOS, CRYPT_ALGOS

from tests.vectors import load
from xfrm.algorithms import SUITES, TRANSFORMS, Suite, suite_named
from xfrm.model import AkaKeys

AKA = load("aka-digest")
KEYS = AkaKeys(bytes.fromhex(AKA["milenage"]["f3_ck"]), bytes.fromhex(AKA["milenage"]["f4_ik"]))


def expected_key(name: str) -> bytes:
    value = AKA["esp_keys"].get(name, "")
    return bytes.fromhex(value if isinstance(value, str) else value["key"] + value["salt"])


@pytest.mark.parametrize("row", TRANSFORMS, ids=lambda row: row.name)
def test_key_of_ck_and_ik(row):
    key = row.derive(KEYS)
    assert key == expected_key(row.name)
    assert len(key) == row.key_size


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_suite_keys_are_its_transforms_keys(suite):
    keys = suite.keys(KEYS)
    assert keys.crypt == expected_key(suite.crypt.name)
    assert keys.auth == (expected_key(suite.alg) if suite.combined is None else b"")


@pytest.mark.parametrize(
    ("alg", "ealg", "iv", "alignment", "icv"),
    [  # RFC 2404, 3602, 2451, 4106, 4543
        ("hmac-sha-1-96", "null", 0, 4, 12),
        ("hmac-sha-1-96", "aes-cbc", 16, 16, 12),
        ("hmac-md5-96", "des-ede3-cbc", 8, 8, 12),
        ("null", "aes-gcm", 8, 4, 16),
        ("aes-gmac", "null", 8, 4, 16),
    ],
)
def test_sizes(alg, ealg, iv, alignment, icv):
    suite = Suite(alg, ealg)
    assert (suite.iv_size, suite.alignment, suite.icv_size) == (iv, alignment, icv)


def test_only_md5_and_3des_are_legacy():
    assert [s.name for s in SUITES if not s.legacy] == [
        "hmac-sha-1-96/aes-cbc",
        "null/aes-gcm",
        "aes-gmac/null",
        "hmac-sha-1-96/null",
    ]


def test_every_valid_pair_of_names_is_a_suite():
    algs = [row.name for row in TRANSFORMS] + ["null"]
    pairs = {(a, e) for a, e in itertools.product(algs, algs) if suite_named(a, e)}
    assert pairs == {(s.alg, s.ealg) for s in SUITES}
    assert len(pairs) == 8


@pytest.mark.parametrize(
    ("alg", "ealg"),
    [
        ("null", "null"),  # neither integrity nor encryption
        ("hmac-sha-1-96", "aes-gcm"),
        ("aes-gmac", "aes-cbc"),
        ("aes-gcm", "null"),
        ("sha-256", "aes-cbc"),
    ],
)
def test_pairs_that_annex_h_does_not_allow(alg, ealg):
    assert suite_named(alg, ealg) is None
    with pytest.raises(ValueError, match="no such pair"):
        Suite(alg, ealg)


def test_lookup_folds_case():
    assert suite_named("HMAC-SHA-1-96", "AES-CBC") == Suite("hmac-sha-1-96", "aes-cbc")


def test_keys_are_never_printed():
    keys = Suite("hmac-sha-1-96", "aes-cbc").keys(KEYS)
    assert repr(keys) == "EspKeys()"


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_scapy_knows_its_names(suite):
    crypt, auth = suite.scapy
    assert crypt in CRYPT_ALGOS
    assert auth in AUTH_ALGOS


def test_wireshark_has_all_but_gmac():
    assert [s.name for s in SUITES if s.wireshark is None] == ["aes-gmac/null"]
    assert Suite("null", "aes-gcm").wireshark == ("AES-GCM with 16 octet ICV [RFC4106]", "NULL")
    assert Suite("hmac-md5-96", "des-ede3-cbc").wireshark == (
        "TripleDES-CBC [RFC2451]",
        "HMAC-MD5-96 [RFC2403]",
    )


def test_modules_are_named_once():
    assert Suite("hmac-sha-1-96", "aes-cbc").modules == (
        "authenc",
        "hmac",
        "sha1_generic",
        "cbc",
        "aes_generic",
        "echainiv",
    )
