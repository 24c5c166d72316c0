import pytest

from pcscf.errors import ParseError
from pcscf.sip.message import Request, parse
from pcscf.sip.response import REASONS, answer_unreadable, make_response
from tests.sip import samples


def request(data: bytes = samples.INVITE) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def test_copies_headers_as_they_came() -> None:
    response = make_response(request(), 480, to_tag="t1")
    assert response.to_bytes() == samples.wire("""
SIP/2.0 480 Temporarily Unavailable
v: SIP/2.0/TCP 192.0.2.10:40002;branch=z9hG4bKinv1
f: "Alice \\"A\\"" <sip:alice@example.org>;tag=a1
t: <sip:bob@example.org>;tag=t1
i: inv1@192.0.2.10
CSeq: 1 INVITE
Content-Length: 0
""")


def test_every_via_in_order_one_of_the_others() -> None:
    message = request()
    message.append("via", "SIP/2.0/UDP second, SIP/2.0/UDP third")
    message.append("call-id", "other")
    response = make_response(message, 400)
    assert response.values("via") == message.values("via")
    assert response.values("call-id") == ["inv1@192.0.2.10"]


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("<sip:b@h>", "<sip:b@h>;tag=new"),
        ("sip:b@h", "sip:b@h;tag=new"),
        ("<sip:b@h>;tag=old", "<sip:b@h>;tag=old"),
        ("<sip:b@h>; TAG = old", "<sip:b@h>; TAG = old"),
        ('"tag=x" <sip:b@h;tag=uri>;x=1', '"tag=x" <sip:b@h;tag=uri>;x=1;tag=new'),
    ],
)
def test_to_tag(to: str, expected: str) -> None:
    message = request()
    message.set("to", to)
    assert make_response(message, 200, to_tag="new").get("to") == expected


def test_a_folded_to_gets_its_tag() -> None:
    data = samples.INVITE.replace(b"t: <sip:bob@example.org>", b"t:\r\n <sip:b@h>\r\n ;x=1  ")
    response = parse(make_response(request(data), 404, to_tag="n").to_bytes())
    assert response.to.tag == "n"


def test_trying_has_timestamp_and_no_tag() -> None:
    message = request()
    message.append("timestamp", "54.2")
    response = make_response(message, 100, to_tag="n")
    assert response.to.tag is None
    assert response.get("timestamp") == "54.2"
    assert "timestamp" not in make_response(message, 180)


def test_reason_headers_and_body() -> None:
    response = make_response(
        request(), 494, "No Agreement", headers=[("security-server", "tls;q=1")], body=b"abc"
    )
    assert response.start_line == "SIP/2.0 494 No Agreement"
    assert response.get("security-server") == "tls;q=1"
    assert response.to_bytes().endswith(b"Content-Length: 3\r\n\r\nabc")
    assert make_response(request(), 699).start_line == "SIP/2.0 699 "


def test_no_line_ends_get_in() -> None:
    with pytest.raises(ValueError, match="line ends"):
        make_response(request(), 400, "a\r\nb")
    with pytest.raises(ValueError, match="line ends"):
        make_response(request(), 400, headers=[("warning", "a\nb")])


def test_every_reason_can_be_sent() -> None:
    for status, reason in REASONS.items():
        assert make_response(request(), status).reason == reason


# from what could not be read


def unreadable(data: bytes) -> ParseError:
    with pytest.raises(ParseError) as caught:
        parse(data)
    return caught.value


def test_answers_an_unreadable_request() -> None:
    error = unreadable(samples.INVITE.replace(b"l: 5", b"l: five"))
    response = answer_unreadable(error, to_tag="n")
    assert response is not None
    assert response.to_bytes() == samples.wire("""
SIP/2.0 400 Bad Content-Length
v: SIP/2.0/TCP 192.0.2.10:40002;branch=z9hG4bKinv1
f: "Alice \\"A\\"" <sip:alice@example.org>;tag=a1
t: <sip:bob@example.org>;tag=n
i: inv1@192.0.2.10
CSeq: 1 INVITE
Content-Length: 0
""")


def test_lines_with_bare_line_ends_are_left_out() -> None:
    data = samples.INVITE.replace(b"CSeq: 1 INVITE", b"CSeq: 1 INVITE\nVia: evil")
    response = answer_unreadable(unreadable(data))
    assert response is not None
    assert b"evil" not in response.to_bytes()
    assert "cseq" not in response
    assert parse(response.to_bytes()).call_id == "inv1@192.0.2.10"


@pytest.mark.parametrize(
    "data",
    [
        samples.CHALLENGE.replace(b"Content-Length: 0", b"Content-Length: x"),
        samples.INVITE.replace(b"INVITE sip", b"ACK sip").replace(b"l: 5", b"l: x"),
        samples.INVITE.replace(b"v: SIP", b"w: SIP").replace(b"l: 5", b"l: x"),
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b" \r\n : \r\n\r\n",
    ],
    ids=["response", "ack", "no via", "empty", "tls", "blanks"],
)
def test_nothing_to_answer(data: bytes) -> None:
    assert answer_unreadable(unreadable(data)) is None
