from tests.demo.forge import CLEAR, PCSCF, PHONE, PHONE_CLEAR, PS, UE
from tests.demo.ladder import ladder
from tests.demo.wiretap import Flow, Protection, Segment
from tests.peers.text import Address

NAMES = {UE: "ue1", PCSCF: "pcscf", "198.51.100.1": "core"}
CORE = Address("198.51.100.1", 5060)
MECHANISM = "ipsec-3gpp; alg=hmac-sha-1-96; ealg=null; spi-c=1; spi-s=2; port-c=3; port-s=6100"


def sip(start: str, *lines: str) -> bytes:
    return "\r\n".join([start, *lines, "Content-Length: 0", "", ""]).encode()


REGISTER = sip("REGISTER sip:home.example SIP/2.0", f"Security-Client: {MECHANISM}", "Expires: 0")
CHALLENGE = sip(
    "SIP/2.0 401 Unauthorized", 'WWW-Authenticate: Digest realm="r", nonce="n", ck="1", ik="2"'
)
BARE = sip(
    "SIP/2.0 401 Unauthorized",
    'WWW-Authenticate: Digest realm="r", nonce="n"',
    f"Security-Server: {MECHANISM}; q=0.5",
)


def test_a_ladder_in_the_order_of_time() -> None:
    rungs = ladder(
        [
            Segment(13.0, Flow("UDP", CLEAR, PHONE_CLEAR), BARE),
            Segment(10.5, Flow("TCP", PHONE, PS), REGISTER, Protection(0xABC, 7)),
        ],
        [Segment(12.0, Flow("UDP", CORE, CLEAR), CHALLENGE)],
        NAMES,
        [(10.0, "ue1 registers")],
    )
    assert [rung.kind for rung in rungs] == ["step", "ESP", "core", "clear"]
    heading, request, challenge, passed_on = (" ".join(rung.text.split()) for rung in rungs)
    assert heading == "ue1 registers"
    assert request == (
        "0.500 ue1 -> pcscf TCP ESP 0x00000abc #7 REGISTER sip:home.example Expires: 0; "
        "offers hmac-sha-1-96/null"
    )
    assert challenge == "2.000 core -> pcscf UDP clear SIP/2.0 401 Unauthorized with ck and ik"
    assert passed_on.endswith("chosen hmac-sha-1-96/null, port-s 6100; no ck, no ik")


def test_what_the_core_sees() -> None:
    data = sip("REGISTER sip:r SIP/2.0", 'Authorization: Digest integrity-protected="yes"')
    ok = sip("SIP/2.0 200 OK", "Contact: <sip:a@b>;expires=600")
    gone = sip("SIP/2.0 200 OK")
    core = [Segment(n, Flow("UDP", CLEAR, CORE), one) for n, one in enumerate([data, ok, gone])]
    texts = [rung.text for rung in ladder([], core, NAMES, [(0.0, "")])[1:]]
    assert texts[0].endswith("integrity-protected=yes")
    assert texts[1].endswith("registered for 600 s")
    assert texts[2].endswith("no contact left")
