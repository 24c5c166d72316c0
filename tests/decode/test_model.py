from pcscf.decode.model import Endpoint, Sa, SipMessage
from pcscf.sip.message import Request
from xfrm.algorithms import EspKeys, Suite

UE, PCSCF = Endpoint("192.0.2.1", 5062), Endpoint("2001:db8::1", 5060)


def message(data: bytes) -> SipMessage:
    return SipMessage(7, 1_000, UE, PCSCF, "UDP", None, data)


def test_a_message_is_parsed_when_asked_for() -> None:
    register = message(b"OPTIONS sip:a SIP/2.0\r\nCall-ID: 7\r\n\r\n")
    assert isinstance(register.parsed, Request)
    assert register.parsed is register.parsed
    assert register.start_line == "OPTIONS sip:a SIP/2.0"


def test_what_is_not_well_formed_still_has_its_first_line() -> None:
    odd = message(b"OPTIONS \xff\nno header\n\n")
    assert odd.parsed is None
    assert odd.start_line == "OPTIONS \N{REPLACEMENT CHARACTER}"


def test_endpoints_are_printed_as_in_sip() -> None:
    assert (str(UE), str(PCSCF)) == ("192.0.2.1:5062", "[2001:db8::1]:5060")


def test_an_sa_does_not_show_its_keys() -> None:
    keys = EspKeys(b"secret-of-20-octets!", b"secret-16-octets")
    sa = Sa(1, UE.host, PCSCF.host, suite=Suite("hmac-sha-1-96", "aes-cbc"), keys=keys)
    assert "secret" not in repr(sa)
