"""Each rule sees the message that breaks it, and none complains of a right one."""

from dataclasses import replace

import pytest

from tests.peers.agreement import Agreement
from tests.peers.aka import AkaResult
from tests.peers.cleanliness import violations
from tests.peers.offers import read, sha1_aes
from tests.peers.peer import Received, Sent
from tests.peers.registering import Knobs
from tests.peers.sas import Numbers
from tests.peers.text import Address, Message
from tests.peers.wire import Origin

OWN = Numbers(1_000_001, 1_000_002, 40001, 40002)
SERVER = (
    "ipsec-3gpp;q=0.5;alg=hmac-sha-1-96;ealg=aes-cbc;spi-c=5001;spi-s=5002;port-c=6101;port-s=6100"
)
LOWER = SERVER.replace("q=0.5", "q=0.2").replace("aes-cbc", "null")
UE, PCSCF = "192.0.2.10", "192.0.2.1"
CK, IK = bytes(range(16)), bytes(range(16, 32))


class Recorded:
    """The part of a phone that the rules look at."""

    def __init__(self, server: str = SERVER) -> None:
        agreement = Agreement(OWN, sha1_aes(OWN), Knobs(), [server])
        agreement.chosen = read([server])[0]
        self.agreements = [agreement]
        self.aka_runs = [AkaResult(b"res", CK, IK)]
        self.received: list[Received] = []
        self.unreadable: list[tuple[bytes, Origin]] = []

    def take(self, message: Message, role: str, sent: Sent | None = None, **changes) -> list[str]:
        ports = {"clear": (5060, 5060), "us": (40002, 6101), "uc": (40001, 6100)}[role]
        local, remote = (changes.get("ports") or ports)[:2]
        transport = changes.get("transport", "UDP")
        origin = Origin(
            transport, role, Address(UE, local), Address(PCSCF, remote), lambda data: None
        )
        self.received.append(Received(message, message.to_bytes(), origin, sent))
        return violations(self)  # type: ignore[arg-type]  # all that the rules look at is here


def response(status: int = 200, *headers: tuple[str, str]) -> Message:
    via = ("Via", "SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1")
    return Message(f"SIP/2.0 {status} X", [via, ("CSeq", "1 REGISTER"), *headers])


def sent(role: str) -> Sent:
    return Sent(response(), b"", lambda data: None, role, reliable=False)


PS = ("Via", "SIP/2.0/UDP 192.0.2.1:6100;branch=z")
REQUEST = Message("MESSAGE sip:u@h SIP/2.0", [PS])
AT_PS = ("Record-Route", "<sip:token@192.0.2.1:6100;lr>")
FAR = ("Record-Route", "<sip:198.51.100.2;lr>")


def request(*headers: tuple[str, str], via: tuple[str, str] = PS, method="INVITE") -> Message:
    return Message(f"{method} sip:u@h SIP/2.0", [via, ("To", "<sip:u@h>"), *headers])


def invite() -> Sent:
    return replace(sent("uc"), message=request())


def test_right_ones_pass():
    phone = Recorded(f"{SERVER}, {LOWER}")
    challenge = response(
        401, ("WWW-Authenticate", 'Digest opaque="a, ck=1"'), ("Security-Server", SERVER)
    )
    assert phone.take(challenge, "clear", sent("clear")) == []
    assert phone.take(response(), "us", sent("uc")) == []
    assert phone.take(response(), "uc", sent("uc"), transport="TCP") == []
    assert phone.take(REQUEST, "us") == []
    assert phone.take(REQUEST, "us", transport="TCP") == []


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (response(401, ("WWW-Authenticate", 'Digest nonce="x",CK="aa"')), "parameter ck"),
        (response(401, ("WWW-Authenticate", "Digest ik = aa")), "parameter ik"),
        (response(403, ("Warning", f"399 x {CK.hex().upper()}")), "octets of CK"),
        (replace(response(500), body=b".." + IK), "octets of IK"),
        (response(200, ("P-Charging-Vector", "icid-value=1")), "p-charging-vector"),
        (response(200, ("Security-Server", SERVER)), "outside"),
        (response(200, ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z")), "own Via"),
    ],
)
def test_what_a_message_must_not_hold(message, complaint):
    (line,) = Recorded().take(message, "us", sent("uc"))
    assert complaint in line


