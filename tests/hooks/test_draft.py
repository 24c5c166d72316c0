"""Changes are made in a copy, after a check, and none when the function is over."""

from collections.abc import Callable

import pytest

from pcscf.core.flow import Transport
from pcscf.core.hooks import Point
from pcscf.core.policy import Target
from pcscf.errors import NotAllowedError
from pcscf.hooks.draft import Draft
from pcscf.sip.limits import DEFAULT, Limits
from pcscf.sip.message import Request, Response
from tests.hooks.support import case, request, response

SMALL = Limits(max_message=1300, max_body=1000, max_headers=14, max_line=100)


def draft(
    message: Request | Response | None = None, point: Point = Point.CORE, *,
    in_dialog: bool = False, limits: Limits = DEFAULT,
) -> Draft:  # fmt: skip
    message = message or request()
    return Draft(case(point, message, in_dialog=in_dialog), message, limits)


def test_who_only_looks_has_the_message_itself() -> None:
    message = request()
    one = draft(message)
    one.remove("X-Absent")
    assert one.message is message
    assert not one.is_changed


def test_changes_are_made_in_a_copy() -> None:
    message = request(
        "INVITE", "sip:b@example.net", "Subject: one", "Subject: two", "User-Agent: x"
    )
    before = message.to_bytes()
    one = draft(message)
    one.set("s", "three")
    one.add("X-New", "1")
    one.add("X-New", "2")
    one.remove("User-Agent")
    one.set_body(b"hello")
    assert one.is_changed
    assert message.to_bytes() == before
    assert one.message.lines("subject") == ["Subject: three"]
    assert one.message.values("x-new") == ["1", "2"]
    assert "user-agent" not in one.message
    assert one.message.to_bytes().endswith(b"\r\n\r\nhello")
    assert one.message.get("content-length") == "5"
    assert one.message.lines("via") == message.lines("via")


