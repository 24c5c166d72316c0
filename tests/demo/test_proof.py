"""Each claim holds for what went well, and fails for each thing that may go wrong."""

from dataclasses import replace

import pytest

from tests.demo import proof
from tests.demo.forge import (
    AES,
    CK,
    CLEAR,
    PCSCF,
    PHONE,
    PHONE_CLEAR,
    PS,
    REGISTER,
    UE,
    flipped,
    ip,
    sa,
    sealed,
    udp,
)
from tests.demo.packets import Packet, Traffic
from tests.demo.proof import Key
from tests.demo.wiretap import Flow, Segment, open_esp, segments
from tests.netns.xfrm_listing import XfrmPolicy, XfrmState
from tests.peers.text import Address

PORTS = {UE: {PHONE.port}}
REGISTERED = udp(PHONE, PS, REGISTER)
GOOD = [udp(PHONE_CLEAR, CLEAR, REGISTER), sealed(REGISTERED, sa())]
POLICY = XfrmPolicy("dst 192.0.2.1/32 dport 6100", "in", "allow", 2080, "esp", "transport", 7)


def state(spi: int = sa().spi, auth: str = "hmac(sha1)") -> XfrmState:
    enc = "ecb(cipher_null)"
    return XfrmState(UE, PCSCF, spi, 7, "transport", auth, 96, enc, "sel", 0, 0, 0)


def test_a_story_that_stopped_says_where() -> None:
    assert proof.completed("").holds
    assert proof.completed("ue1 registers: no answer").faults == ("ue1 registers: no answer",)


# --- only ESP ---


def test_esp_beside_the_unprotected_port_is_as_it_should_be() -> None:
    claim = proof.only_esp(Traffic(GOOD, []), CLEAR, PORTS)
    assert claim.holds
    assert claim.text.startswith("1 packets on protected ports: 1 ESP, 0 in clear (1 on the")


@pytest.mark.parametrize(
    "packet",
    [
        REGISTERED,  # in clear, to our server port
        udp(PS, PHONE, REGISTER),
        udp(PHONE, CLEAR, REGISTER),  # from a protected port to the unprotected one
        udp(CLEAR, PHONE, REGISTER),
        udp(PHONE_CLEAR, PS, REGISTER),
        udp(PHONE_CLEAR, Address(PCSCF, 5061), REGISTER),
        ip(1, UE, PCSCF, b"icmp"),
        sealed(udp(Address("192.0.2.99", 1), PS, REGISTER), sa()),  # somebody else's ESP
    ],
)
def test_one_packet_in_clear_is_too_many(packet: Packet) -> None:
    assert not proof.only_esp(Traffic([*GOOD, packet], []), CLEAR, PORTS).holds


def test_a_frame_that_nobody_understood_counts_against_it() -> None:
    assert not proof.only_esp(Traffic(GOOD, [b"?"]), CLEAR, PORTS).holds


def test_an_empty_capture_proves_nothing() -> None:
    assert not proof.only_esp(Traffic([], []), CLEAR, PORTS).holds
    assert not proof.all_opened([]).holds
    assert not proof.unreadable("ue", []).holds
    assert not proof.byte_for_byte("ue", [], []).holds
    assert not proof.no_keys([], [], []).holds
    assert not proof.core_has_keys([], []).holds
    assert not proof.installed([], []).holds
    assert not proof.policies_stay([], [], []).holds


# --- opened, and unreadable without keys ---


def test_every_esp_packet_has_to_open() -> None:
    assert proof.all_opened(open_esp(GOOD, [sa()])).holds
    damaged = [*GOOD, flipped(sealed(REGISTERED, sa()))]
    assert not proof.all_opened(open_esp(damaged, [sa()])).holds
    assert not proof.all_opened(open_esp(GOOD, [])).holds


def test_a_cipher_hides_the_text_and_null_does_not() -> None:
    hidden = open_esp([sealed(REGISTERED, sa(AES))], [sa(AES)])
    assert proof.unreadable("ue", hidden).holds
    assert not proof.unreadable("ue", open_esp(GOOD, [sa()])).holds


