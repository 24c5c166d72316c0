"""Security-Client as written by several vendors, and what is read back."""

import pytest

from tests.peers import offers
from tests.peers.sas import Numbers

NUMBERS = Numbers(1001, 1002, 4001, 4002)
SERVER = [
    "ipsec-3gpp;q=0.2;alg=hmac-sha-1-96;ealg=null;spi-c=1;spi-s=2;port-c=3;port-s=4",
    "ipsec-3gpp;q=0.9;alg=hmac-sha-1-96;ealg=aes-cbc;spi-c=1;spi-s=2;port-c=3;port-s=4, "
    "ipsec-3gpp;q=0.95;alg=null;ealg=aes-gcm;spi-c=1;spi-s=2;port-c=3;port-s=4",
]


@pytest.mark.parametrize(
    ("name", "entries"), [("samsung", 6), ("xiaomi", 6), ("nokia", 6), ("null-only", 1)]
)
def test_every_profile_reads_back(name, entries):
    profile = offers.PROFILES[name]
    assert profile is not None
    mechanisms = offers.read(profile(NUMBERS))
    assert len(mechanisms) == len({mechanism.kind for mechanism in mechanisms}) == entries
    assert {mechanism.numbers for mechanism in mechanisms} == {NUMBERS}
    assert {(mechanism.prot, mechanism.mod) for mechanism in mechanisms} == {("esp", "trans")}


def test_vendors_differ_as_seen():
    (samsung,), (xiaomi,), (nokia,) = (
        profile(NUMBERS) for profile in (offers.samsung, offers.xiaomi, offers.nokia)
    )
    assert " " not in samsung
    assert "prot" not in xiaomi
    assert "; " in xiaomi
    assert nokia.startswith("ipsec-3gpp;ealg=null;")
    assert "q=" not in samsung + xiaomi + nokia


def test_entries_on_lines_of_their_own():
    lines = offers.several_lines(offers.samsung)(NUMBERS)
    assert len(lines) == 6
    assert offers.read(lines) == offers.read(offers.samsung(NUMBERS))


def test_media_security_is_no_offer():
    values = offers.with_media_security(offers.null_only)(NUMBERS)
    assert values[0] == "sdes-srtp;mediasec"
    assert len(offers.read(values)) == 1


def test_highest_q_among_the_offered():
    chosen = offers.choose(offers.samsung(NUMBERS), SERVER)
    assert (chosen.ealg, chosen.q) == ("aes-cbc", 0.9)
    assert offers.choose(offers.null_only(NUMBERS), SERVER).ealg == "null"


def test_nothing_in_common():
    with pytest.raises(ValueError, match="nothing that was offered"):
        offers.choose(offers.null_only(NUMBERS), SERVER[1:])


def test_missing_number():
    with pytest.raises(ValueError, match="no port-s"):
        offers.read([SERVER[0].replace(";port-s=4", "")])


def test_respelled_list_is_the_same_list():
    (value,) = offers.respelled(SERVER)
    assert offers.read([value]) == offers.read(SERVER)
    assert value not in SERVER


@pytest.mark.parametrize("rewrite", [offers.altered, offers.shortened, offers.reordered])
def test_other_lists_are_other_lists(rewrite):
    assert offers.read(rewrite(SERVER)) != offers.read(SERVER)


def test_left_out():
    assert offers.left_out(SERVER) == []
    assert offers.mirrored(SERVER) == SERVER
