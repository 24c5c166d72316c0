"""The registrar alone: what it verifies, what it grants, how it spells a challenge."""

import base64
import itertools
from dataclasses import replace

import pytest

from tests.peers.aka import (
    Challenge,
    Credentials,
    SyncError,
    Usim,
    initial_authorization,
    make_auts,
)
from tests.peers.registrar import Behaviour, Registrar, Spelling
from tests.peers.subscription import subscriber
from tests.peers.text import Message, auth_parameters, parameters

CARD = subscriber(1)
OTHER = subscriber(2)
IMPU = CARD.impus[0]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def registrar(clock):
    return Registrar([CARD, OTHER], "192.0.2.9:5060", Behaviour(), clock)


def register(authorization: str, contact: str = "<sip:u@192.0.2.1>", **changes: str) -> Message:
    values = {
        "Via": "SIP/2.0/UDP 192.0.2.5;branch=z9hG4bKabcdefgh",
        "From": f"<{IMPU}>;tag=1",
        "To": f"<{IMPU}>",
        "Call-ID": "call",
        "CSeq": "1 REGISTER",
        "Contact": contact,
        "Expires": "3600",
        "Path": "<sip:token@192.0.2.5:5070;lr>",
        "Authorization": authorization,
        **changes,
    }
    headers = [(name, value) for name, value in values.items() if value]
    return Message(f"REGISTER {CARD.domain_uri} SIP/2.0", headers)


INITIAL = initial_authorization(CARD.impi, CARD.realm, CARD.domain_uri)
YES = ', integrity-protected="yes"'


def challenged(registrar: Registrar) -> Credentials:
    """Credentials with the right RES for a fresh challenge."""
    answer = registrar.answer(register(INITIAL))
    assert answer.status == 401
    nonce = auth_parameters(answer.header("www-authenticate"))["nonce"]
    result = Usim(CARD.functions).answer(Challenge.parse(nonce))
    return Credentials(CARD.impi, CARD.realm, nonce, CARD.domain_uri, result.res)


def registered(registrar: Registrar, **changes: str) -> Message:
    registrar.records[CARD.impi].home.sqn = 0  # each call has a new card
    return registrar.answer(register(challenged(registrar).authorization() + YES, **changes))


def test_right_response(registrar):
    answer = registered(registrar)
    assert answer.status == 200
    assert answer.header("contact") == "<sip:u@192.0.2.1>;expires=3600"
    assert answer.values("path") == ["<sip:token@192.0.2.5:5070;lr>"]
    assert answer.values("service-route") == ["<sip:orig@192.0.2.9:5060;lr>"]
    assert answer.elements("p-associated-uri") == [f"<{impu}>" for impu in CARD.impus]
    assert [one.uri for one in registrar.bindings(CARD.impus[1])] == ["sip:u@192.0.2.1"]


@pytest.mark.parametrize(
    "change",
    [
        {"password": b"12345678"},
        {"username": OTHER.impi},
        {"uri": "sip:elsewhere.example"},
        {"realm": "elsewhere.example"},
        {"method": "INVITE"},
    ],
)
def test_wrong_credentials(registrar, change):
    made = replace(challenged(registrar), **change)
    assert registrar.answer(register(made.authorization() + YES)).status == 403
    assert registrar.bindings(IMPU) == []


def test_challenge_counts_once(registrar):
    authorization = challenged(registrar).authorization() + YES
    assert registrar.answer(register(authorization)).status == 200
    assert registrar.answer(register(authorization)).status == 401


def test_wrong_response_ends_the_challenge(registrar):
    made = challenged(registrar)
    assert registrar.answer(register(made.authorization("0" * 32) + YES)).status == 403
    assert registrar.answer(register(made.authorization() + YES)).status == 401


@pytest.mark.parametrize("suffix", ["", ', integrity-protected="no"'])
def test_unprotected_response_is_challenged_anew(registrar, suffix):
    made = challenged(registrar)
    assert registrar.answer(register(made.authorization() + suffix)).status == 401
    assert registrar.bindings(IMPU) == []


@pytest.mark.parametrize("impi", ["nobody@example.com", OTHER.impi])
def test_private_and_public_identity_must_belong_together(registrar, impi):
    authorization = initial_authorization(impi, CARD.realm, CARD.domain_uri)
    assert registrar.answer(register(authorization)).status == 403


def test_no_authorization(registrar):
    assert registrar.answer(register("")).status == 403


def test_mac_failure(registrar):
    made = challenged(registrar)
    assert registrar.answer(register(made.authorization(response=""))).status == 403


def test_resynchronisation(registrar):
    made = challenged(registrar)
    rand = base64.b64decode(made.nonce)[:16]
    right = replace(made, password=b"", auts=make_auts(CARD.functions, rand, 4711))
    assert registrar.answer(register(right.authorization())).status == 401
    assert registrar.records[CARD.impi].home.sqn == 4712


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: replace(made, auts=bytes(14)),
        lambda made: replace(made, auts=b"short"),
        lambda made: replace(made, password=b"not empty"),
        lambda made: replace(made, nonce=base64.b64encode(bytes(32)).decode()),
    ],
)
def test_wrong_resynchronisation(registrar, spoil):
    made = challenged(registrar)
    rand = base64.b64decode(made.nonce)[:16]
    right = replace(made, password=b"", auts=make_auts(CARD.functions, rand, 4711))
    assert registrar.answer(register(spoil(right).authorization())).status == 403
    assert registrar.records[CARD.impi].home.sqn == 1


