"""Captures of registrations and of what goes under their SAs, frame by frame."""

from pcscf.decode.model import Packet, SipMessage
from tests.decode.esp_packets import SECOND, Sender
from tests.decode.esp_packets import udp as datagram
from tests.decode.files import Stored
from tests.decode.registering import Registering
from tests.decode.wires import ESP, UDP, ethernet, ipv4, ipv6


def framed(time: int, src: str, dst: str, protocol: int, payload: bytes) -> Stored:
    """An Ethernet frame as files have it."""
    packet = (ipv6 if ":" in src else ipv4)(payload, protocol, src, dst)
    frame = ethernet(packet)
    return time, frame, len(frame)


def in_clear(message: SipMessage, time: int | None = None) -> Stored:
    """The frame of a message over UDP."""
    ends = message.src.host, message.dst.host
    payload = datagram(message.data, (message.src.port, message.dst.port), ends)
    return framed(message.time if time is None else time, *ends, UDP, payload)


def sealed(packet: Packet, time: int | None = None) -> Stored:
    """The frame of an ESP packet."""
    when = packet.time if time is None else time
    return framed(when, packet.src, packet.dst, ESP, packet.payload)


def uplink(one: Registering, **more: object) -> Sender:
    """The SA from the phone's client port to the P-CSCF's server port (TS 33.203 7.1)."""
    told = {"aka": one.aka, "spi": one.pcscf[1], "ends": one.ends}
    return Sender(ports=(one.ue[2], one.pcscf[3]), **(told | more))  # type: ignore[arg-type]


def downlink(one: Registering, **more: object) -> Sender:
    """The SA from the P-CSCF's client port to the phone's server port."""
    told = {"aka": one.aka, "spi": one.ue[1], "ends": one.ends[::-1]}
    return Sender(ports=(one.pcscf[2], one.ue[3]), **(told | more))  # type: ignore[arg-type]


def text(call: str) -> bytes:
    """A MESSAGE."""
    lines = ("MESSAGE sip:b@example.net SIP/2.0", f"Call-ID: {call}", "CSeq: 1 MESSAGE")
    return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()


def at(seconds: float) -> int:
    """A time of a capture."""
    return round(seconds * SECOND)
