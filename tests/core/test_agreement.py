import pytest

from pcscf.core.agreement import (
    Offer,
    read_offer,
    same_list,
    security_server,
    supported,
)
from pcscf.errors import SipError
from pcscf.sip.security import SecMechanism
from tests.core.stage import AES, GM, LEGACY, NULL, UE
from xfrm.algorithms import Suite
from xfrm.model import SaSet

NUMBERS = "spi-c=1111; spi-s=2222; port-c=40001; port-s=40002"
MD5_NULL = Suite("hmac-md5-96", "null")
MD5_AES = Suite("hmac-md5-96", "aes-cbc")
SHA_3DES = Suite("hmac-sha-1-96", "des-ede3-cbc")

# Six entries with equal numbers, as one vendor sends them.
SAMSUNG = ", ".join(
    f"ipsec-3gpp;alg={alg};ealg={ealg};spi-c=1111;spi-s=2222;port-c=40001;port-s=40002"
    for alg in ("hmac-md5-96", "hmac-sha-1-96")
    for ealg in ("des-ede3-cbc", "aes-cbc", "null")
)
# Blanks wherever the grammar lets them be, no prot and no mod.
XIAOMI = ", ".join(
    f"ipsec-3gpp ; alg = {alg} ; ealg = {ealg} ; spi-c = 1111 ; spi-s = 2222 ; "
    "port-c = 40001 ; port-s = 40002"
    for alg in ("hmac-sha-1-96", "hmac-md5-96")
    for ealg in ("aes-cbc", "des-ede3-cbc", "null")
)
NOKIA = (
    "ipsec-3gpp;ealg=null;port-s=40002;port-c=40001;spi-s=2222;spi-c=1111;mod=trans;prot=esp;"
    "alg=hmac-sha-1-96,ipsec-3gpp;ealg=aes-cbc;port-s=40002;port-c=40001;spi-s=2222;spi-c=1111;"
    "mod=trans;prot=esp;alg=hmac-sha-1-96"
)


def chosen(*lines: str, suites: tuple[Suite, ...] = (AES, NULL), null: bool = True) -> Offer | None:
    return read_offer(lines, suites, null_without_ealg=null)


@pytest.mark.parametrize("value", [SAMSUNG, XIAOMI, NOKIA])
@pytest.mark.parametrize("suites", [(AES, NULL), (NULL, AES)])
def test_the_operators_order_decides_not_the_phones(value: str, suites: tuple[Suite, ...]) -> None:
    offer = chosen(value, suites=suites)
    assert offer is not None
    assert offer.suite == suites[0]
    numbers = (offer.spi_uc, offer.spi_us, offer.port_uc, offer.port_us)
    assert numbers == (1111, 2222, 40001, 40002)


@pytest.mark.parametrize(
    "suite", [AES, NULL, LEGACY, MD5_NULL, MD5_AES, SHA_3DES], ids=lambda suite: suite.name
)
def test_any_of_six_entries_can_be_chosen(suite: Suite) -> None:
    for value in (SAMSUNG, XIAOMI):
        offer = chosen(value, suites=(Suite("null", "aes-gcm"), suite))
        assert offer is not None
        assert offer.suite == suite


def test_q_of_the_phone_does_not_decide() -> None:
    offer = chosen(
        f"ipsec-3gpp; q=0.1; alg=hmac-sha-1-96; ealg=aes-cbc; {NUMBERS}, "
        f"ipsec-3gpp; q=0.9; alg=hmac-sha-1-96; ealg=null; {NUMBERS}"
    )
    assert offer is not None
    assert offer.suite == AES


def test_every_line_counts() -> None:
    one = f"ipsec-3gpp; alg=hmac-sha-1-96; ealg=null; {NUMBERS}"
    other = f"ipsec-3gpp; alg=hmac-sha-1-96; ealg=aes-cbc; {NUMBERS}"
    offer = chosen("tls; q=0.3", one, f"digest, {other}")
    assert offer is not None
    assert offer.suite == AES


