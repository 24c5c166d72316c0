import pytest

from pcscf.errors import SipError
from pcscf.sip.check import check_request, check_response
from pcscf.sip.message import Request, Response, parse
from tests.sip import samples


def request(data: bytes = samples.INVITE) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def status(message: Request) -> int | None:
    try:
        check_request(message)
    except SipError as error:
        return error.status
    return None


@pytest.mark.parametrize("data", [samples.REGISTER, samples.INVITE])
def test_usual_requests_pass(data: bytes) -> None:
    assert status(request(data)) is None


@pytest.mark.parametrize("data", [samples.CHALLENGE, samples.OK])
def test_usual_responses_pass(data: bytes) -> None:
    response = parse(data)
    assert isinstance(response, Response)
    check_response(response)


@pytest.mark.parametrize("name", ["via", "from", "to", "call-id", "cseq"])
def test_a_required_header_missing(name: str) -> None:
    message = request()
    message.remove(name)
    assert status(message) == 400


@pytest.mark.parametrize("name", ["from", "to", "call-id", "cseq", "max-forwards"])
def test_a_single_value_given_twice(name: str) -> None:
    message = request()
    message.append(name, message.get(name) or "")
    assert status(message) == 400


@pytest.mark.parametrize(
    ("name", "value", "outcome"),
    [
        ("via", "SIP/2.0/UDP", 400),
        ("via", "SIP/2.0/UDP h:65536", 400),
        ("via", "SIP/2.0/UDP h;branch=z9hG4bK", 400),
        ("via", "SIP/2.0/UDP h;branch=Z9HG4BK", 400),
        ("via", "SIP/2.0/UDP h;branch=z9hG4bK1", None),
        ("via", "SIP/2.0/UDP h", None),
        ("via", "SIP/2.0/UDP h, junk below the top one", None),
        ("from", "<sip:a@b>, <sip:c@d>", 400),
        ("from", '"Alice <sip:a@b>', 400),
        ("from", "tel:+1555;tag=1", None),
        ("to", "<sip:a b@c>", 400),
        ("call-id", "a b", 400),
        ("call-id", "", 400),
        ("cseq", "4294967295 INVITE", None),
        ("cseq", "4294967296 INVITE", 400),
        ("cseq", "-1 INVITE", 400),
        ("cseq", "1 invite", 400),
        ("cseq", "1", 400),
        ("max-forwards", "255", None),
        ("max-forwards", "256", 400),
        ("max-forwards", "x", 400),
        ("max-forwards", "-1", 400),
        ("max-forwards", "0", 483),
        ("contact", "junk in what we do not read", None),
        ("date", "tomorrow", None),
        ("proxy-require", "something", None),
    ],
)
def test_header_values(name: str, value: str, outcome: int | None) -> None:
    message = request()
    message.set(name, value)
    assert status(message) == outcome


def test_max_forwards_may_be_absent() -> None:
    message = request()
    message.remove("max-forwards")
    assert status(message) is None


def test_contacts_of_a_register_are_read() -> None:
    message = request(samples.REGISTER)
    message.set("contact", "*")
    assert status(message) is None
    message.set("contact", "sip:a@b?Route=c")
    assert status(message) == 400


@pytest.mark.parametrize(
    ("uri", "outcome"),
    [
        ("sip:a@b", None),
        ("sips:b:5061;transport=tcp", None),
        ("tel:+15551234", None),
        ("urn:service:sos.police", None),
        ("SIP:[2001:db8::1]", None),
        ("sip:a@b?Subject=x", 400),
        ("<sip:a@b>", 400),
        ("sip:", 400),
        ("sip:a@b:99999", 400),
        ("tel:abc!", 400),
        ("sip:2001:db8::10", 400),
        ("noscheme", 400),
        ("mailto:a@b", 416),
        ("http://example.org/", 416),
    ],
)
def test_request_uri(uri: str, outcome: int | None) -> None:
    message = request()
    message.uri = uri
    assert status(message) == outcome


def test_methods() -> None:
    new = samples.INVITE.replace(b"INVITE sip:", b"NEWMETHOD sip:")
    assert status(request(new)) == 501
    assert status(request(new.replace(b"1 INVITE", b"1 NEWMETHOD"))) is None
    assert status(request(samples.INVITE.replace(b"1 INVITE", b"1 BYE"))) == 400


def test_version() -> None:
    assert status(request(samples.INVITE.replace(b" SIP/2.0\r", b" SIP/3.0\r"))) == 505
    assert status(request(samples.INVITE.replace(b" SIP/2.0\r", b" sip/2.0\r"))) is None


@pytest.mark.parametrize(
    ("below", "dropped"),
    [
        ("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2", False),
        ("SIP/2.0/UDP host.example.org", False),
        ("SIP/2.0/UDP 255.255.255.255", True),
        ("SIP/2.0/UDP 224.0.1.75", True),
        ("SIP/2.0/UDP 239.1.2.3:5060", True),
        ("SIP/2.0/UDP 240.example.org", False),
        ("SIP/2.0/UDP [ff02::1]", True),
        ("SIP/2.0/UDP ffm.example.org", False),
        ("SIP/2.0/UDP h;received=255.255.255.255", True),
        ("SIP/2.0/UDP h;maddr=224.2.0.1;ttl=16", True),
        ("junk", True),
    ],
)
def test_a_response_is_not_sent_on_to_a_group(below: str, dropped: bool) -> None:
    response = parse(samples.CHALLENGE)
    assert isinstance(response, Response)
    response.replace("via", 1, below)
    if dropped:
        with pytest.raises(SipError):
            check_response(response)
    else:
        check_response(response)


def test_a_response_without_call_id_is_dropped() -> None:
    response = parse(samples.OK)
    assert isinstance(response, Response)
    response.remove("call-id")
    with pytest.raises(SipError):
        check_response(response)
