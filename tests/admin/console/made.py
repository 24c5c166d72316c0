"""Made data as the admin API gives it: phones, SA sets, counters, and the messages of a phone."""

from base64 import b64encode
from collections.abc import Iterator
from itertools import count
from typing import Any

REALM = "ims.mnc001.mcc001.3gppnetwork.org"
PCSCF = "192.0.2.1"
PCSCF_CORE = "198.51.100.1"
CORE = "198.51.100.9"
HOP = f"udp:{CORE}:5060"
NOON = 1_795_694_400.0  # 2026-11-26 12:00:00 UTC
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy")

Json = dict[str, Any]


def impi(number: int) -> str:
    return f"00101{number:010}@{REALM}"


def address(number: int) -> str:
    return f"10.45.{number // 250}.{number % 250 + 2}"


def sa_set(number: int, *, stage: str = "current", generation: int = 0, **changes: Any) -> Json:
    """The SA set of phone ``number``; each generation has SPIs and client ports of its own."""
    spi = 0x1A2B_0000 + number * 64 + generation * 8
    return {
        "impi": impi(number),
        "ue": address(number),
        "pcscf": PCSCF,
        "suite": "hmac-sha-1-96/aes-cbc",
        "stage": stage,
        "expires_in": 3540.0 - 7 * number,
        "spi_uc": spi,
        "spi_us": spi + 1,
        "spi_pc": spi + 2,
        "spi_ps": spi + 3,
        "port_uc": 40_000 + number % 10_000 + generation,
        "port_us": 50_000 + number % 10_000,
        "port_pc": 6112 + (number + generation) % 16,
        "port_ps": 6100,
        "tcp": False,
        **changes,
    }


def ue(number: int, **changes: Any) -> Json:
    """Phone ``number``, registered under SAs."""
    name = NAMES[number] if number < len(NAMES) else f"user{number}"
    sip = f"sip:{name}@{REALM}"
    tel = f"tel:+1555010{number:04}"
    contact = f"sip:00101{number:010}@{address(number)}:{50_000 + number % 10_000}"
    expires = 3540.0 - 7 * number
    return {
        "impi": impi(number),
        "ue": address(number),
        "instance": f"urn:gsma:imei:35395803-{number:06}-0",
        "emergency": False,
        "guest": False,
        "protected": True,
        "silent": False,
        "transport": "UDP",
        "identities": [sip, tel],
        "expires_in": expires,
        "dialogs": 0,
        "next_hop": HOP,
        "bindings": [
            {"impu": sip, "contact": contact, "expires_in": expires, "associated": [sip, tel]}
        ],
        "sas": [sa_set(number)],
        **changes,
    }


def phones() -> list[Json]:
    """A few phones in every state that there is."""
    in_clear = ue(3, protected=False, sas=[], transport="TCP")
    roaming = [sa_set(1, generation=1), sa_set(1, stage="previous", expires_in=42.0)]
    guest = ue(6, impi="", identities=[], guest=True, emergency=True, protected=False, sas=[])
    temporary = sa_set(7, stage="temporary", generation=1, expires_in=3.5)
    null = "hmac-md5-96/null"
    return [
        ue(0, dialogs=1),
        ue(1, sas=roaming, dialogs=2),
        ue(2, expires_in=38.0),
        in_clear,
        ue(4, silent=True, sas=[sa_set(4, suite="aes-gmac/null")]),
        ue(5, expires_in=None, bindings=[], sas=[sa_set(5, stage="leaving", expires_in=21.0)]),
        guest,
        ue(7, sas=[sa_set(7), temporary]),
        ue(8, ue="2001:db8:45::8", sas=[sa_set(8, ue="2001:db8:45::8", suite=null)]),
        ue(9, emergency=True),
    ]


def kernel(set_: Json, packets: int = 0) -> list[Json]:
    """The four SAs of a set as the kernel counts them."""
    ways = (
        ("ps", "uc", "in", 3),
        ("pc", "us", "in", 2),
        ("us", "pc", "out", 2),
        ("uc", "ps", "out", 3),
    )
    return [
        {
            "spi": set_[f"spi_{to}"],
            "src": set_["ue"] if direction == "in" else set_["pcscf"],
            "src_port": set_[f"port_{source}"],
            "dst": set_["pcscf"] if direction == "in" else set_["ue"],
            "dst_port": set_[f"port_{to}"],
            "direction": direction,
            "packets": packets * share,
            "bytes": packets * share * 876,
            "replay_window": 0,
            "replay": 0,
            "integrity_failed": 0,
            "added": "2026-11-26T11:59:02.120Z",
            "used": "2026-11-26T12:00:04.310Z" if packets else None,
            "expires_in": set_["expires_in"],
        }
        for to, source, direction, share in ways
    ]  # fmt: skip


