"""Which URIs lead somewhere, and where without the DNS."""

import pytest

from pcscf.core.flow import Endpoint, Transport
from pcscf.core.policy import NextHop, Target
from pcscf.core.target import is_name, numeric_hop, target_of_hop, target_of_uri
from pcscf.sip.uri import SipUri

UDP, TCP = Transport.UDP, Transport.TCP


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("sip:home.example", Target("home.example")),
        ("sip:user@S-CSCF.Home.Example.:5070;lr", Target("s-cscf.home.example", 5070)),
        ("sip:198.51.100.9;transport=TCP", Target("198.51.100.9", None, TCP)),
        ("sip:[2001:DB8:0::9]:5061;transport=udp", Target("2001:db8::9", 5061, UDP)),
        ("sip:home.example;maddr=198.51.100.7", Target("198.51.100.7")),
    ],
)
def test_a_uri_leads_to_its_host(text: str, target: Target) -> None:
    assert target_of_uri(SipUri.parse(text)) == target


@pytest.mark.parametrize(
    "text",
    [
        "sips:home.example",
        "sip:home.example;transport=tls",
        "sip:home.example;transport=sctp",
        "sip:home.example:0",
        "sip:192.0.2.300",
        "sip:[::1::2]",
        "sip:" + "a" * 64 + ".example",
        "sip:" + ".".join(["a" * 60] * 4) + ".example",
    ],
)
def test_a_uri_that_we_cannot_follow_leads_nowhere(text: str) -> None:
    assert target_of_uri(SipUri.parse(text)) is None


@pytest.mark.parametrize(
    ("target", "hop"),
    [
        (Target("198.51.100.9"), NextHop(UDP, Endpoint("198.51.100.9", 5060))),
        (Target("2001:db8::9", 5070, TCP), NextHop(TCP, Endpoint("2001:db8::9", 5070))),
        (Target("home.example", 5070, TCP), None),
        (Target("fe80::1%2"), None),
    ],
)
def test_an_address_needs_no_look_up(target: Target, hop: NextHop | None) -> None:
    """RFC 3263 4.1: UDP unless said otherwise; 4.2: port 5060."""
    assert numeric_hop(target) == hop


def test_the_target_of_a_hop_leads_to_it() -> None:
    hop = NextHop(TCP, Endpoint("2001:db8::9", 5070))
    assert numeric_hop(target_of_hop(hop)) == hop


@pytest.mark.parametrize("name", ["a", "_sip._udp.home.example", "1.2.3.example", "x-1"])
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", ".", "a..b", "a.", "1.2.3.4", "a b", "ä.example", "A", "a\n"])
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)