@pytest.mark.parametrize(
    "value",
    [
        f"IPsec-3GPP; ALG=HMAC-SHA-1-96; Ealg=AES-CBC; Prot=ESP; Mod=Trans; {NUMBERS.upper()}",
        f"ipsec-3gpp;alg=hmac-sha-1-96;ealg=aes-cbc;{NUMBERS.replace(' ', '')}",
        f"ipsec-3gpp\t;\talg =\thmac-sha-1-96 ;ealg= aes-cbc; {NUMBERS}",
        "ipsec-3gpp; alg=hmac-sha-1-96; ealg=aes-cbc; "
        "spi-c=0000001111; spi-s=0000002222; port-c=40001; port-s=40002",
        f"ipsec-3gpp; alg=hmac-sha-1-96; ealg=aes-cbc; vendor=x; {NUMBERS}; flag",
    ],
    ids=["case", "no blanks", "tabs", "padded", "unknown parameters"],
)
def test_spelling_does_not_matter(value: str) -> None:
    offer = chosen(value)
    assert offer is not None
    assert (offer.suite, offer.spi_uc, offer.port_us) == (AES, 1111, 40002)


def test_of_entries_for_the_same_suite_the_first_counts() -> None:
    entry = "ipsec-3gpp; alg=hmac-sha-1-96; ealg=aes-cbc"
    offer = chosen(f"{entry}; {NUMBERS}, {entry}; spi-c=901; spi-s=902; port-c=7; port-s=6")
    assert offer is not None
    assert offer.spi_uc == 1111


def test_without_ealg_it_is_null_or_nothing() -> None:
    value = f"ipsec-3gpp; alg=hmac-sha-1-96; {NUMBERS}"
    offer = chosen(value)
    assert offer is not None
    assert offer.suite == NULL
    with pytest.raises(SipError) as refused:
        chosen(value, null=False)
    assert refused.value.status == 494


def test_null_that_is_spelled_out_is_an_offer_in_any_case() -> None:
    offer = chosen(f"ipsec-3gpp; alg=hmac-sha-1-96; ealg=null; {NUMBERS}", null=False)
    assert offer is not None
    assert offer.suite == NULL


def test_other_mechanisms_alone_are_no_offer() -> None:
    assert chosen() is None
    assert chosen("tls, digest;d-alg=MD5", "sdes-srtp;mediasec") is None


@pytest.mark.parametrize(
    "value",
    [
        "ipsec-3gpp; ealg=aes-cbc; " + NUMBERS,
        "ipsec-3gpp; alg=hmac-sha-1-96; prot=ah; " + NUMBERS,
        "ipsec-3gpp; alg=hmac-sha-1-96; mod=tun; " + NUMBERS,
        "ipsec-3gpp; alg=hmac-sha-1-96; mod=UDP-enc-tun; " + NUMBERS,
        *(
            "ipsec-3gpp; alg=hmac-sha-1-96; ealg=aes-cbc; " + NUMBERS.replace(was, now)
            for was, now in (
                ("spi-c=1111", "spi-c=0"),
                ("spi-c=1111", "spi-c=255"),
                ("spi-c=1111", "spi-c=4294967296"),
                ("spi-c=1111", "spi-c=-5"),
                ("spi-c=1111", "spi-c=0x457"),
                ("spi-c=1111", "spi-c"),
                ("spi-c=1111; ", ""),
                ("spi-s=2222", "spi-s=1111"),
                ("port-c=40001", "port-c=5060"),
                ("port-c=40001", "port-c=0"),
                ("port-c=40001", "port-c=65536"),
                ("port-s=40002", "port-s=5061"),
                ("; port-s=40002", ""),
            )
        ),
    ],
)
def test_an_entry_that_no_sa_can_be_made_of_is_refused(value: str) -> None:
    with pytest.raises(SipError) as refused:
        chosen(value)
    assert refused.value.status == 400