def test_one_line_in_clear_is_readable() -> None:
    (one,) = open_esp([sealed(REGISTERED, sa(AES))], [sa(AES)])
    leaked = Packet(0, one.outer.octets + b"Content-Length: 0")
    assert not proof.unreadable("ue", [one._replace(outer=leaked)]).holds


# --- byte for byte ---


def said(*data: bytes, transport: str = "UDP") -> list[Segment]:
    return [Segment(0, Flow(transport, PHONE, PS), one) for one in data]


def test_the_capture_is_what_the_phone_sent() -> None:
    captured = segments(GOOD, open_esp(GOOD, [sa()]))
    record = [Segment(0, one.flow, one.data) for one in captured]
    claim = proof.byte_for_byte("ue", record, captured)
    assert claim.holds
    assert claim.text.startswith("ue: 2 SIP messages captured, 1 in ESP")


@pytest.mark.parametrize(
    "captured",
    [
        said(REGISTER.replace(b"home", b"evil")),
        said(REGISTER[:-2]),
        said(REGISTER, REGISTER),
        said(),
        [*said(REGISTER), Segment(0, Flow("UDP", PS, PHONE), b"more")],
    ],
)
def test_another_octet_more_or_less_is_a_difference(captured: list[Segment]) -> None:
    assert not proof.byte_for_byte("ue", said(REGISTER), captured).holds


def test_a_stream_may_come_in_other_pieces() -> None:
    whole = said(REGISTER, transport="TCP")
    assert proof.byte_for_byte("ue", whole, said(REGISTER[:9], REGISTER[9:], transport="TCP")).holds


# --- keys ---


@pytest.mark.parametrize(
    "data",
    [CK, b'ck="' + CK.hex().encode() + b'"', CK.hex().upper().encode(), b"..." + CK + b"..."],
)
def test_a_key_on_gm_is_found_in_any_form(data: bytes) -> None:
    keys = [Key("CK", CK)]
    assert proof.no_keys(keys, [b"frame"], [b"inner"]).holds
    assert not proof.no_keys(keys, [b"frame", data], []).holds
    assert not proof.no_keys(keys, [], [data]).holds
    assert proof.core_has_keys(keys, [data]).holds
    assert not proof.core_has_keys(keys, [b"frame"]).holds


def test_no_key_is_printed() -> None:
    claim = proof.no_keys([Key("CK", CK)], [CK], [])
    assert CK.hex() not in str(claim).lower() + repr(Key("CK", CK)).lower()


# --- the kernel ---


def test_the_kernel_has_what_was_agreed() -> None:
    assert proof.installed([state()], [sa()]).holds
    assert not proof.installed([], [sa()]).holds
    assert not proof.installed([state(), state(5)], [sa()]).holds
    assert not proof.installed([state(auth="hmac(md5)")], [sa()]).holds


def test_nothing_may_be_left() -> None:
    assert proof.gone("ue", []).holds
    assert not proof.gone("ue", [state()]).holds


def test_policies_stay_and_demand_esp() -> None:
    other = replace(POLICY, selector="dst 192.0.2.1/32 dport 6101")
    assert proof.policies_stay([POLICY], [POLICY], [POLICY]).holds
    assert not proof.policies_stay([POLICY], [POLICY, other], [POLICY]).holds
    assert not proof.policies_stay([POLICY], [POLICY], []).holds
    open_door = replace(POLICY, proto=None, mode=None)
    assert not proof.policies_stay([open_door], [open_door], [open_door]).holds


def test_a_stop_leaves_nothing() -> None:
    assert proof.stopped(0, [], []).holds
    assert not proof.stopped(1, [], []).holds
    assert not proof.stopped(None, [], []).holds
    assert not proof.stopped(0, [state()], []).holds
    assert not proof.stopped(0, [], [POLICY]).holds
