"""What single messages say about SAs, and that odd ones say nothing."""

from dataclasses import replace

import pytest

from pcscf.decode.keys.registrations import (
    Answered,
    Challenge,
    FoundKeys,
    Numbers,
    Offer,
    statements,
)
from tests.decode.esp_packets import AES_CBC, AKA, PCSCF, UE
from tests.decode.registering import IMPI, NONCE, Registering


def changed(message, old: str, new: str):
    data = message.data.decode()
    assert old in data
    return replace(message, data=data.replace(old, new).encode())


def test_each_message_of_a_registration() -> None:
    one = Registering()
    (offer,) = statements(one.sm1())
    assert isinstance(offer, Offer)
    assert (offer.transaction, offer.user) == (("first@ue", 1), IMPI)
    assert [entry.numbers for entry in offer.entries] == [Numbers(*one.ue)]
    assert offer.entries[0].suite == AES_CBC
    assert statements(one.sm2()) == []
    (found,) = statements(one.sm5())
    assert found == FoundKeys(13, NONCE, AKA)
    (challenge,) = statements(one.sm6())
    assert isinstance(challenge, Challenge)
    assert (challenge.ue, challenge.pcscf, challenge.nonce) == (UE, PCSCF, NONCE)
    assert (challenge.transaction, challenge.offer) == (offer.transaction, None)
    assert [entry.numbers for entry in challenge.entries] == [Numbers(*one.pcscf)]
    kinds = [type(statement) for statement in statements(one.sm7())]
    assert kinds == [Offer, Challenge, Answered]


def test_a_register_that_offers_new_sas_is_no_answer_to_the_challenge_of_the_old() -> None:
    one = Registering()
    later = replace(one.again(ue=(2003, 2004, 40003, 40002)).sm7(), src=one.sm7().src)
    assert [type(statement) for statement in statements(later)] == [Offer, Answered]
    assert [type(statement) for statement in statements(one.sm7(spi=9))] == [Offer, Answered]


def test_a_challenge_that_leaks_its_keys_on_gm_says_both() -> None:
    one = Registering()
    keys = f'ck="{AKA.ck.hex()}", ik="{AKA.ik.hex()}", nonce='
    kinds = [type(s) for s in statements(changed(one.sm6(), "nonce=", keys))]
    assert kinds == [FoundKeys, Challenge]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SIP/2.0 401", "SIP/2.0 403"),
        ("1 REGISTER", "1 INVITE"),
        ("Digest", "Basic"),
        ('nonce="', 'once="'),
        (AKA.ck.hex(), AKA.ck.hex()[2:]),
        (AKA.ck.hex(), "x" * 32),
        ("ck=", "kc="),
        ("CSeq: 1", "CSeq: one"),
        ("WWW-Authenticate: ", "WWW-Authenticate: ;;"),
    ],
)
def test_a_401_that_says_nothing(old, new) -> None:
    one = Registering()
    assert len(statements(one.sm5())) == 1
    assert statements(changed(one.sm5(), old, new)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ipsec-3gpp", "tls"),
        ("alg=hmac-sha-1-96; ", ""),
        ("spi-c=2001", "spi-c=0"),
        ("spi-c=2001", "spi-c=2002"),
        ("spi-s=2002", "spi-s=4294967296"),
        ("port-c=40001", "port-c=0"),
        ("port-s=40002", "port-s=ham"),
        ("Security-Client: ", "Security-Client: ;"),
        ("Call-ID: first@ue", "Call-ID: "),
        ("\r\n\r\n", "\r\n"),
    ],
)
def test_an_offer_that_cannot_be_used(old, new) -> None:
    assert len(statements(Registering().sm1())) == 1
    assert statements(changed(Registering().sm1(), old, new)) == []


def test_the_preferred_entries_come_first_and_tunnels_of_nats_count() -> None:
    pairs = (("hmac-md5-96", "null"), ("hmac-sha-1-96", "aes-cbc"), ("x", "y"))
    one = Registering(chosen=pairs, qs=("0.1", "0.5", "0.2"))
    (challenge,) = statements(changed(one.sm6(), "alg=x;", "alg=x; mod=UDP-enc-tun;"))
    assert isinstance(challenge, Challenge)
    assert [entry.alg for entry in challenge.entries] == ["hmac-sha-1-96", "x", "hmac-md5-96"]
    assert challenge.entries[1].suite is None


def test_without_credentials_the_user_is_the_public_identity() -> None:
    (offer,) = statements(changed(Registering().sm1(), "Authorization", "X-Not"))
    assert isinstance(offer, Offer)
    assert offer.user == "sip:alice@ims.example"


def test_lists_are_bounded() -> None:
    one = Registering(offered=tuple(("hmac-sha-1-96", "aes-cbc") for _ in range(60)))
    (offer,) = statements(one.sm1())
    assert isinstance(offer, Offer)
    assert len(offer.entries) == 32
