"""Emergency requests in clear: 380, and nothing else there but REGISTER."""

import pytest

from pcscf.core.emergency import is_emergency
from pcscf.core.flow import Endpoint
from pcscf.sip.message import Request, parse
from tests.core.phone import Phone
from tests.core.stage import GM, Stage


def asks(uri: str, *lines: str) -> Request:
    message = parse("\r\n".join([f"MESSAGE {uri} SIP/2.0", *lines, "", ""]).encode())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("uri", "route", "emergency"),
    [
        ("urn:service:sos", "", True),
        ("URN:Service:SOS.police", "", True),
        ("sip:112@example.net", "<urn:service:sos.fire>", True),
        ("urn:service:sosx", "", False),
        ("urn:service:counseling", "", False),
        ("sip:sos@example.net", "", False),
        ("sip:b@example.net", "<sip:p@x;lr>, <urn:service:sos>", False),
        ("sip:b@example.net", "broken<", False),
    ],
)
def test_the_request_uri_or_the_top_route_tells(uri: str, route: str, *, emergency: bool) -> None:
    """RFC 5031."""
    request = asks(uri, *([f"Route: {route}"] if route else []))
    assert is_emergency(request) is emergency


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_an_emergency_request_in_clear_is_told_to_go_elsewhere(method: str) -> None:
    """TS 24.229 5.2.10."""
    stage = Stage()
    phone = Phone(stage)
    phone.says_in_clear(phone.message(method, "urn:service:sos"))
    answer = stage.last_to_phone()
    assert answer.status == 380
    assert answer.get("content-type") == "application/3gpp-ims+xml"
    assert str(Endpoint(GM, 5060)) in (answer.get("p-asserted-identity") or "")
    assert b"<action>emergency-registration</action>" in answer.body
    assert answer.get("content-length") == str(len(answer.body))
    assert not stage.to_core
    stage.wait(200)
    assert stage.left_over() == {}


def test_under_sas_an_emergency_request_is_the_cores() -> None:
    stage = Stage()
    phone = Phone(stage)
    phone.registered()
    phone.says(phone.message("MESSAGE", "urn:service:sos"))
    assert stage.last_to_core().uri == "urn:service:sos"


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "OPTIONS", "NOTIFY", "BYE", "X-NEW"])
def test_nothing_else_is_taken_in_clear(method: str) -> None:
    stage = Stage()
    phone = Phone(stage)
    phone.registered()
    before = len(stage.to_core)
    phone.says_in_clear(phone.message(method, "sip:b@example.net"))
    assert stage.last_to_phone().status == 403
    assert len(stage.to_core) == before