@pytest.mark.parametrize(
    ("message", "role", "asked", "complaint"),
    [
        (REQUEST, "clear", None, "came in clear"),
        (response(), "clear", sent("uc"), "came in clear"),
        (response(), "us", sent("clear"), "request in clear"),
        (response(), "us", None, "nothing that the phone has sent"),
        (REQUEST, "uc", None, "none of the agreed pairs"),
        (response(), "uc", sent("uc"), "none of the agreed pairs"),
    ],
)
def test_sockets(message, role, asked, complaint):
    (line,) = Recorded().take(message, role, asked)
    assert complaint in line


def test_right_dialogs_pass():
    phone = Recorded()
    assert phone.take(request(AT_PS, FAR), "us") == []
    assert phone.take(response(200, FAR, AT_PS), "us", invite()) == []
    assert phone.take(response(486), "us", invite()) == []
    assert phone.take(request(method="BYE"), "us") == []


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (request(AT_PS, ("Security-Verify", SERVER)), "security-verify in a request"),
        (request(AT_PS, ("security-client", SERVER)), "security-client in a request"),
        (request(AT_PS, ("Require", "100rel, sec-agree")), "require: sec-agree"),
        (request(AT_PS, ("Proxy-Require", "sec-agree")), "proxy-require: sec-agree"),
        (request(AT_PS, ("P-Charging-Vector", "icid-value=1")), "p-charging-vector"),
        (request(AT_PS, via=("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z")), "not ps"),
        (request(AT_PS, via=("Via", "SIP/2.0/UDP 192.0.2.9:6100;branch=z")), "not ps"),
        (request(FAR, AT_PS), "next to the phone"),
        (request(), "no Record-Route"),
        (request(method="SUBSCRIBE"), "no Record-Route"),
    ],
)
def test_what_a_request_must_be(message, complaint):
    (line,) = Recorded().take(message, "us")
    assert complaint in line


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (response(200, AT_PS, FAR), "next to the phone"),
        (response(180, FAR), "next to the phone"),
        (response(200), "no Record-Route"),
    ],
)
def test_where_answers_to_an_invite_lead(message, complaint):
    (line,) = Recorded().take(message, "us", invite())
    assert complaint in line


def test_datagram_from_ps_instead_of_pc():
    (line,) = Recorded().take(REQUEST, "us", ports=(40002, 6100))
    assert "none of the agreed pairs" in line


def test_unreadable_is_a_violation():
    phone = Recorded()
    origin = Origin("UDP", "us", Address(UE, 1), Address(PCSCF, 2), lambda data: None)
    phone.unreadable.append((b"nonsense", origin))
    (line,) = violations(phone)  # type: ignore[arg-type]  # as above
    assert "nonsense" in line


@pytest.mark.parametrize(
    ("server", "complaint"),
    [
        (f"{SERVER}, {LOWER.replace('0.2', '0.5')}", "not all different"),
        (f"{SERVER}, {LOWER.replace('q=0.2;', '')}", "without q"),
        (f"{SERVER}, {LOWER.replace('spi-s=5002', 'spi-s=5003')}", "different SPIs"),
        (f"{SERVER}, sdes-srtp;mediasec", "not ipsec-3gpp"),
        (f"{SERVER.replace('0.5', '0.1')}, {LOWER}", "not offered"),
        (SERVER.replace("port-c=6101", "port-c=5060"), "unprotected port"),
        (SERVER.replace("5001", "255"), "reserved"),
        (SERVER.replace("5001", "5002"), "SPIs not all different"),
        (SERVER.replace("5001", "1000001"), "SPIs not all different"),
    ],
)
def test_security_server(server, complaint):
    lines = violations(Recorded(server))  # type: ignore[arg-type]  # as above
    assert len(lines) == 1
    assert complaint in lines[0]
