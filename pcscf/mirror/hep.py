"""HEP3 packets, as Homer and other collectors take them: one for each SIP message.

A packet is "HEP3", its length, and chunks of vendor, type, length (of all three as well) and
value, in network order. CK and IK are hidden in the message before it goes into one.
"""

from functools import lru_cache
from ipaddress import ip_address
from struct import Struct
from typing import Final, NamedTuple

from pcscf.core.flow import Flow, Transport
from pcscf.decode.output import glance
from pcscf.decode.output.redact import hide_keys

LONGEST: Final = 65_535  # of a packet: its length has 16 bits

_SECOND: Final = 1_000_000_000
_GENERIC: Final = 0  # the vendor of the chunks that all know

# Types of chunks, by their numbers
_FAMILY, _PROTOCOL, _SRC4, _DST4, _SRC6, _DST6, _SRC_PORT, _DST_PORT = range(1, 9)
_SECONDS, _MICROSECONDS, _KIND, _CAPTURE_ID = range(9, 13)
_PASSWORD, _PAYLOAD, _CORRELATION_ID, _NODE = 14, 15, 17, 19

_IPV4, _IPV6 = 2, 10  # AF_INET and AF_INET6 of Linux
_PROTOCOLS: Final = {Transport.UDP: 17, Transport.TCP: 6}
_SIP: Final = 1

_START: Final = Struct("!4sH")
_CHUNK: Final = Struct("!HHH")


class Agent(NamedTuple):
    """Who sends: a number that the collector may know us by, its password, and our name."""

    capture_id: int
    password: str = ""
    node: str = ""


class Encoder:
    """Makes the packets of one agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = b"".join(
            [
                _number(_KIND, "B", _SIP),
                _number(_CAPTURE_ID, "I", agent.capture_id),
                _text(_PASSWORD, agent.password),
                _text(_NODE, agent.node),
            ]
        )

    def packet(self, flow: Flow, data: bytes, *, sent: bool, time: int) -> bytes | None:
        """Give the packet of a message, its Call-ID as the id that correlates; None if too long.

        ``time`` is in nanoseconds since 1970.
        """
        src, dst = (flow.local, flow.remote) if sent else (flow.remote, flow.local)
        chunks = b"".join(
            [
                _way(src.host, dst.host, flow.transport),
                _number(_SRC_PORT, "H", src.port),
                _number(_DST_PORT, "H", dst.port),
                _number(_SECONDS, "I", time // _SECOND),
                _number(_MICROSECONDS, "I", time % _SECOND // 1000),
                self._agent,
                _text(_CORRELATION_ID, glance.call_id(data) or ""),
                _octets(_PAYLOAD, hide_keys(data)),
            ]
        )
        length = _START.size + len(chunks)
        return None if length > LONGEST else _START.pack(b"HEP3", length) + chunks


def _number(kind: int, size: str, value: int) -> bytes:
    packed = Struct(f"!HHH{size}")
    return packed.pack(_GENERIC, kind, packed.size, value)


def _octets(kind: int, value: bytes) -> bytes:
    # what is too long for its own length is too long for the packet's, which says so
    return _CHUNK.pack(_GENERIC, kind, min(_CHUNK.size + len(value), LONGEST)) + value


def _text(kind: int, value: str) -> bytes:
    """Give a chunk of text, or none: an empty one says nothing."""
    return _octets(kind, value.encode("utf-8", "replace")) if value else b""


@lru_cache(4096)
def _way(src: str, dst: str, transport: Transport) -> bytes:
    """Give the chunks of family, protocol and both addresses, which repeat."""
    ipv6 = ":" in src
    return b"".join(
        [
            _number(_FAMILY, "B", _IPV6 if ipv6 else _IPV4),
            _number(_PROTOCOL, "B", _PROTOCOLS[transport]),
            _octets(_SRC6 if ipv6 else _SRC4, ip_address(src).packed),
            _octets(_DST6 if ipv6 else _DST4, ip_address(dst).packed),
        ]
    )
