"""Made data as the admin API gives it: phones, SA sets, counters, sentences."""

from typing import Any

REALM = "ims.mnc001.mcc001.3gppnetwork.org"
PCSCF = "192.0.2.1"
PCSCF_CORE = "198.51.100.1"
CORE = "198.51.100.9"
HOP = f"udp:{CORE}:5060"
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
        "identities": [f"<{sip}>", f'"{name}" <{tel}>;x=y'],
        "expires_in": expires,
        "dialogs": 0,
        "next_hop": HOP,
        "bindings": [
            {
                "impu": sip,
                "contact": contact,
                "expires_in": expires,
                "associated": [f"<{sip}>", f"<{tel}>"],
            }
        ],
        "sas": [sa_set(number)],
        **changes,
    }


def uri(number: int) -> str:
    """The default identity of phone ``number``."""
    return str(ue(number)["bindings"][0]["impu"])


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
        "notes": [],
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
        "store": {
            "kind": "sqlite",
            "state": "ok",
            "reason": "",
            "since": "2026-11-26T09:15:00.000Z",
            "waiting": 0,
        },
        "hooks": {"file": "/etc/pcscf/rules.py", "functions": ["before_core", "on_response"]},
        **changes,
    }