@pytest.mark.parametrize("value", ["ipsec-3gpp; alg==x", ";;", 'ipsec-3gpp; alg="open', "=,="])
def test_a_list_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(SipError) as refused:
        chosen(value)
    assert refused.value.status == 400


def test_a_broken_entry_beside_a_good_one_is_passed_over() -> None:
    offer = chosen(f"ipsec-3gpp; alg=hmac-sha-1-96, {NOKIA}")
    assert offer is not None
    assert offer.suite == AES


def test_nothing_in_common_is_494() -> None:
    with pytest.raises(SipError) as refused:
        chosen(SAMSUNG, suites=(Suite("aes-gmac", "null"),))
    assert refused.value.status == 494


# --- Security-Server and what mirrors it ---

SA_SET = SaSet(UE, GM, NULL, 1111, 2222, 3333, 4444, 40001, 40002, 6112, 6100)


def test_security_server_lists_all_with_the_chosen_one_first() -> None:
    """TS 33.203 7.2 and annex H: same numbers in all, no two q alike."""
    listed = SecMechanism.parse_many([security_server(SA_SET, (AES, NULL, LEGACY))])
    assert [(m.alg, m.ealg) for m in listed] == [
        (suite.alg, suite.ealg) for suite in (NULL, AES, LEGACY)
    ]
    assert {(m.spi_c, m.spi_s, m.port_c, m.port_s) for m in listed} == {(3333, 4444, 6112, 6100)}
    qs = [m.q or 0 for m in listed]
    assert qs == sorted(set(qs), reverse=True)
    assert all(0 < q <= 1 for q in qs)


def test_as_many_suites_as_there_are_have_different_q() -> None:
    pairs = [
        (alg, ealg)
        for alg in ("hmac-sha-1-96", "hmac-md5-96")
        for ealg in ("aes-cbc", "des-ede3-cbc", "null")
    ]
    eight = tuple(Suite(*pair) for pair in [*pairs, ("null", "aes-gcm"), ("aes-gmac", "null")])
    qs = [m.q for m in SecMechanism.parse_many([security_server(SA_SET, eight)])]
    assert None not in qs
    assert len(set(qs)) == 8


def test_what_is_supported_names_no_numbers() -> None:
    listed = SecMechanism.parse_many([supported((AES, NULL))])
    assert [(m.alg, m.ealg, m.spi_c, m.port_s) for m in listed] == [
        ("hmac-sha-1-96", "aes-cbc", None, None),
        ("hmac-sha-1-96", "null", None, None),
    ]


def test_the_list_as_sent_matches() -> None:
    assert same_list([security_server(SA_SET, (AES, NULL))], [security_server(SA_SET, (AES, NULL))])


def test_blanks_case_and_order_of_parameters_do_not_matter() -> None:
    first, second = security_server(SA_SET, (AES, NULL)).split(", ")

    def turned(entry: str) -> str:
        name, *params = entry.split("; ")
        return " ;\t".join([name.upper(), *reversed(params)])

    assert same_list([turned(first), turned(second)], [security_server(SA_SET, (AES, NULL))])


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("spi-c=3333", "spi-c=3334"),
        ("port-s=6100", "port-s=6101"),
        ("ealg=aes-cbc", "ealg=null"),
        ("; mod=trans", ""),
        ("q=0.9", "q=0.8"),
        ("ipsec-3gpp", "tls"),
    ],
)
def test_any_other_list_does_not_match(was: str, now: str) -> None:
    value = security_server(SA_SET, (AES, NULL))
    assert not same_list([value.replace(was, now, 1)], [security_server(SA_SET, (AES, NULL))])


def test_fewer_more_or_turned_entries_do_not_match() -> None:
    first, second = security_server(SA_SET, (AES, NULL)).split(", ")
    for value in ("", first, f"{second}, {first}", f"{first}, {second}, {second}"):
        assert not same_list([value] if value else [], [security_server(SA_SET, (AES, NULL))])


def test_an_unreadable_list_does_not_match() -> None:
    assert not same_list([";;;"], [])
    assert same_list([], [])
