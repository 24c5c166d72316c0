import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcscf.errors import ParseError
from pcscf.sip.security import SecMechanism, format_ipsec_3gpp, format_q

AGREE = json.loads((Path(__file__).parents[1] / "vectors" / "aka-digest.json").read_text())[
    "sec_agree"
]
GOOD = "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1000;spi-s=1001;port-c=40001;port-s=40002"

# as different phones write the same offer
SAMSUNG = ",".join(
    f"ipsec-3gpp;alg={alg};ealg={ealg};spi-c=4096;spi-s=4097;port-c=40001;port-s=40002"
    for alg in ("hmac-md5-96", "hmac-sha-1-96")
    for ealg in ("des-ede3-cbc", "aes-cbc", "null")
)
XIAOMI = (
    "ipsec-3gpp; alg=hmac-md5-96; ealg=aes-cbc; spi-c=1; spi-s=0000004097; port-c=1; port-s=2 ,"
    " ipsec-3gpp ; alg = HMAC-SHA-1-96 ; EALG=Null; Spi-C=4096; spi-s=4097; port-c=1; port-s=2"
)
NOKIA = "ipsec-3gpp;ealg=null;prot=esp;mod=trans;port-s=5062;port-c=5063;spi-s=300;spi-c=301;alg=x"


def one(text: str) -> SecMechanism:
    (entry,) = SecMechanism.parse_many([text])
    return entry


def test_offer_of_the_vectors() -> None:
    entry = one(AGREE["security_client"])
    assert entry.name == "ipsec-3gpp"
    assert (entry.alg, entry.ealg, entry.prot, entry.mod) == (
        "hmac-sha-1-96", "aes-cbc", "esp", "trans",
    )  # fmt: skip
    assert (entry.spi_c, entry.spi_s) == (AGREE["spi_uc"], AGREE["spi_us"])
    assert (entry.port_c, entry.port_s) == (AGREE["port_uc"], AGREE["port_us"])
    assert entry.q is None
    assert entry.problem is None
    assert one(AGREE["security_server"]).q == 0.5


def test_formats_like_the_vectors() -> None:
    printed = format_ipsec_3gpp(
        0.5, "hmac-sha-1-96", "aes-cbc", AGREE["spi_pc"], AGREE["spi_ps"], AGREE["port_pc"],
        AGREE["port_ps"],
    )  # fmt: skip
    assert printed == AGREE["security_server"]
    assert "q=" not in format_ipsec_3gpp(None, "a", "null", 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("q", "text"), [(1.0, "1"), (0.0, "0"), (0.1, "0.1"), (0.125, "0.125"), (1 / 3, "0.333")]
)
def test_format_q(q: float, text: str) -> None:
    assert format_q(q) == text


def test_what_phones_send() -> None:
    entries = SecMechanism.parse_many([SAMSUNG])
    assert len(entries) == 6
    assert all(entry.problem is None for entry in entries)
    assert entries[0].prot == "esp"
    first, second = SecMechanism.parse_many([XIAOMI])
    assert first.spi_s == second.spi_s == 4097
    assert (second.alg, second.ealg, second.spi_c) == ("hmac-sha-1-96", "null", 4096)
    assert first.problem == "spi-c missing or not an SPI"
    assert one(NOKIA).problem is None


def test_other_mechanisms_stand_beside() -> None:
    values = ["tls;q=0.2, digest;d-alg=md5", f"sdes-srtp;mediasec, {GOOD}", GOOD]
    entries = SecMechanism.parse_many(values)
    assert [entry.name for entry in entries] == [
        "tls", "digest", "sdes-srtp", "ipsec-3gpp", "ipsec-3gpp",
    ]  # fmt: skip
    assert [entry.problem for entry in entries] == ["not ipsec-3gpp"] * 3 + [None, None]
    assert "mediasec" in entries[2].params
    assert entries[0].q == 0.2
    assert str(entries[0]) == "tls;q=0.2"


@pytest.mark.parametrize(
    "text", [";alg=x", "=", 'ipsec-3gpp;alg="x', "ipsec-3gpp;;", "ipsec-3gpp alg=x", "a b", "<x>"]
)
def test_bad_syntax_is_refused(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        SecMechanism.parse_many([GOOD, text])
    assert caught.value.status == 400


def test_no_entries() -> None:
    assert SecMechanism.parse_many(["", " , "]) == []


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("alg=hmac-sha-1-96", "ealg=null", "alg"),
        ("alg=hmac-sha-1-96", "alg=", "alg"),
        ("port-c", "prot=ah;port-c", "prot"),
        ("port-c", "mod=tun;port-c", "mod"),
        ("port-c", "mod=UDP-enc-tun;port-c", "mod"),
        ("spi-c=1000", "spi-c=0", "spi-c"),
        ("spi-c=1000", "spi-c=255", "spi-c"),
        ("spi-c=1000", "spi-c=4294967296", "spi-c"),
        ("spi-c=1000", "spi-c=-1", "spi-c"),
        ("spi-c=1000", "spi-c=0x400", "spi-c"),
        ("spi-c=1000", "spi-c", "spi-c"),
        ("spi-c=1000;", "", "spi-c"),
        ("spi-s=1001", "spi-s=" + "9" * 5000, "spi-s"),
        ("spi-s=1001", "spi-s=1000", "spi-c and spi-s"),
        ("port-c=40001", "port-c=0", "port-c"),
        ("port-c=40001", "port-c=5060", "port-c"),
        ("port-s=40002", "port-s=5061", "port-s"),
        ("port-s=40002", "port-s=65536", "port-s"),
        ("port-s=40002", "port-s=a", "port-s"),
        (";port-s=40002", "", "port-s"),
    ],
)
def test_problem_says_what_is_wrong(old: str, new: str, word: str) -> None:
    assert one(GOOD).problem is None
    assert word in (one(GOOD.replace(old, new)).problem or "")


@pytest.mark.parametrize("spi", [256, 2**32 - 1])
def test_the_spi_limits_themselves_are_fine(spi: int) -> None:
    assert one(GOOD.replace("spi-c=1000", f"spi-c={spi:010}")).problem is None


@pytest.mark.parametrize("q", ["2", "1.1", "-0.1", "x", "", "nan", "1e0"])
def test_a_bad_q_is_none(q: str) -> None:
    assert one(f"tls;q={q}").q is None


# comparison


@given(
    st.permutations(AGREE["security_server"].split("; ")[1:]), st.sampled_from(["; ", ";\t", ";"])
)
def test_order_blanks_and_case_do_not_count(params: list[str], separator: str) -> None:
    text = separator.join(["IPSEC-3gpp", *params]).replace("aes-cbc", "AES-CBC")
    text = text.replace("q=0.5", "q=0.500").replace("port-c=", "port-c=0")
    assert one(text).key == one(AGREE["security_server"]).key


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("q=0.5; ", ""),
        ("q=0.5", "q=0.51"),
        ("aes-cbc", "null"),
        ("6101", "6102"),
        ("; mod=trans", ""),
        ("port-s", "x=1; port-s"),
        ("ipsec-3gpp", "tls"),
    ],
)
def test_any_other_difference_counts(old: str, new: str) -> None:
    server = AGREE["security_server"]
    assert one(server.replace(old, new)).key != one(server).key
