"""The core against an AKA of other authors: sipp's, which also verifies the network's MAC."""

import subprocess
from dataclasses import replace
from pathlib import Path
from secrets import token_bytes

import pytest

from tests.peers.core import Core
from tests.peers.milenage import Milenage, opc_of
from tests.peers.registrar import Behaviour, Spelling
from tests.peers.subscription import subscriber
from tests.peers.text import Address

# sipp reads decoded keys as part of its scenario, so these octets are all letters and digits.
K, OP = b"abcdefghipqrstuv", b"0123456789ABCDEF"
CARD = replace(subscriber(1), k=K, opc=opc_of(K, OP))


@pytest.fixture(autouse=True)
def res_without_zero(monkeypatch):
    """Let the core draw a RAND whose RES has no octet of zero: to sipp it is a C string."""

    def draw(size: int) -> bytes:
        rand = token_bytes(size)
        return rand if all(Milenage(CARD.k, CARD.opc).f2(rand)) else draw(size)

    monkeypatch.setattr("tests.peers.registrar.token_bytes", draw)


REGISTER = """
REGISTER {uri} SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <{impu}>;tag=[call_number]
To: <{impu}>
Call-ID: [call_id]
CSeq: {cseq} REGISTER
Contact: <sip:u@[local_ip]:[local_port]>
Max-Forwards: 70
{authorization}
Content-Length: 0

"""


def scenario(k: bytes) -> str:
    """A registration with one challenge, as sipp's XML."""
    initial = f'Authorization: Digest username="{CARD.impi}", nonce="", response=""'
    answer = (
        f"[authentication username={CARD.impi} password=none aka_K=0x{k.hex()} "
        f"aka_OP=0x{OP.hex()} aka_AMF=0x8000]"
    )
    sends = [
        REGISTER.format(uri=CARD.domain_uri, impu=CARD.impus[0], cseq=cseq, authorization=text)
        for cseq, text in ((1, initial), (2, answer))
    ]
    return (
        '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="aka">'
        f'<send><![CDATA[{sends[0]}]]></send><recv response="401" auth="true"/>'
        f'<send><![CDATA[{sends[1]}]]></send><recv response="200"/></scenario>'
    )


def run_sipp(core: Core, path: Path, k: bytes) -> int:
    (path / "aka.xml").write_text(scenario(k), "ascii")
    options = ["-sf", "aka.xml", "-m", "1", "-i", "127.0.0.1", "-timeout", "10", "-nostdin"]
    return subprocess.run(
        ["sipp", str(core.address), *options, "-auth_uri", CARD.realm],
        cwd=path,
        capture_output=True,
        check=False,
    ).returncode


@pytest.mark.parametrize("qop", ["", "auth"])
@pytest.mark.parametrize("right", [True, False])
def test_sipp_registers(tmp_path, qop, right):
    behaviour = Behaviour(require_protected=False, spelling=Spelling("none", qop=qop))
    core = Core(Address("127.0.0.1", 0), [CARD], behaviour)
    try:
        status = run_sipp(core, tmp_path, K if right else K[::-1])
    finally:
        core.close()
    assert (status == 0) == right
    assert bool(core.bindings(CARD.impus[0])) == right
