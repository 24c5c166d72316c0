"""Keys against the vectors, and the lines given to ``ip``."""

import json
from pathlib import Path

import pytest

from tests.peers.sas import (
    IpXfrm,
    NoSas,
    Numbers,
    PhoneSas,
    hops,
    install_lines,
    remove_lines,
    transform,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "aka-digest.json").read_text("utf-8"))
CK = bytes.fromhex(VECTORS["milenage"]["f3_ck"])
IK = bytes.fromhex(VECTORS["milenage"]["f4_ik"])
KEYS = VECTORS["esp_keys"]
OWN = Numbers(1234567801, 1234567802, 40001, 40002)
PEER = Numbers(3456789001, 3456789002, 6101, 6100)
SAS = PhoneSas("192.0.2.10", "198.51.100.5", "hmac-sha-1-96", "aes-cbc", OWN, PEER, CK, IK)


@pytest.mark.parametrize("alg", ["hmac-sha-1-96", "hmac-md5-96"])
@pytest.mark.parametrize("ealg", ["aes-cbc", "des-ede3-cbc"])
def test_keys_of_separate_algorithms(alg, ealg):
    words = transform(alg, ealg, CK, IK).split()
    assert words[2] == f"0x{KEYS[alg]}"
    assert words[3] == "96"
    assert words[6] == f"0x{KEYS[ealg]}"


def test_null_encryption_has_no_key():
    assert transform("hmac-md5-96", "null", CK, IK).endswith('enc ecb(cipher_null) ""')


@pytest.mark.parametrize(
    ("alg", "ealg", "name"), [("null", "aes-gcm", "aes-gcm"), ("aes-gmac", "null", "aes-gmac")]
)
def test_keys_of_combined_algorithms(alg, ealg, name):
    words = transform(alg, ealg, CK, IK).split()
    assert words[2] == f"0x{KEYS[name]['key']}{KEYS[name]['salt']}"
    assert words[3] == "128"


def test_unknown_algorithm():
    with pytest.raises(KeyError):
        transform("hmac-sha-1-96", "rot13", CK, IK)


def test_four_hops_of_ts_33_203():
    # As the table of section 7.1: uc to ps under spi_ps, and so on.
    assert [tuple(hop) for hop in hops(SAS)] == [
        (True, PEER.spi_s, OWN.port_c, PEER.port_s),
        (False, OWN.spi_c, OWN.port_c, PEER.port_s),
        (False, OWN.spi_s, OWN.port_s, PEER.port_c),
        (True, PEER.spi_c, OWN.port_s, PEER.port_c),
    ]


def test_first_state_and_policy():
    state, policy = install_lines(SAS)[:2]
    selector = "src 192.0.2.10 dst 198.51.100.5 sport 40001 dport 6100"
    assert state.startswith(
        "xfrm state add src 192.0.2.10 dst 198.51.100.5 proto esp spi 3456789002 mode transport"
    )
    assert state.endswith(f"sel {selector}")
    assert policy.startswith(f"xfrm policy add {selector} dir out")
    assert policy.endswith("tmpl proto esp mode transport reqid 33203")


def test_removal_names_what_was_installed():
    added = [line.split(" dir ")[0] for line in install_lines(SAS) if "policy" in line]
    removed = [line.split(" dir ")[0] for line in remove_lines(SAS) if "policy" in line]
    assert [line.replace("add", "delete") for line in added] == removed


def test_guards_stay_while_a_port_is_used(monkeypatch):
    runs: list[list[str]] = []
    xfrm = IpXfrm("ue")
    monkeypatch.setattr(xfrm, "_run", runs.append)
    second = PhoneSas(
        "192.0.2.10",
        "198.51.100.5",
        "hmac-sha-1-96",
        "null",
        Numbers(1, 2, 40003, 40002),
        Numbers(3, 4, 6102, 6100),
        CK,
        IK,
    )
    xfrm.install(SAS)
    xfrm.install(second)
    xfrm.remove(SAS)
    xfrm.remove(second)

    def guarded(lines: list[str]) -> set[str]:
        return {line.split("port ")[1].split()[0] for line in lines if "/0" in line}

    assert [guarded(lines) for lines in runs] == [
        {"40001", "40002"},
        {"40003"},
        {"40001"},
        {"40002", "40003"},
    ]


def test_refusal_is_raised_without_keys():
    with pytest.raises(RuntimeError, match="refused") as error:
        IpXfrm("no-such-namespace").install(SAS)
    assert CK.hex() not in str(error.value)


def test_nothing_secret_is_printed():
    assert repr(CK) not in repr(SAS)
    assert repr(IK) not in repr(SAS)


def test_fake_installer_remembers():
    fake = NoSas()
    fake.install(SAS)
    assert fake.installed == [SAS]
    fake.remove(SAS)
    assert fake.installed == []