DROPS: Json = {
    "since": "2026-11-26T09:15:00.000Z",
    "counters": [
        {
            "name": "XfrmInNoStates",
            "count": 17,
            "recent": 4,
            "meaning": "ESP came with an SPI for which there is no SA",
        },
        {
            "name": "XfrmInStateProtoError",
            "count": 2,
            "recent": 0,
            "meaning": "the ICV was wrong, or the padding: other keys, or a changed packet",
        },
        {"name": "XfrmInStateSeqError", "count": 0, "recent": 0, "meaning": "a repeated packet"},
        {"name": "XfrmOutNoStates", "count": 0, "recent": 0, "meaning": "no SA to send under"},
    ],
    "unknown_spis": [
        {
            "time": "2026-11-26T12:00:02.001Z",
            "src": address(2),
            "dst": PCSCF,
            "spi": 0x1A2B_0083,
            "count": 4,
            "sentence": "ESP arrives with SPI 0x1a2b0083, no SA: the phone is using the set of "
            "11:03:10, replaced at 11:58:40",
        }
    ],
    "watching": True,
    "note": "",
}

HOPS: list[Json] = [
    {"next_hop": HOP, "state": "active", "flags": "AP", "failures": 0, "reason": ""},
    {
        "next_hop": "tcp:[2001:db8:2::9]:5060",
        "state": "inactive",
        "flags": "IP",
        "failures": 7,
        "reason": "connection refused",
    },
]

BLOCKED: list[Json] = [
    {"source": "203.0.113.77", "expires_in": 312.0, "reason": "more requests than its rate allows"}
]

WHY: list[Json] = [
    {
        "time": None,
        "level": "ok",
        "text": "Registered under the SA set of 11:59:02, hmac-sha-1-96/aes-cbc.",
    },
    {
        "time": "2026-11-26T11:58:41.000Z",
        "level": "note",
        "text": "Its REGISTER came in clear: it had no SAs, or had lost them.",
    },
]


def status(ues: list[Json], **changes: Any) -> Json:
    """What /api/status says."""
    return {
        "version": "0.1.0",
        "started": "2026-11-26T09:15:00.000Z",
        "ready": True,
        "reasons": [],
        "draining": False,
        "held": {
            "registrations": len(ues),
            "authentications": 1,
            "sa_sets": sum(len(one["sas"]) for one in ues),
            "dialogs": sum(one["dialogs"] for one in ues),
            "server_transactions": 3,
            "client_transactions": 2,
            "subscriptions": len(ues),
            "silent_phones": sum(one["silent"] for one in ues),
        },
        "counted": {"received": 120_400, "sent": 131_022, "refused_by_rate": 14},
        "log_level": "info",
        "gm": [PCSCF, "2001:db8:1::1"],
        "suites": ["hmac-sha-1-96/aes-cbc", "aes-gmac/null", "hmac-md5-96/null"],
        **changes,
    }


# messages


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
    }


def sip(start: str, cseq: str, call_id: str, *headers: str, vias: int = 1, body: str = "") -> str:
    """A message as text; each Via names another hop."""
    hops = (f"{address(0)}:50000", f"{PCSCF_CORE}:5080", f"{CORE}:5060")
    lines = [
        start,
        *(f"Via: SIP/2.0/UDP {hop};branch=z9hG4bK{call_id}" for hop in reversed(hops[:vias])),
        f"From: <sip:alice@{REALM}>;tag=a1",
        f"To: <sip:alice@{REALM}>",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq}",
        *headers,
        f"Content-Length: {len(body)}",
    ]
    return "\n".join(lines) + "\n\n" + body


SDP = "v=0\no=- 1 1 IN IP4 10.45.0.2\ns=-\nc=IN IP4 10.45.0.2\nt=0 0\nm=audio 49152 RTP/AVP 96 97\n"


