"""Messages and SAs that the tests of filters and outputs have in common."""

from pcscf.decode.model import Endpoint, Sa, SipMessage
from xfrm.algorithms import EspKeys, Suite

UE, PCSCF = Endpoint("192.0.2.11", 6101), Endpoint("192.0.2.1", 5063)
CLEAR_UE, CLEAR_PCSCF = Endpoint(UE.host, 5060), Endpoint(PCSCF.host, 5060)
PCSCF_CORE, CORE = Endpoint("198.51.100.1", 5060), Endpoint("198.51.100.2", 5060)
START = 1_700_000_000_123_456_789
MILLISECOND = 1_000_000
CK, IK = "00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"
SUITE = Suite("hmac-sha-1-96", "aes-cbc")
KEYS = EspKeys(auth=bytes.fromhex(IK) + bytes(4), crypt=bytes.fromhex(CK))
MECHANISM = "ipsec-3gpp; alg=hmac-sha-1-96; ealg=aes-cbc; spi-c=1; spi-s=2; port-c=3; port-s=6101"


def sip(start: str, *lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([start, *lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def an_sa(spi: int = 0x1A2B, *, src: str = UE.host, dst: str = PCSCF.host) -> Sa:
    return Sa(
        spi, src, dst, "CK and IK of the 401 in frame 2", SUITE, KEYS, (6101, 5063), "alice@home",
        packets=3, octets=900, first_time=START, last_time=START + 5, first_sequence=1,
        last_sequence=3,
    )  # fmt: skip


def seen(
    data: bytes, src: Endpoint = UE, dst: Endpoint = PCSCF, sa: Sa | None = None, at: int = 0
) -> SipMessage:
    """``at`` is in milliseconds since the start."""
    return SipMessage(7, START + at * MILLISECOND, src, dst, "UDP", sa, data)


REGISTER = sip(
    "REGISTER sip:home.example SIP/2.0",
    "Call-ID: reg-1",
    "CSeq: 1 REGISTER",
    "From: <sip:alice@home.example>;tag=1",
    "To: <sip:alice@home.example>",
    f"Security-Client: {MECHANISM}",
)
CHALLENGE = sip(
    "SIP/2.0 401 Unauthorized",
    "Call-ID: reg-1",
    "CSeq: 1 REGISTER",
    f'WWW-Authenticate: Digest realm="r", nonce="n", ck="{CK}", ik="{IK}"',
)
OFFER = sip(
    "SIP/2.0 401 Unauthorized",
    "Call-ID: reg-1",
    "CSeq: 1 REGISTER",
    f"Security-Server: {MECHANISM}; q=0.5",
    'WWW-Authenticate: Digest realm="r", nonce="n"',
)
OK = sip(
    "SIP/2.0 200 OK",
    "Call-ID: reg-1",
    "CSeq: 2 REGISTER",
    "From: <sip:alice@home.example>;tag=1",
    "Contact: <sip:alice@192.0.2.11:6101>;expires=600",
)
MESSAGE = sip(
    "MESSAGE sip:bob@home.example SIP/2.0",
    "Call-ID: text-1",
    "CSeq: 1 MESSAGE",
    "From: <sip:alice@home.example>;tag=1",
    "To: <sip:bob@home.example>",
    body=b"hello",
)