def test_protected_refresh(registrar):
    registered(registrar)
    refresh = register(INITIAL + YES)
    assert registrar.answer(refresh).status == 401
    registrar.behaviour.challenge_refresh = False
    assert registrar.answer(refresh).status == 200
    assert registrar.answer(register(INITIAL)).status == 401  # never without protection


def test_unregistered_is_always_challenged(registrar):
    registrar.behaviour.challenge_refresh = False
    assert registrar.answer(register(INITIAL + YES)).status == 401


@pytest.mark.parametrize("forced", [True, False])
def test_forced_outcome(registrar, forced):
    registered(registrar)
    expected = 401 if forced else 200
    assert registrar.answer(register(INITIAL), challenge=forced).status == expected


def test_several_contacts_are_all_listed(registrar, clock):
    registered(registrar)
    clock.now += 600
    answer = registered(registrar, contact="<sip:u@192.0.2.2>")
    assert answer.elements("contact") == [
        "<sip:u@192.0.2.1>;expires=3000",
        "<sip:u@192.0.2.2>;expires=3600",
    ]
    clock.now += 3001
    assert [one.uri for one in registrar.bindings(IMPU)] == ["sip:u@192.0.2.2"]


def test_one_instance_has_one_contact_beside_emergency(registrar):
    instance = ';+sip.instance="<urn:uuid:1>"'
    for contact in ("<sip:u@1.1.1.1>", "<sip:u@1.1.1.2>", "<sip:u@1.1.1.2;sos>"):
        registered(registrar, contact=contact + instance)
    uris = [one.uri for one in registrar.bindings(IMPU)]
    assert uris == ["sip:u@1.1.1.2", "sip:u@1.1.1.2;sos"]


@pytest.mark.parametrize("contact", ["*", "<sip:u@192.0.2.1>", "<sip:u@192.0.2.1>;expires=0"])
def test_deregistration(registrar, contact):
    registered(registrar)
    answer = registered(registrar, contact=contact, Expires="" if "=0" in contact else "0")
    assert answer.status == 200
    assert "contact" not in answer
    assert "service-route" not in answer
    assert registrar.bindings(IMPU) == []


def test_shorter_expiry(registrar):
    registrar.behaviour.max_expires = 600
    assert parameters(registered(registrar).header("contact"))["expires"] == "600"
    registrar.behaviour.expires_header = True
    answer = registered(registrar)
    assert "expires" not in parameters(answer.header("contact"))
    assert answer.header("expires") == "600"


def test_barred_identity_is_not_shown(clock):
    card = replace(CARD, barred=frozenset({CARD.impus[1]}))
    answer = registered(Registrar([card], "192.0.2.9:5060", Behaviour(), clock))
    assert CARD.impus[1] not in answer.header("p-associated-uri")


def test_added_headers(registrar):
    registrar.behaviour.more_in_401 = [("X-One", "1")]
    registrar.behaviour.more_in_200 = [("X-Two", "2")]
    registrar.behaviour.path_in_401 = True
    registrar.behaviour.service_route = ("<sip:a;lr>", "<sip:b;lr>")
    challenge = registrar.answer(register(INITIAL))
    assert (challenge.get("x-one"), "path" in challenge) == ("1", True)
    answer = registered(registrar)
    assert (answer.get("x-two"), answer.values("service-route")) == (
        "2",
        ["<sip:a;lr>", "<sip:b;lr>"],
    )


SPELLINGS = [
    Spelling(position, upper=upper, quoted=quoted, blank=blank, decoy=decoy)
    for position in ("first", "middle", "last")
    for upper, quoted, blank, decoy in itertools.product((False, True), repeat=4)
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_read_back(registrar, spelling):
    registrar.behaviour.spelling = spelling
    value = registrar.answer(register(INITIAL)).header("www-authenticate")
    found = auth_parameters(value)
    vector = registrar.records[CARD.impi].outstanding
    assert found["ck"] == vector.expected.ck.hex()
    assert found["ik"] == vector.expected.ik.hex()
    name = "CK=" if spelling.upper else "ck="
    assert name + ('"' if spelling.quoted else "") + found["ck"] in value
    assert (f", {name}" in value.replace('"a, ck', "")) == spelling.blank
    assert (
        list(found).index("ik")
        == {"first": 0, "middle": 2, "last": len(found) - 2}[spelling.position]
    )
    assert ("opaque" in found) == spelling.decoy


def test_core_that_keeps_the_keys(registrar):
    registrar.behaviour.spelling = Spelling("none")
    found = auth_parameters(registrar.answer(register(INITIAL)).header("www-authenticate"))
    assert not {"ck", "ik"} & found.keys()


def test_card_refuses_a_repeated_challenge(registrar):
    usim = Usim(CARD.functions)
    nonce = auth_parameters(registrar.answer(register(INITIAL)).header("www-authenticate"))["nonce"]
    usim.answer(Challenge.parse(nonce))
    with pytest.raises(SyncError):
        usim.answer(Challenge.parse(nonce))
