"""Captures as long as one likes, frame by frame, each of a kind that a decoder might remember.

``python -m tests.decode.endless KIND MEGABYTES`` writes one to standard output.
"""

import itertools
import struct
import sys
from collections.abc import Callable, Iterator

from tests.decode.files import EN10MB, Stored
from tests.decode.registering import Registering
from tests.decode.scenes import downlink, framed, in_clear, sealed, text, uplink
from tests.decode.wires import ACK, SYN, TCP, UDP, esp, ipv4, tcp, udp

MEGABYTE = 1_000_000
_STEP = 10**6  # a millisecond
_SPIS = 0xFFFFFF00


def texts() -> Iterator[Stored]:
    """One phone that registers, and then sends and gets messages without end."""
    one = Registering()
    yield from (in_clear(message) for message in (one.sm1(), one.sm5(), one.sm6()))
    senders = uplink(one), downlink(one)
    for n in itertools.count(1):
        for sender in senders:
            yield sealed(sender.send(n, text(f"{n}@ue") + b" " * 700), 20 * 10**9 + n * _STEP)


def registrations() -> Iterator[Stored]:
    """New SAs in each: what an SPI means changes, or it is a new one."""
    for n in itertools.count(1):
        spis = n * 4 % _SPIS + 256
        one = Registering(
            (spis, spis + 1, 40001, 40002), (spis + 2, spis + 3, 6101, 6100),
            call_id=f"{n}@ue", nonce=f"{n:032}",
        )  # fmt: skip
        now = n * 10 * _STEP
        for message in (one.sm1(), one.sm5(), one.sm6()):
            yield in_clear(message, now)
        yield sealed(uplink(one).send(1, one.sm7().data), now + 1)
        yield sealed(downlink(one).send(1), now + 2)


def unknown_spis() -> Iterator[Stored]:
    """ESP of which nothing is known, each packet of another SA."""
    for n in itertools.count(1):
        yield framed(n * _STEP, "192.0.2.1", "192.0.2.2", 50, esp(bytes(400), n % _SPIS + 256))


def streams() -> Iterator[Stored]:
    """Connections that begin, lack a segment, and are never closed."""
    for n in itertools.count(1):
        host, port = f"10.0.{n >> 8 & 255}.{n & 255}", 1024 + (n >> 16) % 60000
        segments = (0, SYN, b""), (1, ACK, text("cut")[:50]), (500, ACK, text("behind a gap"))
        for sequence, flags, data in segments:
            segment = tcp(data, sequence, flags, src=port)
            yield framed(n * _STEP, host, "192.0.2.2", TCP, segment)


def fragments() -> Iterator[Stored]:
    """First fragments, and never another one."""
    for n in itertools.count(1):
        packet = ipv4(udp(bytes(1000)), UDP, ident=n & 0xFFFF, more=True)
        yield n * _STEP, bytes(12) + b"\x08\x00" + packet, 14 + len(packet)


KINDS: dict[str, Callable[[], Iterator[Stored]]] = {
    one.__name__: one for one in (texts, registrations, unknown_spis, streams, fragments)
}


def pcap(frames: Iterator[Stored], size: int) -> Iterator[bytes]:
    """The pieces of a file of some octets."""
    yield struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, EN10MB)
    while size > 0:
        piece = b"".join(
            struct.pack("<IIII", *divmod(time, 10**9), len(frame), length) + frame
            for time, frame, length in itertools.islice(frames, 256)
        )
        size -= len(piece)
        yield piece


if __name__ == "__main__":
    for part in pcap(KINDS[sys.argv[1]](), int(float(sys.argv[2]) * MEGABYTE)):
        sys.stdout.buffer.write(part)
