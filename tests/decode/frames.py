"""Frames of all kinds around SIP in clear: tunnels, fragments, tags, a stream out of order."""

from tests.decode.wires import (
    ESP,
    SYN,
    TCP,
    UDP,
    esp,
    ethernet,
    extension,
    fragments4,
    fragments6,
    gtp,
    ipv4,
    ipv6,
    tcp,
    udp,
)

TIME = 1_700_000_000_123_456_789


def sip(call: str, body: int = 0) -> bytes:
    head = f"MESSAGE sip:b@example SIP/2.0\r\nCall-ID: {call}\r\nCSeq: 1 MESSAGE\r\n"
    return f"{head}Content-Length: {body}\r\n\r\n".encode() + b"x" * body


def in_a_stream(data: bytes, first: int = 1000) -> list[bytes]:
    """A connection's segments, of 300 octets each."""
    segments = [tcp(b"", first - 1, SYN)]
    segments += [tcp(data[at : at + 300], first + at) for at in range(0, len(data), 300)]
    return [ipv4(one, TCP) for one in segments]


STREAM = in_a_stream(sip("tcp-1", 700) + sip("tcp-2") + sip("tcp-3", 200))
PACKETS = [
    ipv4(udp(sip("plain"))),
    ipv6(udp(sip("six"))),
    ipv4(udp(sip("options")), options=b"\x94\x04\0\0"),
    ipv6(extension(UDP, udp(sip("extension"))), 60),
    *fragments4(udp(sip("fragments", 2000)), 800, ident=5),
    *fragments6(udp(sip("fragments6", 2000)), 800, ident=5),
    ipv4(udp(gtp(ipv4(udp(sip("gtp")))), 2152, 2152), src="10.0.0.1"),
    ipv4(udp(gtp(ipv6(udp(sip("gtp6"))), sequence=True, extensions=(b"\x85\0\0",)), 2152, 2152)),
    ipv4(ipv4(udp(sip("ipip"))), 4),
    ipv4(udp(b"\x80\x08" + bytes(170), 4000, 4002)),
    *STREAM[:3],
    STREAM[4],
    STREAM[3],
    STREAM[4],
    *STREAM[5:],
    ipv4(esp(), ESP),
]
FRAMES = [ethernet(one) for one in PACKETS] + [
    ethernet(ipv4(udp(sip("vlan"))), (0x8100,)),
    ethernet(ipv4(udp(sip("qinq"))), (0x88A8, 0x8100)),
]
