"""What a function sees of a message, and how it answers."""

import pytest

from pcscf import hooks
from pcscf.core.hooks import Point
from pcscf.errors import NotAllowedError
from pcscf.hooks import Reject, RequestView, ResponseView, api, number_of
from pcscf.hooks.draft import Draft
from pcscf.sip.limits import DEFAULT
from pcscf.sip.message import Request, Response
from tests.hooks.support import PHONE, case, request, response


def view(message: Request | None = None, point: Point = Point.CORE) -> RequestView:
    message = message or request()
    return RequestView(Draft(case(point, message), message, DEFAULT))


def answer(message: Response | None = None) -> ResponseView:
    message = message or response()
    return ResponseView(Draft(case(Point.RESPONSE, message), message, DEFAULT))


def test_what_a_hook_file_imports_is_what_is_documented() -> None:
    assert hooks.__all__ == api.__all__
    assert all(getattr(hooks, name) is getattr(api, name) for name in api.__all__)


def test_a_request_is_read() -> None:
    one = view(request("MESSAGE", "tel:+49-30", "Subject: Zoë", "s: two", "User-Agent: x"))
    assert (one.method, one.uri, one.call_id) == ("MESSAGE", "tel:+49-30", "call-1")
    assert (one.from_uri, one.to_uri) == ("sip:a@example.net", "sip:b@example.net")
    assert one.get("SUBJECT") == "Zoë"
    assert one.get_all("subject") == ["Zoë", "two"]
    assert one.get("X-Absent") is None
    assert one.get_all("X-Absent") == []
    assert "user-agent" in one
    assert "X-Absent" not in one
    assert {"subject", "user-agent", "via"} <= set(one.names())
    assert one.body == b""
    assert one.phone == PHONE
    assert not one.in_dialog


@pytest.mark.parametrize(
    ("line", "caller"),
    [
        ("P-Asserted-Identity: <tel:+49301>, <sip:x@y>", "tel:+49301"),
        ("P-Asserted-Identity: <broken", "sip:a@example.net"),
        ("Subject: x", "sip:a@example.net"),
    ],
)
def test_the_caller_is_whom_the_network_asserts(line: str, caller: str) -> None:
    assert view(request("INVITE", "sip:b@example.net", line)).caller == caller


def test_a_request_is_changed() -> None:
    one = view()
    one.uri = "sip:c@example.net"
    one.body = b"hi"
    one.set("Subject", "a")
    one.add("Subject", "b")
    one.remove("Route-Not-There")
    assert (one.uri, one.body, one.get_all("Subject")) == ("sip:c@example.net", b"hi", ["a", "b"])
    one.remove("Subject")
    assert "Subject" not in one
    one.route_through("sip:as.example.net")
    one.route_to("sip:gw.example.net")
    assert one.get("Route") is None


def test_a_view_has_no_place_for_anything_else() -> None:
    with pytest.raises(AttributeError):
        view().urii = "sip:c@example.net"  # type: ignore[attr-defined]


def test_a_response_is_read_and_changed() -> None:
    one = answer(response(486, "INVITE", "Reason: x"))
    assert (one.method, one.status, one.reason) == ("INVITE", 486, "Reason")
    assert one.towards_phone
    one.replace_status(480, "Gone")
    one.remove("Reason")
    assert (one.status, one.reason, one.get("Reason")) == (480, "Gone", None)


# --- Reject


def test_a_rejection_is_checked_where_it_is_made() -> None:
    Reject(403)
    Reject(503, "Busy", {"Retry-After": "30", "Warning": '399 x "y"'})
    Reject(302, headers={"Contact": "<sip:c@example.net>"})
    for status in (200, 299, 700, 401, 407, 421, 494):
        with pytest.raises(NotAllowedError):
            Reject(status)
    for name in ("Via", "To", "Security-Server", "WWW-Authenticate", "Contact", "Content-Length"):
        with pytest.raises(NotAllowedError):
            Reject(403, headers={name: "x"})
    with pytest.raises(NotAllowedError):
        Reject(403, "No\r\nX: y")
    with pytest.raises(NotAllowedError):
        Reject(403, headers={"Warning": "x\r\nX: y"})


# --- numbers


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("tel:+49-30-1234", "+49301234"),
        ("tel:(030)12.34;phone-context=+49", "0301234"),
        ("TEL:112", "112"),
        ("sip:+49301234@example.net;user=phone", "+49301234"),
        ("sip:*21%23@example.net", "*21#"),
        ("sip:0301;phone-context=example.net@example.net", "0301"),
        ("sip:alice@example.net", ""),
        ("sip:example.net", ""),
        ("urn:service:sos", ""),
        ("broken", ""),
    ],
)
def test_the_number_of_a_uri(uri: str, number: str) -> None:
    assert number_of(uri) == number
