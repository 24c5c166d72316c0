"""Where in the core a request goes."""

import pytest

from pcscf.core.context import Context
from pcscf.core.flow import Endpoint, Transport
from pcscf.core.ids import Ids
from pcscf.core.policy import NextHop
from pcscf.core.routing import hop_of, hops_of, send_strictly, undo_strict
from pcscf.sip.message import Request, new_request
from tests.core.stage import S_CSCF, TWO_HOPS, Stage

UDP, TCP = Transport.UDP, Transport.TCP


def request(*routes: str) -> Request:
    return new_request("MESSAGE", "sip:b@example.net", [("route", route) for route in routes])


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        ("sip:203.0.113.77:5070", NextHop(UDP, Endpoint("203.0.113.77", 5070))),
        ("sip:u@203.0.113.77;transport=TCP", NextHop(TCP, Endpoint("203.0.113.77", 5060))),
        ("sip:[2001:db8::9]", NextHop(UDP, Endpoint("2001:db8::9", 5060))),
        ("sip:scscf.example.net", None),
        ("tel:+1", None),
        ("", None),
    ],
)
def test_a_uri_may_name_a_hop_by_address(uri: str, hop: NextHop | None) -> None:
    assert hop_of(uri) == hop


def context() -> Context:
    return Context(Stage(next_hops=TWO_HOPS).policy, Ids(bytes))


@pytest.mark.parametrize(
    ("routes", "target", "remotes"),
    [
        (["<sip:203.0.113.77;lr>"], "", ["203.0.113.77"]),
        (["<sip:203.0.113.77;lr>"], "sip:203.0.113.88", ["203.0.113.77"]),
        ([], "sip:203.0.113.88", ["203.0.113.88"]),
        ([], "", ["203.0.113.9", "203.0.113.10"]),
        # One of the settings' own: the others stand behind it.
        (["<sip:203.0.113.10;lr>"], "", ["203.0.113.10", "203.0.113.9"]),
    ],
)
def test_route_then_target_then_settings(
    routes: list[str], target: str, remotes: list[str]
) -> None:
    hops = hops_of(context(), request(*routes), target)
    assert [hop.endpoint.host for hop in hops] == remotes


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
