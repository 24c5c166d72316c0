"""ACK and CANCEL of an INVITE."""

import pytest

from pcscf.sip.hop_by_hop import make_ack, make_cancel
from pcscf.sip.message import Request, Response, parse
from tests.sip.samples import wire

INVITE = wire(
    """
INVITE sip:b@example.net SIP/2.0
v: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bKours, SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKphones
Route: <sip:one.example;lr>
Route: <sip:two.example;lr>
From: "A" <sip:a@example.net>;tag=1
t: <sip:b@example.net>
Call-ID: c1
CSeq: 7 INVITE
Max-Forwards: 12
Contact: <sip:a@192.0.2.10>
Content-Type: application/sdp
Content-Length: 5
""",
    b"v=0\r\n",
)
BUSY = wire("""
SIP/2.0 486 Busy Here
Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bKours
From: "A" <sip:a@example.net>;tag=1
To: <sip:b@example.net>;tag=2
Call-ID: c1
CSeq: 7 INVITE
Content-Length: 0
""")


@pytest.fixture
def invite() -> Request:
    message = parse(INVITE)
    assert isinstance(message, Request)
    return message


def test_an_ack_has_the_invites_way_and_the_answers_to(invite: Request) -> None:
    """RFC 3261 17.1.1.3: one Via, the route, and no body."""
    busy = parse(BUSY)
    assert isinstance(busy, Response)
    ack = parse(make_ack(invite, busy).to_bytes())
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri, str(ack.cseq)) == ("ACK", invite.uri, "7 ACK")
    assert ack.elements("via") == ["SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bKours"]
    assert ack.elements("route") == ["<sip:one.example;lr>", "<sip:two.example;lr>"]
    assert (ack.from_.tag, ack.to.tag, ack.call_id) == ("1", "2", "c1")
    assert ack.body == b""


def test_a_cancel_has_the_invites_to_and_the_callers_reason(invite: Request) -> None:
    """RFC 3261 9.1."""
    cancel = parse(make_cancel(invite, ['Reason: SIP;cause=200;text="x"']).to_bytes())
    assert isinstance(cancel, Request)
    assert (cancel.method, cancel.uri, str(cancel.cseq)) == ("CANCEL", invite.uri, "7 CANCEL")
    assert cancel.via.branch == "z9hG4bKours"
    assert cancel.to.tag is None
    assert cancel.elements("route") == ["<sip:one.example;lr>", "<sip:two.example;lr>"]
    assert cancel.get("reason") == 'SIP;cause=200;text="x"'
    for name in ("contact", "content-type", "security-verify"):
        assert name not in cancel
