"""The messages of a phone, as lines of its trace: it registers, makes a call and gets a text."""

from base64 import b64encode
from collections.abc import Iterator
from itertools import count
from typing import Final

from tests.admin.console.made import (
    CORE,
    PCSCF,
    PCSCF_CORE,
    REALM,
    Json,
    address,
    sa_set,
    ue,
    uri,
)

NOON: Final = 1_795_694_400.0  # 2026-11-26 12:00:00 UTC

_APART: Final = 0.004  # seconds between two messages
_SDP: Final = (
    "v=0\no=- 1 1 IN IP4 10.45.0.2\ns=-\nc=IN IP4 10.45.0.2\nt=0 0\nm=audio 49152 RTP/AVP 96 97\n"
)
_IS_SDP: Final = "Content-Type: application/sdp"
_CHALLENGE: Final = 'WWW-Authenticate: Digest realm="ims", nonce="bm9uY2U=", algorithm=AKAv1-MD5'
_KEYS: Final = f', ck="{"x" * 32}", ik="{"x" * 32}"'  # as traces show them

_Way = tuple[str, str, int | None]  # source, destination, SPI


def line(src: str, dst: str, text: str, time: float, spi: int | None = None) -> Json:
    """A line of the trace; ``text`` has plain line ends."""
    data = text.replace("\n", "\r\n").encode()
    call_ids = [one[9:] for one in text.split("\n") if one.startswith("Call-ID: ")]
    return {
        "type": "message",
        "time": time,
        "src": src,
        "dst": dst,
        "transport": "UDP",
        "spi": spi,
        "start_line": text.partition("\n")[0],
        "call_id": call_ids[0] if call_ids else None,
        "raw": b64encode(data).decode(),
        "side": "core" if {_host(src), _host(dst)} & {CORE, PCSCF_CORE} else "gm",
        "sent": _host(src) in {PCSCF, PCSCF_CORE},
    }


def _host(end: str) -> str:
    return end.rpartition(":")[0].strip("[]")


def sip(start: str, cseq: str, call_id: str, *headers: str, vias: int = 1, body: str = "") -> str:
    """A message as text; each Via names another hop."""
    hops = (f"{address(0)}:50000", f"{PCSCF_CORE}:5080", f"{CORE}:5060")
    lines = [
        start,
        *(f"Via: SIP/2.0/UDP {hop};branch=z9hG4bK{call_id}" for hop in reversed(hops[:vias])),
        f"From: <{uri(0)}>;tag=a1",
        f"To: <{uri(1)}>",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq}",
        *headers,
        f"Content-Length: {len(body)}",
    ]
    return "\n".join(lines) + "\n\n" + body


class _Phone:
    """One phone, its ways, and the clock of its messages."""

    def __init__(self, number: int) -> None:
        self.set = sa_set(number)
        self.known = ue(number)
        self.contact = self.known["bindings"][0]["contact"]
        host, us = address(number), self.set["port_us"]
        client, server = f"{host}:{self.set['port_uc']}", f"{PCSCF}:6100"
        self.clear: _Way = (f"{host}:5060", f"{PCSCF}:5060", None)
        self.from_clear: _Way = (f"{PCSCF}:5060", f"{host}:5060", None)
        self.up: _Way = (client, server, self.set["spi_ps"])
        self.down: _Way = (server, client, self.set["spi_uc"])
        self.asks: _Way = (f"{PCSCF}:{self.set['port_pc']}", f"{host}:{us}", self.set["spi_us"])
        self.to_core: _Way = (f"{PCSCF_CORE}:5080", f"{CORE}:5060", None)
        self.of_core: _Way = (f"{CORE}:5060", f"{PCSCF_CORE}:5080", None)
        self._clock = count()

    def at(self, way: _Way, text: str) -> Json:
        src, dst, spi = way
        return line(src, dst, text, NOON + next(self._clock) * _APART, spi)