def conversation(number: int = 0) -> Iterator[Json]:
    """A registration, a text and a call of a phone, as its trace shows them."""
    phone, own = sa_set(number), ue(number)
    home = f"sip:{REALM}"
    clear = (f"{address(number)}:5060", f"{PCSCF}:5060", None)
    up = (f"{address(number)}:{phone['port_uc']}", f"{PCSCF}:6100", phone["spi_ps"])
    down = (f"{PCSCF}:6100", f"{address(number)}:{phone['port_uc']}", phone["spi_uc"])
    to_us = (
        f"{PCSCF}:{phone['port_pc']}",
        f"{address(number)}:{phone['port_us']}",
        phone["spi_us"],
    )
    core_up = (f"{PCSCF_CORE}:5080", f"{CORE}:5060", None)
    core_down = (f"{CORE}:5060", f"{PCSCF_CORE}:5080", None)
    clock = count()

    def at(way: tuple[str, str, int | None], text: str, pause: int = 1) -> Json:
        moment = NOON + next(clock) * 0.004 * pause
        return line(way[0], way[1], text, moment, way[2])

    client = (
        f"Security-Client: ipsec-3gpp; alg=hmac-sha-1-96; ealg=aes-cbc; spi-c={phone['spi_uc']}"
    )
    register = f"REGISTER {home} SIP/2.0"
    reg = "reg-" + str(number)
    yield at(clear, sip(register, "1 REGISTER", reg, client, "Require: sec-agree", "Expires: 3600"))
    yield at(core_up, sip(register, "1 REGISTER", reg, "Expires: 3600", vias=2))
    ask = 'WWW-Authenticate: Digest realm="ims", nonce="bm9uY2U=", algorithm=AKAv1-MD5'
    no = "SIP/2.0 401 Unauthorized"
    keys = ', ck="' + "x" * 32 + '", ik="' + "x" * 32 + '"'
    yield at(core_down, sip(no, "1 REGISTER", reg, ask + keys, vias=2))
    yield at((clear[1], clear[0], None), sip(no, "1 REGISTER", reg, ask))
    proof = 'Authorization: Digest username="' + own["impi"] + '", response="6629fae4"'
    yield at(up, sip(register, "2 REGISTER", reg, proof, client, "Expires: 3600"))
    yield at(core_up, sip(register, "2 REGISTER", reg, proof, "Expires: 3600", vias=2))
    contact = f"Contact: <{own['bindings'][0]['contact']}>;expires=3600"
    yield at(core_down, sip("SIP/2.0 200 OK", "2 REGISTER", reg, contact, vias=2))
    yield at(down, sip("SIP/2.0 200 OK", "2 REGISTER", reg, contact))
    bob = f"sip:bob@{REALM}"
    kind, call = "Content-Type: application/sdp", "call-" + str(number)
    invite = f"INVITE {bob} SIP/2.0"
    own_list = (
        f"Security-Verify: ipsec-3gpp; q=0.9; alg=hmac-sha-1-96; ealg=aes-cbc; "
        f"spi-c={phone['spi_pc']}; spi-s={phone['spi_ps']}; "
        f"port-c={phone['port_pc']}; port-s={phone['port_ps']}"
    )
    said = (
        "Max-Forwards: 70",
        f"Route: <sip:{PCSCF}:6100;lr>, <sip:orig@{CORE}:5060;lr>",
        f"P-Preferred-Identity: <{own['identities'][0]}>",
        "Require: sec-agree",
        own_list,
    )
    yield at(up, sip(invite, "1 INVITE", call, *said, kind, body=SDP))
    yield at(down, sip("SIP/2.0 100 Trying", "1 INVITE", call))
    yield at(core_up, sip(invite, "1 INVITE", call, kind, vias=2, body=SDP))
    yield at(core_down, sip("SIP/2.0 180 Ringing", "1 INVITE", call, vias=2))
    yield at(down, sip("SIP/2.0 180 Ringing", "1 INVITE", call))
    yield at(core_down, sip("SIP/2.0 200 OK", "1 INVITE", call, kind, vias=2, body=SDP))
    yield at(down, sip("SIP/2.0 200 OK", "1 INVITE", call, kind, body=SDP))
    yield at(up, sip(f"ACK {bob} SIP/2.0", "1 ACK", call))
    yield at(core_up, sip(f"ACK {bob} SIP/2.0", "1 ACK", call, vias=2))
    text, plain = f"MESSAGE {own['bindings'][0]['contact']} SIP/2.0", "Content-Type: text/plain"
    yield at(core_down, sip(text, "7 MESSAGE", "text-1", plain, vias=2, body="See you at 8"))
    yield at(to_us, sip(text, "7 MESSAGE", "text-1", plain, vias=3, body="See you at 8"))
    yield at(up, sip("SIP/2.0 200 OK", "7 MESSAGE", "text-1", vias=3))
    yield at(core_up, sip("SIP/2.0 200 OK", "7 MESSAGE", "text-1", vias=2))
    yield at(up, sip(f"BYE {bob} SIP/2.0", "2 BYE", call))
    yield at(core_up, sip(f"BYE {bob} SIP/2.0", "2 BYE", call, vias=2))
    gone = "SIP/2.0 481 Call/Transaction Does Not Exist"
    yield at(core_down, sip(gone, "2 BYE", call, 'Reason: SIP;cause=200;text="elsewhere"', vias=2))
    yield at(down, sip(gone, "2 BYE", call, 'Reason: SIP;cause=200;text="elsewhere"'))
