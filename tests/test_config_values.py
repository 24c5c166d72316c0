"""How single values are written; test_config.py has what they are refused for."""

import pytest
from pydantic import TypeAdapter

from pcscf.config_values import Address, NextHops, PortBlock
from pcscf.core.flow import Endpoint, Transport
from pcscf.core.policy import NextHop


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
    texts = ["udp:198.51.100.9:5060", "tcp:[2001:DB8::9]:65535"]
    assert TypeAdapter(NextHops).validate_python(texts) == (
        NextHop(Transport.UDP, Endpoint("198.51.100.9", 5060)),
        NextHop(Transport.TCP, Endpoint("2001:db8::9", 65535)),
    )


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
