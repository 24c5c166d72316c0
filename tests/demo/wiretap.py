"""From IP packets to the SIP in them: ESP is opened with scapy's own code."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tests.demo.packets import ESP, TCP, UDP, Packet
from tests.peers.agreement import Agreement
from tests.peers.framing import Framer
from tests.peers.sas import hops
from tests.peers.text import Address
from xfrm.algorithms import EspKeys, Suite
from xfrm.errors import EspIntegrityError
from xfrm.model import AkaKeys
from xfrm.scapy_esp import ScapyEsp

_SYN = 0x02
_UDP_HEADER = 8


@dataclass(frozen=True, slots=True)
class Sa:
    """One direction of a security agreement, and the only packets it is for."""

    spi: int
    src: Address
    dst: Address
    suite: Suite
    keys: EspKeys = field(repr=False)


def sas_of(agreement: Agreement, ue: str, pcscf: str) -> list[Sa]:
    """The four SAs of an agreement, with keys of the CK and IK on the phone's own card."""
    sas = agreement.make_sas(ue, pcscf)
    suite = Suite(sas.alg, sas.ealg)
    keys = suite.keys(AkaKeys(sas.ck, sas.ik))
    made = []
    for hop in hops(sas):
        own, peer = Address(ue, hop.own_port), Address(pcscf, hop.peer_port)
        src, dst = (own, peer) if hop.outbound else (peer, own)
        made.append(Sa(hop.spi, src, dst, suite, keys))
    return made


class Protection(NamedTuple):
    """What stood in the ESP header."""

    spi: int
    sequence: int


class Opened(NamedTuple):
    """An ESP packet, and what was inside; ``fault`` says why that is None or not right."""

    outer: Packet
    esp: Protection
    sa: Sa | None
    inner: Packet | None
    fault: str = ""


def open_esp(packets: Iterable[Packet], sas: Iterable[Sa]) -> list[Opened]:
    """Open every ESP packet among ``packets``."""
    known = {(one.dst.host, one.spi): (one, ScapyEsp(one.suite, one.keys, one.spi)) for one in sas}
    return [_open(packet, known) for packet in packets if packet.protocol == ESP]


def _open(packet: Packet, known: dict[tuple[str, int], tuple[Sa, ScapyEsp]]) -> Opened:
    esp = Protection(*struct.unpack_from("!II", packet.payload.ljust(8, b"\0")))
    if (packet.dst, esp.spi) not in known:
        return Opened(packet, esp, None, None, "no SA of a phone has this SPI")
    sa, oracle = known[packet.dst, esp.spi]
    try:
        inner = Packet(packet.time, oracle.open(packet.octets))
    except (EspIntegrityError, TypeError):
        return Opened(packet, esp, sa, None, "the ICV is wrong")
    ends = (inner.src, inner.dst, inner.ports)
    if ends != (sa.src.host, sa.dst.host, (sa.src.port, sa.dst.port)):
        return Opened(packet, esp, sa, inner, "addresses or ports are not those of the SA")
    return Opened(packet, esp, sa, inner)


class Flow(NamedTuple):
    """One direction between two sockets."""

    transport: str
    src: Address
    dst: Address


@dataclass(frozen=True, slots=True)
class Segment:
    """Octets that a socket took or gave: a datagram, or a piece of a stream in its order."""

    time: float
    flow: Flow
    data: bytes
    esp: Protection | None = None


def segments(packets: Iterable[Packet], opened: Iterable[Opened] = ()) -> list[Segment]:
    """What was said over UDP and TCP, in clear and in ``opened``, in the order of time."""
    seen: list[tuple[Packet, Protection | None]]
    seen = [(one, None) for one in packets if one.protocol != ESP]
    seen += [(one.inner, one.esp) for one in opened if one.inner is not None]
    streams: dict[Flow, _Stream] = {}
    said = []
    for packet, esp in sorted(seen, key=lambda pair: pair[0].time):
        if packet.protocol == UDP and packet.ports:
            data = packet.payload[_UDP_HEADER:]
            said.append(Segment(packet.time, _flow("UDP", packet), data, esp))
        elif packet.protocol == TCP and packet.ports:
            flow = _flow("TCP", packet)
            said += streams.setdefault(flow, _Stream(flow)).take(packet, esp)
    return said


def _flow(transport: str, packet: Packet) -> Flow:
    assert packet.ports is not None
    src, dst = packet.ports
    return Flow(transport, Address(packet.src, src), Address(packet.dst, dst))


class _Stream:
    """One direction of a connection: repetitions are dropped, gaps waited for (RFC 9293 3.4)."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._start: int | None = None
        self._next = 0
        self._waiting: dict[int, Segment] = {}

    def take(self, packet: Packet, esp: Protection | None) -> list[Segment]:
        """Take a packet; give what is in order now."""
        tcp = packet.payload
        sequence = int.from_bytes(tcp[4:8], "big")
        data = tcp[(tcp[12] >> 4) * 4 :]
        if tcp[13] & _SYN or self._start is None:
            self._start = sequence + bool(tcp[13] & _SYN)
            self._next, self._waiting = 0, {}
        if data:
            offset = (sequence - self._start) % (1 << 32)
            self._waiting[offset] = Segment(packet.time, self._flow, data, esp)
        return list(self._ready())

    def _ready(self) -> Iterator[Segment]:
        while due := [offset for offset in self._waiting if offset <= self._next]:
            offset = min(due)
            segment = self._waiting.pop(offset)
            fresh = segment.data[self._next - offset :]
            if fresh:
                self._next += len(fresh)
                yield replace(segment, data=fresh)


def messages(said: Iterable[Segment]) -> list[Segment]:
    """Whole SIP messages; one of a stream has time and ESP header of its last piece."""
    framers: dict[Flow, Framer] = {}
    whole = []
    for segment in said:
        if segment.flow.transport == "TCP":
            framer = framers.setdefault(segment.flow, Framer())
            whole += [replace(segment, data=data) for data in framer.feed(segment.data)]
        elif segment.data.strip(b"\r\n\0"):  # else a keep-alive (RFC 5626 3.5.1)
            whole.append(segment)
    return whole
