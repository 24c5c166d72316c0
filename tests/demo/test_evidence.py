"""A forged run from its capture files to the claims: each claim sees what it is for."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.decode.registering import Registering
from tests.demo.evidence import claims, gather
from tests.demo.forge import (
    CALL_ID,
    CK,
    CLEAR,
    IK,
    INVITE,
    PCSCF,
    PHONE,
    PHONE_CLEAR,
    PS,
    REGISTER,
    UE,
    flipped,
    framed,
    pcap,
    sealed,
    tcp,
    udp,
)
from tests.demo.packets import Packet
from tests.demo.scenario import Actor, Story, Tables
from tests.demo.wiretap import Sa, Segment, open_esp, sas_of, segments
from tests.netns.xfrm_listing import XfrmPolicy, XfrmState
from tests.peers.agreement import Agreement
from tests.peers.aka import AkaResult
from tests.peers.offers import Mechanism
from tests.peers.registering import Knobs
from tests.peers.sas import Numbers
from tests.peers.text import Address
from xfrm.model import AkaKeys

AGREEMENT = Agreement(
    Numbers(11, 12, PHONE.port, PHONE.port + 1),
    [],
    Knobs(),
    chosen=Mechanism(
        "ipsec-3gpp", "hmac-sha-1-96", "aes-cbc", "esp", "trans", 0.5, Numbers(21, 22, 6112, 6100)
    ),
    result=AkaResult(b"", CK, IK),
)
SAS = sas_of(AGREEMENT, UE, PCSCF)
TO_PS = next(one for one in SAS if (one.src, one.dst) == (PHONE, PS))
REGISTERING = Registering(
    (11, 12, PHONE.port, PHONE.port + 1), (21, 22, 6112, 6100), AkaKeys(CK, IK), ends=(UE, PCSCF)
)
KEYS_SENT = REGISTERING.sm5().data

TO_US = next(one for one in SAS if one.src.host == PCSCF and one.dst.port == PHONE.port + 1)
# The phone calls itself: what it says comes back to it.
GM = [
    udp(PHONE_CLEAR, CLEAR, REGISTERING.sm1().data, at=1),
    udp(CLEAR, PHONE_CLEAR, REGISTERING.sm6().data, at=3),
    sealed(udp(PHONE, PS, REGISTERING.sm7().data, at=4), TO_PS),
    sealed(udp(PHONE, PS, INVITE, at=5), TO_PS, 2),
    sealed(udp(TO_US.src, TO_US.dst, INVITE, at=6), TO_US),
]
S_CSCF, CORE_SIDE = Address("198.51.100.2", 5060), Address("198.51.100.1", 5060)
CORE = [udp(S_CSCF, CORE_SIDE, KEYS_SENT, at=2)]
POLICY = XfrmPolicy("dst 192.0.2.1/32 dport 6100", "in", "allow", 2080, "esp", "transport", 7)

OTHER = replace(POLICY, selector="dst 192.0.2.1/32 dport 6101")


def state(sa: Sa) -> XfrmState:
    src, dst, auth, enc = sa.src.host, sa.dst.host, "hmac(sha1)", "cbc(aes)"
    return XfrmState(src, dst, sa.spi, 7, "transport", auth, 96, enc, "sel", 0, 0, 0)


STATES = [state(one) for one in SAS]
TABLES = {
    "before": Tables([], [POLICY], []),
    "registered": Tables(STATES, [POLICY], STATES),
    "deregistered": Tables([], [POLICY], []),
    "stopped": Tables([], [], []),
}


def carried(gm: Iterable[Packet]) -> list[Segment]:
    gm = list(gm)
    return segments(gm, open_esp(gm, SAS))


def run(
    directory: Path,
    gm: list[Packet] = GM,
    core: list[Packet] = CORE,
    record: list[Segment] | None = None,
    **changes: Any,
) -> Any:
    """The evidence of a run in which the phone's record is that of the capture, unless given."""
    (directory / "gm.pcap").write_bytes(pcap(*map(framed, gm)))
    (directory / "core.pcap").write_bytes(pcap(*map(framed, core)))
    phone: Any = SimpleNamespace(address=UE, agreements=[AGREEMENT], aka_runs=[AGREEMENT.result])
    actor = Actor("ue1", phone, carried(gm) if record is None else record)
    hosts = {UE: "ue1", PCSCF: "pcscf", CORE_SIDE.host: "pcscf", S_CSCF.host: "core"}
    steps = [(0, "ue1 registers")]
    story = Story(CLEAR, hosts, [actor], steps, dict(TABLES), call_id=CALL_ID, status=0)
    return gather(replace(story, **changes), directory)


