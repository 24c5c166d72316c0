"""How single values are written; test_config.py has what they are refused for."""

import pytest
from pydantic import TypeAdapter

from pcscf.config_values import Address, CollectorOrNone, NameServers, NextHops, PortBlock
from pcscf.core.flow import Endpoint, Transport
from pcscf.core.policy import Target


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("10.1.2.3", "10.1.2.3"),
    ],
)
def test_an_address_is_kept_as_the_kernel_prints_it(text, printed):
    assert TypeAdapter(Address).validate_python(text) == printed


@pytest.mark.parametrize(
    ("text", "ports"),
    [("6112-6127", range(6112, 6128)), ("2-3", range(2, 4)), ("65534-65535", range(65534, 65536))],
)
def test_a_port_block_is_a_range(text, ports):
    assert TypeAdapter(PortBlock).validate_python(text) == ports


@pytest.mark.parametrize(
    "text", ["-6112-6127", "6112-6127 ", "0-1", "6112-61270000", "٦١١٢-6127", "6112-", 6112]
)
def test_other_text_is_no_port_block(text):
    with pytest.raises(ValueError, match="ports"):
        TypeAdapter(PortBlock).validate_python(text)


def test_next_hops_keep_their_order():
    texts = ["udp:198.51.100.9:5060", "tcp:[2001:DB8::9]:65535", "udp:S-CSCF.example.:5060"]
    assert TypeAdapter(NextHops).validate_python(texts) == (
        Target("198.51.100.9", 5060, Transport.UDP),
        Target("2001:db8::9", 65535, Transport.TCP),
        Target("s-cscf.example", 5060, Transport.UDP),
    )


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("sip:home.example", Target("home.example")),
        ("sip:Home.Example.;transport=TCP", Target("home.example", None, Transport.TCP)),
        ("sip:home.example:5070", Target("home.example", 5070)),
        ("sip:[2001:DB8:0::9]", Target("2001:db8::9")),
    ],
)
def test_a_next_hop_may_be_the_uri_of_a_domain(text, target):
    assert TypeAdapter(NextHops).validate_python([text]) == (target,)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sip:", "not a SIP URI"),
        ("sip:home example", "not a SIP URI"),
        ("sip:me@home.example", "must be sip:HOST"),
        ("sip:home.example;transport=tls", "must be sip:HOST"),
        ("sip:0.0.0.0", "must be one global"),
        ("sips:home.example", "must be udp:HOST:PORT"),
        ("udp:192.0.2.300:5060", "neither an address nor the name of a host"),
        ("udp:scscf..example:5060", "neither an address nor the name of a host"),
        ("udp:" + "a" * 64 + ".example:5060", "neither an address nor the name of a host"),
        ("tcp:[scscf.example]:5060", "not a numeric address"),
    ],
)
def test_other_text_is_no_next_hop(text, reason):
    with pytest.raises(ValueError, match=reason):
        TypeAdapter(NextHops).validate_python([text])


def test_name_servers_listen_at_port_53_unless_said_otherwise():
    texts = ["192.0.2.53", "2001:DB8::53", "192.0.2.53:5353", "[2001:db8::53]:5353"]
    assert TypeAdapter(NameServers).validate_python(texts) == (
        Endpoint("192.0.2.53", 53),
        Endpoint("2001:db8::53", 53),
        Endpoint("192.0.2.53", 5353),
        Endpoint("2001:db8::53", 5353),
    )


@pytest.mark.parametrize("text", ["ns.example", "192.0.2.53:0", "192.0.2.53:70000", "[::]:53", 53])
def test_a_name_server_is_numeric(text):
    with pytest.raises(ValueError, match=r"must be|numeric"):
        TypeAdapter(NameServers).validate_python([text])


@pytest.mark.parametrize(
    "text",
    [
        "198.51.100.9",
        "udp:198.51.100.9",
        "udp:2001:db8::9:5060",
        "udp:1.2.3.4:65536",
        "UDP:1.2.3.4:5",
    ],
)
def test_a_next_hop_is_complete(text):
    with pytest.raises(ValueError, match="must be"):
        TypeAdapter(NextHops).validate_python([text])


@pytest.mark.parametrize(
    ("text", "transport", "host", "port"),
    [
        ("udp:192.0.2.5:9060", Transport.UDP, "192.0.2.5", 9060),
        ("tcp:[2001:DB8::5]:9061", Transport.TCP, "2001:db8::5", 9061),
        ("udp:Homer.example.:1", Transport.UDP, "homer.example", 1),
    ],
)
def test_a_collector_has_a_transport_a_host_and_a_port(text, transport, host, port):
    assert TypeAdapter(CollectorOrNone).validate_python(text) == (transport, (host, port))


def test_no_collector_is_an_empty_text():
    assert TypeAdapter(CollectorOrNone).validate_python("") is None


@pytest.mark.parametrize(
    "text", ["192.0.2.5:9060", "tls:a:1", "udp:a", "udp:a:0", "sip:a", "udp:a b:1"]
)
def test_other_text_is_no_collector(text):
    with pytest.raises(ValueError, match=r"udp:HOST:PORT|the port must|neither an address"):
        TypeAdapter(CollectorOrNone).validate_python(text)
