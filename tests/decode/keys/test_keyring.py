"""Registrations in, SAs out, in every order and with parts missing."""

import itertools
from dataclasses import replace

import pytest

from pcscf.decode.keys.esp import Opener
from pcscf.decode.keys.keyring import MAX_REMEMBERED, Keyring
from pcscf.decode.keys.milenage import Milenage
from pcscf.decode.keys.sas import SaTable
from pcscf.decode.keys.usim import Usim, Usims
from pcscf.decode.keys.wildcards import Wildcards
from pcscf.decode.model import Fault, Sa, SipMessage
from tests.decode.esp_packets import (
    AES_CBC,
    AKA,
    GCM,
    NULL,
    OTHER_AKA,
    PCSCF,
    PCSCF6,
    SECOND,
    UE,
    UE6,
    Sender,
)
from tests.decode.registering import IMPI, NONCE, Registering
from tests.vectors import load
from xfrm.algorithms import SUITES
from xfrm.model import AkaKeys

MILENAGE = load("aka-digest")
UP, DOWN = (UE, PCSCF), (PCSCF, UE)
# TS 33.203 7.1, with the numbers of Registering
FOUR = [
    (3002, *UP, (40001, 6100)),
    (2001, *DOWN, (6100, 40001)),
    (2002, *DOWN, (6101, 40002)),
    (3001, *UP, (40002, 6101)),
]


class Bench:
    def __init__(self, usims: Usims | None = None) -> None:
        self.table, self.wildcards = SaTable(), Wildcards()
        self.keyring = Keyring(self.table, self.wildcards, usims)
        self.opener = Opener(self.table, self.wildcards)

    def observe(self, *messages: SipMessage) -> list[Sa]:
        return [sa for message in messages for sa in self.keyring.observe(message)]


def told(sas) -> list[tuple[object, ...]]:
    return [(sa.spi, sa.src, sa.dst, sa.ports) for sa in sas]


def test_both_sides_give_four_sas_with_their_keys() -> None:
    one, bench = Registering(), Bench()
    sm6 = [one.sm1(), one.sm2(), one.sm5(), one.sm6()]
    assert bench.observe(*sm6[:3]) == []
    sas = bench.observe(sm6[3])
    assert told(sas) == FOUR
    for sa in sas:
        assert (sa.suite, sa.keys, sa.user) == (AES_CBC, AES_CBC.keys(AKA), IMPI)
        assert (sa.origin, sa.since) == ("CK and IK of the 401 in frame 13", 14 * SECOND)
    assert bench.observe(one.sm7()) == []
    assert list(bench.table) == sas
    (agreement,) = bench.keyring.agreements
    assert (agreement.sas, agreement.user, agreement.ue) == (sas, IMPI, UE)


@pytest.mark.parametrize("order", list(itertools.permutations(["sm1", "sm5", "sm6"])))
def test_in_every_order_and_each_message_twice(order) -> None:
    one, bench = Registering(), Bench()
    for name in order:
        bench.observe(getattr(one, name)(), getattr(one, name)())
    if order.index("sm1") > order.index("sm6"):
        bench.observe(one.sm7())
    assert sorted(told(bench.table)) == sorted(FOUR)
    assert {sa.keys for sa in bench.table} == {AES_CBC.keys(AKA)}
    assert all(sa.user == IMPI for sa in bench.table)


def test_keys_that_come_late_open_what_comes_then() -> None:
    one, bench = Registering(), Bench()
    assert told(bench.observe(one.sm1(), one.sm6())) == FOUR
    assert {sa.keys for sa in bench.table} == {None}
    assert {(sa.user, sa.suite) for sa in bench.table} == {(IMPI, AES_CBC)}
    sender = Sender(spi=3002)
    assert bench.opener.open(sender.send(20)).fault is Fault.UNKNOWN_SPI
    assert told(bench.observe(one.sm5())) == FOUR
    opened = bench.opener.open(sender.send(21))
    assert (opened.fault, opened.sa) == (None, bench.table.find(PCSCF, 3002, 21 * SECOND))
    assert len(bench.table) == 4


def test_ipv6() -> None:
    one, bench = Registering(ends=(UE6, PCSCF6)), Bench()
    sas = bench.observe(one.sm1(), one.sm5(), one.sm6())
    assert [(sa.src, sa.dst) for sa in sas[:2]] == [(UE6, PCSCF6), (PCSCF6, UE6)]


def test_spis_used_again_are_other_sas_from_then_on() -> None:
    first, bench = Registering(), Bench()
    nonce = NONCE.replace("Z", "Y")
    second = first.again(aka=OTHER_AKA, nonce=nonce, ue=(2001, 2002, 40003, 40002))
    for one in (first, second):
        bench.observe(one.sm1(), one.sm5(), one.sm6(), one.sm7())
    early, late = (bench.table.find(PCSCF, 3002, n * SECOND) for n in (50, 150))
    assert early is not None
    assert late is not None
    assert (early.keys, late.keys) == (AES_CBC.keys(AKA), AES_CBC.keys(OTHER_AKA))
    assert early.until == late.since == 113 * SECOND
    assert len(bench.table) == 8


def test_the_algorithms_are_those_of_the_entry_that_is_preferred_and_was_offered() -> None:
    chosen = (("null", "aes-gcm"), ("hmac-sha-1-96", "null"), ("hmac-sha-1-96", "aes-cbc"))
    one = Registering(chosen=chosen, qs=("0.9", "0.2", "0.5"))
    bench = Bench()
    sa = bench.observe(one.sm1(), one.sm5(), one.sm6())[0]
    assert sa.suite == AES_CBC
    assert [candidate.suite for candidate in sa.candidates] == [GCM, NULL]
    sender = Sender(NULL, spi=3002)
    assert bench.opener.open(sender.send(15)).fault is None
    assert (sa.suite, sa.candidates) == (NULL, ())


