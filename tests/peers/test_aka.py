"""AKA at both ends, and the Digest headers, against the computed vectors."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.peers.aka import (
    SQN_DELTA,
    AkaResult,
    AutsError,
    Challenge,
    Credentials,
    HomeSubscriber,
    MacError,
    SyncError,
    Usim,
    initial_authorization,
    make_auts,
    make_vector,
    read_auts,
)
from tests.peers.milenage import Milenage

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "aka-digest.json").read_text("utf-8"))
SET_1 = {name: bytes.fromhex(value) for name, value in VECTORS["milenage"].items()}
REGISTER = VECTORS["register"]
RESYNC = VECTORS["resync"]
FUNCTIONS = Milenage(SET_1["k"], SET_1["opc"])
RAND = SET_1["rand"]
SQN = int.from_bytes(SET_1["sqn"], "big")


def credentials(**changes: Any) -> Credentials:
    values = {
        "username": REGISTER["impi"],
        "realm": REGISTER["realm"],
        "nonce": VECTORS["nonce"]["base64"],
        "uri": REGISTER["uri"],
        "password": SET_1["f2_res"],
    }
    return Credentials(**(values | changes))


def test_vector_of_the_home_network():
    vector = make_vector(FUNCTIONS, RAND, SQN, SET_1["amf"])
    assert vector.challenge.autn == SET_1["autn"]
    assert vector.challenge.nonce == VECTORS["nonce"]["base64"]
    assert vector.expected == AkaResult(SET_1["f2_res"], SET_1["f3_ck"], SET_1["f4_ik"])


def test_card_accepts_its_network_and_moves_on():
    usim = Usim(FUNCTIONS, sqn_ms=SQN - 1)
    challenge = Challenge(RAND, SET_1["autn"])
    assert usim.answer(challenge).res == SET_1["f2_res"]
    assert usim.sqn_ms == SQN
    with pytest.raises(SyncError):
        usim.answer(challenge)


@pytest.mark.parametrize("octet", range(16))
def test_any_changed_octet_of_autn_is_a_mac_failure(octet):
    autn = bytearray(SET_1["autn"])
    autn[octet] ^= 1
    usim = Usim(FUNCTIONS, sqn_ms=SQN - 1)
    with pytest.raises(MacError):
        usim.answer(Challenge(RAND, bytes(autn)))
    assert usim.sqn_ms == SQN - 1


def test_sqn_jump_beyond_delta_is_refused():
    usim = Usim(FUNCTIONS, sqn_ms=100)
    usim.answer(make_vector(FUNCTIONS, RAND, 100 + SQN_DELTA).challenge)
    with pytest.raises(SyncError):
        usim.answer(make_vector(FUNCTIONS, RAND, 101 + 2 * SQN_DELTA).challenge)


def test_auts():
    sqn_ms = int(RESYNC["sqn_ms"], 16)
    auts = make_auts(FUNCTIONS, RAND, sqn_ms)
    assert auts.hex() == RESYNC["auts_hex"]
    assert read_auts(FUNCTIONS, RAND, auts) == sqn_ms


@pytest.mark.parametrize("octet", range(14))
def test_changed_auts_is_refused(octet):
    auts = bytearray.fromhex(RESYNC["auts_hex"])
    auts[octet] ^= 0x80
    with pytest.raises(AutsError):
        read_auts(FUNCTIONS, RAND, bytes(auts))


def test_short_auts_is_refused():
    with pytest.raises(AutsError, match="14 octets"):
        read_auts(FUNCTIONS, RAND, b"short")


def test_resynchronised_network_is_accepted_again():
    usim, home = Usim(FUNCTIONS, sqn_ms=5000), HomeSubscriber(FUNCTIONS, sqn=10)
    with pytest.raises(SyncError) as failure:
        usim.answer(home.vector(RAND).challenge)
    home.resynchronise(RAND, failure.value.auts)
    usim.answer(home.vector(RAND).challenge)
    assert usim.sqn_ms == home.sqn == 5001


def test_nonce_is_read_and_may_carry_server_data():
    octets = bytes.fromhex(VECTORS["nonce"]["raw_hex"])
    expected = Challenge(RAND, SET_1["autn"])
    assert Challenge.parse(VECTORS["nonce"]["base64"]) == expected
    assert Challenge.parse(base64.b64encode(octets + b"more").decode()) == expected


@pytest.mark.parametrize("nonce", ["", "not base64!", base64.b64encode(bytes(31)).decode()])
def test_unusable_nonce(nonce):
    with pytest.raises(ValueError, match="nonce"):
        Challenge.parse(nonce)


def test_authorization_before_a_challenge():
    value = initial_authorization(REGISTER["impi"], REGISTER["realm"], REGISTER["uri"])
    assert value == REGISTER["initial_authorization"]


def test_authorization_without_qop():
    assert credentials().response == REGISTER["no_qop"]["response"]
    assert credentials().authorization() == REGISTER["no_qop"]["authorization"]


def test_authorization_with_qop_auth():
    expected = REGISTER["qop_auth"]
    made = credentials(qop="auth", cnonce=expected["cnonce"])
    assert made.authorization() == expected["authorization"]
    assert made.rspauth == expected["rspauth"]


def test_authorization_with_auts_and_empty_password():
    made = credentials(password=b"", auts=bytes.fromhex(RESYNC["auts_hex"]))
    assert made.authorization() == RESYNC["authorization"]


def test_res_as_hexadecimal_text_is_another_password():
    as_text = credentials(password=SET_1["f2_res"].hex().encode())
    assert as_text.response == REGISTER["wrong_password_as_hex_text"]


def test_digest_of_rfc_2617():
    # RFC 2617 section 3.5.
    mufasa = Credentials(
        "Mufasa",
        "testrealm@host.com",
        "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "/dir/index.html",
        b"Circle Of Life",
        method="GET",
        qop="auth",
        cnonce="0a4f113b",
    )
    assert mufasa.response == "6629fae49393a05397450978507c4ef1"


def test_auth_int_covers_the_body():
    responses = {
        credentials(qop="auth-int", cnonce="c", body=body).response for body in (b"", b"x")
    }
    assert len(responses) == 2
    assert credentials(qop="auth", cnonce="c").response not in responses


def test_nothing_secret_is_printed():
    vector = make_vector(FUNCTIONS, RAND, SQN, SET_1["amf"])
    shown = repr(vector) + repr(credentials())
    for secret in ("f2_res", "f3_ck", "f4_ik"):
        assert repr(SET_1[secret]) not in shown
        assert SET_1[secret].hex() not in shown