def failing(directory: Path, **changes: Any) -> list[str]:
    return [claim.text for claim in claims(run(directory, **changes)) if not claim.holds]


def test_a_good_run(tmp_path: Path) -> None:
    evidence = run(tmp_path)
    assert [claim.text for claim in claims(evidence) if not claim.holds] == []
    assert len(list(claims(evidence))) == 14
    assert [one.sa is not None for one in evidence.decoded.messages] == [False] * 3 + [True] * 3


@pytest.mark.parametrize(
    ("gm", "claim"),
    [
        ([*GM, udp(PHONE, PS, REGISTER)], "packets on protected ports: 3 ESP, 1 in clear"),
        ([*GM, udp(CLEAR, PHONE, REGISTER)], "packets on protected ports: 3 ESP, 1 in clear"),
        ([*GM[:2], flipped(GM[2]), *GM[3:]], "3 ESP packets opened by scapy"),
        (GM[:4], "the call: 1 messages"),
        ([*GM[:3], GM[4]], "the call: 0 messages"),
        ([*GM[:4], udp(TO_US.src, TO_US.dst, INVITE)], "the call: 1 messages"),
        ([*GM[:2], flipped(GM[2]), *GM[3:]], "no key: 2 of 3 ESP packets read, 4 SIP messages"),
        ([*GM, udp(CLEAR, PHONE_CLEAR, KEYS_SENT)], "looked for on Gm"),
        ([*GM, sealed(udp(PHONE, PS, KEYS_SENT), TO_PS)], "looked for on Gm"),
    ],
)
def test_a_packet_that_should_not_be(tmp_path: Path, gm: list[Packet], claim: str) -> None:
    assert any(claim in text for text in failing(tmp_path, gm=gm))


def test_a_key_across_two_packets_is_found(tmp_path: Path) -> None:
    half = len(KEYS_SENT) - 48  # in the middle of CK; IK comes whole
    parts = [tcp(PHONE, PS, 1, KEYS_SENT[:half], at=1), tcp(PHONE, PS, 1 + half, KEYS_SENT[half:])]
    protected = [sealed(part._replace(time=at), TO_PS) for at, part in enumerate(parts)]
    no_keys = next(
        c for c in claims(run(tmp_path, gm=[*GM, *protected])) if "looked for on Gm" in c.text
    )
    assert no_keys.faults == (
        "CK of ue1, challenge 1, inside ESP",
        "IK of ue1, challenge 1, inside ESP",
    )


@pytest.mark.parametrize(
    "record",
    [
        carried(GM)[:1],
        [*carried(GM), carried(GM)[0]],
        [carried(GM)[0], replace(carried(GM)[1], data=REGISTER.replace(b"home", b"evil"))],
    ],
)
def test_another_record_at_the_phone(tmp_path: Path, record: list[Segment]) -> None:
    by_scapy, by_decoder = failing(tmp_path, record=record)
    assert "byte for byte" in by_scapy
    assert "pcscf decode" in by_decoder


def test_a_core_that_sent_no_keys(tmp_path: Path) -> None:
    by_decoder, text = failing(tmp_path, core=[udp(S_CSCF, CORE_SIDE, REGISTER)])
    assert "no key: 0 of 3 ESP packets read" in by_decoder
    assert "the same 2 keys looked for on the core link: 0 found" in text


@pytest.mark.parametrize(
    ("when", "held", "claim"),
    [
        ("registered", Tables(STATES[1:], [POLICY], STATES), "SAs in the kernel"),
        ("registered", Tables(STATES, [POLICY, OTHER], STATES), "policies that demand ESP"),
        ("registered", Tables(STATES, [], STATES), "policies that demand ESP"),
        ("deregistered", Tables(STATES[:1], [POLICY], []), "P-CSCF after deregistration"),
        ("deregistered", Tables([], [POLICY], STATES[:1]), "phones after deregistration"),
        ("deregistered", Tables([], [], []), "policies that demand ESP"),
        ("stopped", Tables(STATES[:1], [], []), "stopped by SIGTERM"),
        ("stopped", Tables([], [POLICY], []), "stopped by SIGTERM"),
    ],
)
def test_the_kernel_held_something_else(
    tmp_path: Path, when: str, held: Tables, claim: str
) -> None:
    (text,) = failing(tmp_path, tables={**TABLES, when: held})
    assert claim in text


def test_a_run_that_stopped_is_judged_by_what_there_is(tmp_path: Path) -> None:
    tables = {"stopped": TABLES["stopped"]}
    (text,) = failing(tmp_path, tables=tables, failure="ue1 registers: no answer")
    assert "each phone" in text