def test_an_offer_of_many_with_numbers_of_their_own() -> None:
    one = Registering(offered=(("hmac-md5-96", "null"), ("hmac-sha-1-96", "aes-cbc")))
    sm1 = one.sm1()
    data = sm1.data.replace(b"spi-c=2001", b"spi-c=7777", 1)
    sas = Bench().observe(replace(sm1, data=data), one.sm5(), one.sm6())
    assert [sa.spi for sa in sas] == [3002, 2001, 2002, 3001]


def test_algorithms_of_none_of_ours_are_all_tried() -> None:
    one, bench = Registering(chosen=(("hmac-sha-2", "aes-cbc"),)), Bench()
    sa = bench.observe(one.sm1(), one.sm5(), one.sm6())[0]
    assert {sa.suite, *(candidate.suite for candidate in sa.candidates)} == set(SUITES)


def test_only_gm_gives_sas_that_say_whose_they_are() -> None:
    one, bench = Registering(), Bench()
    sas = bench.observe(one.sm1(), one.sm6(), one.sm7())
    assert told(sas) == FOUR
    assert [(sa.user, sa.keys, sa.origin) for sa in sas] == [(IMPI, None, "")] * 4


def test_begun_in_mid_session_the_core_alone_has_the_keys_of_the_next_sas() -> None:
    """SM1 and SM6 go under SAs that nobody can open; SM7 is the first to be read."""
    one, bench = Registering(chosen=(("null", "aes-gcm"),)), Bench()
    sender = Sender(GCM, spi=3002)
    bench.observe(one.sm2(), one.sm5())
    opened = bench.opener.open(sender.send(1))
    assert opened.packet is not None
    assert opened.sa is not None
    assert (opened.sa.user, opened.sa.origin) == ("", "CK and IK of the 401 in frame 12")
    assert told(bench.observe(one.sm7())) == FOUR
    assert bench.table.find(PCSCF, 3002, 0) is opened.sa
    assert (opened.sa.user, opened.sa.ports, opened.sa.packets) == (IMPI, (40001, 6100), 1)
    assert bench.opener.open(Sender(GCM, spi=2002, ends=DOWN, ports=(6101, 40002)).send(1)).packet
    assert len(bench.table) == 4


@pytest.mark.parametrize("order", [("sm5", "sm6"), ("sm6", "sm5")])
def test_without_sm1_the_sas_to_the_phone_are_found_by_trying(order) -> None:
    one, bench = Registering(), Bench()
    messages = [getattr(one, name)() for name in order]
    assert {sa.spi for sa in bench.observe(*messages)} == {3002, 3001}
    down = Sender(spi=2002, ends=DOWN, ports=(6101, 40002))
    assert bench.opener.open(down.send(15)).packet is not None
    bench.observe(one.sm7())
    assert len(bench.table) == 4
    assert list(bench.wildcards.fitting(UE, PCSCF, 1)) == []


# -- USIMs ---------------------------------------------------------------------------------------

USIM_AKA = AkaKeys(*(bytes.fromhex(MILENAGE["milenage"][name]) for name in ("f3_ck", "f4_ik")))
FUNCTIONS = Milenage(*(bytes.fromhex(MILENAGE["milenage"][name]) for name in ("k", "opc")))
USIM_NONCE = MILENAGE["nonce"]["base64"]


def test_with_a_card_gm_alone_is_enough() -> None:
    one, bench = Registering(nonce=USIM_NONCE), Bench(Usims([Usim(IMPI, FUNCTIONS)]))
    sas = bench.observe(one.sm1(), one.sm6())
    assert told(sas) == FOUR
    assert {sa.keys for sa in sas} == {AES_CBC.keys(USIM_AKA)}
    assert {sa.origin for sa in sas} == {f"USIM of {IMPI}, RAND in frame 12"}


def test_with_a_card_a_nonce_behind_the_pcscf_is_enough_to_try() -> None:
    one, bench = Registering(nonce=USIM_NONCE), Bench(Usims([Usim("", FUNCTIONS)]))
    assert bench.observe(one.sm7(spi=9)) == []
    assert bench.opener.open(Sender(aka=USIM_AKA, spi=3002).send(1)).packet is not None


def test_a_wrong_card_is_told_and_the_keys_of_the_core_are_taken() -> None:
    one, bench = Registering(), Bench(Usims([Usim(IMPI, FUNCTIONS)]))
    bench.observe(one.sm1(), one.sm6(), one.sm5())
    assert [sa.origin for sa in bench.table] == ["CK and IK of the 401 in frame 13"] * 4
    assert bench.keyring.notes == [f"wrong K, OP or OPc of {IMPI}: not that of the 401 in frame 12"]


# -- hostile -------------------------------------------------------------------------------------


def test_what_is_remembered_is_bounded() -> None:
    bench = Bench()
    for n in range(MAX_REMEMBERED + 5):
        one = Registering(call_id=f"{n}@ue", nonce=f"{n:032}", time=n)
        bench.observe(one.sm1(), one.sm5(), one.sm6())
    tables = (bench.keyring._offers, bench.keyring._keys, bench.keyring._by_nonce)
    assert [len(table) for table in tables] == [MAX_REMEMBERED] * 3
    assert len(bench.keyring.agreements) == MAX_REMEMBERED


def test_keys_are_in_no_text() -> None:
    one, bench = Registering(), Bench()
    bench.observe(one.sm1(), one.sm5(), one.sm6())
    text = repr((bench.keyring.agreements, list(bench.table), bench.keyring._keys))
    assert AKA.ck.hex() not in text
    assert repr(AKA.ck)[2:20] not in text