def _registration(phone: _Phone, call_id: str) -> Iterator[Json]:
    start, first, second = f"REGISTER sip:{REALM} SIP/2.0", "1 REGISTER", "2 REGISTER"
    client = f"Security-Client: ipsec-3gpp; alg=hmac-sha-1-96; spi-c={phone.set['spi_uc']}"
    proof = f'Authorization: Digest username="{phone.known["impi"]}", response="6629fae4"'
    no, ok = "SIP/2.0 401 Unauthorized", "SIP/2.0 200 OK"
    contact = f"Contact: <{phone.contact}>;expires=3600"
    yield phone.at(phone.clear, sip(start, first, call_id, client, "Expires: 3600"))
    yield phone.at(phone.to_core, sip(start, first, call_id, "Expires: 3600", vias=2))
    yield phone.at(phone.of_core, sip(no, first, call_id, _CHALLENGE + _KEYS, vias=2))
    yield phone.at(phone.from_clear, sip(no, first, call_id, _CHALLENGE))
    yield phone.at(phone.up, sip(start, second, call_id, proof, client, "Expires: 3600"))
    yield phone.at(phone.to_core, sip(start, second, call_id, proof, "Expires: 3600", vias=2))
    yield phone.at(phone.of_core, sip(ok, second, call_id, contact, vias=2))
    yield phone.at(phone.down, sip(ok, second, call_id, contact))


def _call(phone: _Phone, call_id: str) -> Iterator[Json]:
    invite, ack, first = f"INVITE {uri(1)} SIP/2.0", f"ACK {uri(1)} SIP/2.0", "1 INVITE"
    ringing, ok = "SIP/2.0 180 Ringing", "SIP/2.0 200 OK"
    said = (
        "Max-Forwards: 70",
        f"Route: <sip:{PCSCF}:6100;lr>, <sip:orig@{CORE}:5060;lr>",
        f"P-Preferred-Identity: {phone.known['identities'][0]}",
        "Require: sec-agree",
        "Security-Verify: ipsec-3gpp; q=0.9; alg=hmac-sha-1-96; ealg=aes-cbc; "
        f"spi-c={phone.set['spi_pc']}; spi-s={phone.set['spi_ps']}; "
        f"port-c={phone.set['port_pc']}; port-s={phone.set['port_ps']}",
        _IS_SDP,
    )
    yield phone.at(phone.up, sip(invite, first, call_id, *said, body=_SDP))
    yield phone.at(phone.down, sip("SIP/2.0 100 Trying", first, call_id))
    yield phone.at(phone.to_core, sip(invite, first, call_id, _IS_SDP, vias=2, body=_SDP))
    yield phone.at(phone.of_core, sip(ringing, first, call_id, vias=2))
    yield phone.at(phone.down, sip(ringing, first, call_id))
    yield phone.at(phone.of_core, sip(ok, first, call_id, _IS_SDP, vias=2, body=_SDP))
    yield phone.at(phone.down, sip(ok, first, call_id, _IS_SDP, body=_SDP))
    yield phone.at(phone.up, sip(ack, "1 ACK", call_id))
    yield phone.at(phone.to_core, sip(ack, "1 ACK", call_id, vias=2))


def _text(phone: _Phone, call_id: str) -> Iterator[Json]:
    start, first, ok = f"MESSAGE {phone.contact} SIP/2.0", "7 MESSAGE", "SIP/2.0 200 OK"
    kind, body = "Content-Type: text/plain", "See you at 8"
    yield phone.at(phone.of_core, sip(start, first, call_id, kind, vias=2, body=body))
    yield phone.at(phone.asks, sip(start, first, call_id, kind, vias=3, body=body))
    yield phone.at(phone.up, sip(ok, first, call_id, vias=3))
    yield phone.at(phone.to_core, sip(ok, first, call_id, vias=2))


def _end(phone: _Phone, call_id: str) -> Iterator[Json]:
    bye, second = f"BYE {uri(1)} SIP/2.0", "2 BYE"
    gone, why = "SIP/2.0 481 Call/Transaction Does Not Exist", "Reason: SIP;cause=200"
    yield phone.at(phone.up, sip(bye, second, call_id))
    yield phone.at(phone.to_core, sip(bye, second, call_id, vias=2))
    yield phone.at(phone.of_core, sip(gone, second, call_id, why, vias=2))
    yield phone.at(phone.down, sip(gone, second, call_id, why))


def conversation(number: int = 0) -> Iterator[Json]:
    """All of it: 25 messages."""
    phone, call_id = _Phone(number), f"call-{number}"
    yield from _registration(phone, f"reg-{number}")
    yield from _call(phone, call_id)
    yield from _text(phone, f"text-{number}")
    yield from _end(phone, call_id)
