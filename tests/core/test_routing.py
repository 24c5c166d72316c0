"""Where in the core a request goes."""

import pytest

from pcscf.core.flow import Transport
from pcscf.core.policy import Target
from pcscf.core.routing import send_strictly, targets_of, undo_strict
from pcscf.sip.message import Request, new_request
from tests.core.stage import S_CSCF

UDP, TCP = Transport.UDP, Transport.TCP
ENTRY = (Target("203.0.113.9", 5060, UDP), Target("203.0.113.10", 5060, UDP))


def request(*routes: str) -> Request:
    return new_request("MESSAGE", "sip:b@example.net", [("route", route) for route in routes])


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("sip:203.0.113.77:5070", Target("203.0.113.77", 5070)),
        ("sip:u@203.0.113.77;transport=TCP", Target("203.0.113.77", None, TCP)),
        ("sip:[2001:db8::9]", Target("2001:db8::9")),
        ("sip:scscf.example.net;lr", Target("scscf.example.net")),
    ],
)
def test_a_route_names_the_target(uri: str, target: Target) -> None:
    assert targets_of(ENTRY, request(f"<{uri}>", "<sip:other.example;lr>"), "") == (target,)


@pytest.mark.parametrize(
    ("routes", "remote", "hosts"),
    [
        (["<sip:203.0.113.77;lr>"], "sip:203.0.113.88", ["203.0.113.77"]),
        ([], "sip:203.0.113.88", ["203.0.113.88"]),
        ([], "tel:+1", ["203.0.113.9", "203.0.113.10"]),
        ([], "", ["203.0.113.9", "203.0.113.10"]),
        # One of the settings' own: the others stand behind it.
        (["<sip:203.0.113.10:5060;transport=udp;lr>"], "", ["203.0.113.10", "203.0.113.9"]),
        (["<sip:203.0.113.10;lr>"], "", ["203.0.113.10", "203.0.113.9"]),
        (["<sip:203.0.113.10;transport=tcp;lr>"], "", ["203.0.113.10"]),
        (["<sip:203.0.113.10:5070;lr>"], "", ["203.0.113.10"]),
    ],
)
def test_route_then_remote_contact_then_settings(
    routes: list[str], remote: str, hosts: list[str]
) -> None:
    targets = targets_of(ENTRY, request(*routes), remote)
    assert [target.host for target in targets] == hosts


def test_a_strict_router_is_named_in_the_request_uri() -> None:
    """RFC 3261 16.6 step 6, and back by 16.4."""
    asked = request("<sip:strict.example;x=y>", f"<sip:{S_CSCF};lr>")
    send_strictly(asked)
    assert asked.uri == "sip:strict.example;x=y"
    assert asked.elements("route") == [f"<sip:{S_CSCF};lr>", "<sip:b@example.net>"]
    undo_strict(asked)
    assert asked.uri == "sip:b@example.net"
    assert asked.elements("route") == [f"<sip:{S_CSCF};lr>"]


def test_a_loose_router_is_not() -> None:
    asked = request(f"<sip:{S_CSCF};lr>")
    before = asked.to_bytes()
    send_strictly(asked)
    assert asked.to_bytes() == before