CHANGES: list[Callable[[Draft], None]] = [
    lambda one: one.set("Via", "x"),
    lambda one: one.add("v", "x"),
    lambda one: one.remove("call-id"),
    lambda one: one.set("Subject", "a\r\nVia: b"),
    lambda one: one.set("Subject", "x" * 8200),
    lambda one: one.set("no name", "x"),
    lambda one: one.set_body("text"),  # type: ignore[arg-type]
    lambda one: one.set_body(bytes(60_000)),
    lambda one: one.set_uri(""),
    lambda one: one.set_uri("sip:a b@example.net"),
    lambda one: one.set_uri("http://example.net"),
    lambda one: one.set_uri("sip:a@example.net?subject=x"),
    lambda one: one.set_uri("sip:a@example.net\r\nX: y"),
    lambda one: one.set_uri("urn:service:sos"),
    lambda one: one.set_uri("urn:service:sos.police"),
    lambda one: one.set_uri(None),  # type: ignore[arg-type]
    lambda one: one.set_status(403, ""),
    lambda one: one.route_to([]),
    lambda one: one.route_to(["sip:a"] * 9),
    lambda one: one.route_to(["sips:a.example.net"]),
    lambda one: one.route_to(["203.0.113.1"]),
    lambda one: one.route_to(["sip:a", "tel:+49"]),
    lambda one: one.route_through("sip:a;transport=sctp"),
    lambda one: one.route_through("sip:a>\r\n"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_is_refused_leaves_nothing(change: Callable[[Draft], None]) -> None:
    one = draft()
    before = one.message.to_bytes()
    with pytest.raises(NotAllowedError) as error:
        change(one)
    assert "\n" not in str(error.value)
    assert not one.is_changed
    assert one.message.to_bytes() == before
    assert one.targets == ()


def test_a_message_may_not_become_too_large() -> None:
    one = draft(limits=SMALL)
    one.set_body(bytes(900))
    one.check_size()
    one.add("X-A", "x" * 90)
    one.check_size()
    one.add("X-B", "x" * 90)
    with pytest.raises(NotAllowedError, match=r"too large: 1\d{3} octets, 11 lines"):
        one.check_size()


def test_a_message_may_not_have_too_many_lines() -> None:
    one = draft(limits=SMALL)
    for number in range(6):
        one.add("X", str(number))
    with pytest.raises(NotAllowedError, match="15 lines"):
        one.check_size()


def test_a_line_is_as_long_as_the_parser_takes_it() -> None:
    one = draft(limits=SMALL)
    one.set("Subject", "x" * 91)  # "Subject: " is nine
    with pytest.raises(NotAllowedError, match="92 characters; 91 are allowed"):
        one.set("Subject", "x" * 92)


def test_nothing_is_changed_once_the_function_is_over() -> None:
    one = draft()
    one.end()
    changes: list[Callable[[], None]] = [
        lambda: one.set("Subject", "x"),
        lambda: one.set_uri("sip:c@example.net"),
        lambda: one.route_to(["sip:gw.example.net"]),
    ]
    for change in changes:
        with pytest.raises(NotAllowedError, match="has gone on"):
            change()
    assert one.targets == ()


# --- Request-URI


@pytest.mark.parametrize("uri", ["sip:c@example.net", "tel:+4930", "urn:service:counseling"])
def test_a_request_uri_is_replaced(uri: str) -> None:
    one = draft()
    one.set_uri(uri)
    assert one.message.start_line == f"INVITE {uri} SIP/2.0"


def test_an_emergency_stays_one() -> None:
    one = draft(request("INVITE", "urn:service:sos"), Point.EMERGENCY)
    one.set_uri("urn:service:sos.fire")
    for uri in ("sip:c@example.net", "urn:service:sosx"):
        with pytest.raises(NotAllowedError, match="ceases to be"):
            one.set_uri(uri)
    assert isinstance(one.message, Request)
    assert one.message.uri == "urn:service:sos.fire"


@pytest.mark.parametrize(
    ("point", "method", "in_dialog", "why"),
    [
        (Point.PHONE, "INVITE", False, "on the way to a phone"),
        (Point.CORE, "BYE", True, "within a dialog"),
        (Point.REGISTRATION, "REGISTER", False, "credentials"),
    ],
)
def test_elsewhere_the_request_uri_stays(
    point: Point, method: str, in_dialog: bool, why: str
) -> None:
    one = draft(request(method), point, in_dialog=in_dialog)
    with pytest.raises(NotAllowedError, match=why):
        one.set_uri("sip:c@example.net")


# --- where it goes


def test_a_route_is_replaced_by_targets() -> None:
    one = draft()
    one.route_to(["sip:203.0.113.1:5070;transport=tcp", "sip:GW.example.net"])
    assert one.targets == (
        Target("203.0.113.1", 5070, Transport.TCP), Target("gw.example.net"),
    )  # fmt: skip
    assert "route" not in one.message


@pytest.mark.parametrize("uri", ["sip:as.example.net", "sip:as.example.net;lr"])
def test_a_route_goes_through_another_host_first(uri: str) -> None:
    one = draft()
    one.route_through(uri)
    assert one.targets == (Target("as.example.net"),)
    assert one.message.values("route") == [
        "<sip:as.example.net;lr>", "<sip:orig@203.0.113.9:5060;lr>",
    ]  # fmt: skip


@pytest.mark.parametrize(("point", "in_dialog"), [(Point.PHONE, False), (Point.CORE, True)])
def test_where_there_is_a_way_it_stays(point: Point, in_dialog: bool) -> None:
    one = draft(point=point, in_dialog=in_dialog)
    with pytest.raises(NotAllowedError, match="where it goes cannot be changed"):
        one.route_to(["sip:a"])
    with pytest.raises(NotAllowedError, match="where it goes cannot be changed"):
        one.route_through("sip:a")


# --- status


def test_a_failure_gets_another_status() -> None:
    one = draft(response(603), Point.RESPONSE)
    one.set_status(486, "Busy Here")
    assert one.message.start_line == "SIP/2.0 486 Busy Here"


@pytest.mark.parametrize(
    ("was", "becomes"), [(200, 403), (180, 486), (486, 200), (407, 403), (486, 494)]
)
def test_only_a_failure_becomes_a_failure(was: int, becomes: int) -> None:
    one = draft(response(was), Point.RESPONSE)
    with pytest.raises(NotAllowedError):
        one.set_status(becomes, "")
    assert not one.is_changed


def test_the_answer_to_a_register_keeps_its_status() -> None:
    one = draft(response(403, "REGISTER"), Point.RESPONSE)
    with pytest.raises(NotAllowedError, match="REGISTER"):
        one.set_status(404, "")
