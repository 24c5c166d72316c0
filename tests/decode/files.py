"""Capture files for tests, built octet by octet, independently of what reads and writes them."""

import struct
from collections.abc import Iterable

EN10MB, RAW = 1, 101

# A frame as the files have it: nanoseconds, octets, and how many of them there were.
Stored = tuple[int, bytes, int]


def stored(*frames: bytes, time: int = 1_700_000_000_123_456_000) -> list[Stored]:
    """Frames a millisecond apart."""
    return [(time + at * 10**6, frame, len(frame)) for at, frame in enumerate(frames)]


def pcap(
    frames: Iterable[Stored], link: int = EN10MB, *, sign: str = "<", nanoseconds: bool = False,
    modified: bool = False,
) -> bytes:  # fmt: skip
    magic = 0xA1B2CD34 if modified else 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    out = struct.pack(sign + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)
    for time, frame, original in frames:
        seconds, rest = divmod(time, 10**9)
        fraction = rest if nanoseconds else rest // 1000
        out += struct.pack(sign + "IIII", seconds, fraction, len(frame), original)
        out += (bytes(8) if modified else b"") + frame
    return out


def block(kind: int, body: bytes, sign: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(sign + "I", len(body) + 12)
    return struct.pack(sign + "I", kind) + size + body + size


def section(sign: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(sign + "IHHq", 0x1A2B3C4D, 1, 0, -1), sign)


def option(code: int, value: bytes, sign: str = "<") -> bytes:
    return struct.pack(sign + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(
    link: int = EN10MB, sign: str = "<", *, snap: int = 0, resolution: int | None = None,
    offset: int | None = None,
) -> bytes:  # fmt: skip
    options = option(2, b"gm0", sign)
    if resolution is not None:
        options += option(9, bytes([resolution]), sign)
    if offset is not None:
        options += option(14, struct.pack(sign + "q", offset), sign)
    options += option(0, b"", sign)
    return block(1, struct.pack(sign + "HHI", link, 0, snap) + options, sign)


def enhanced(
    ticks: int, frame: bytes, sign: str = "<", *, index: int = 0, original: int | None = None,
    options: bytes = b"",
) -> bytes:  # fmt: skip
    original = len(frame) if original is None else original
    head = struct.pack(sign + "IIIII", index, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), original)
    return block(6, head + frame + bytes(-len(frame) % 4) + options, sign)


def obsolete(ticks: int, frame: bytes, sign: str = "<") -> bytes:
    head = struct.pack(
        sign + "HHIIII", 0, 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame)
    )
    return block(2, head + frame, sign)


def simple(frame: bytes, sign: str = "<", original: int | None = None) -> bytes:
    original = len(frame) if original is None else original
    return block(3, struct.pack(sign + "I", original) + frame, sign)


def secrets(kind: int, data: bytes, sign: str = "<") -> bytes:
    return block(10, struct.pack(sign + "II", kind, len(data)) + data, sign)


def pcapng(frames: Iterable[Stored], link: int = EN10MB, sign: str = "<") -> bytes:
    """One section with one interface of nanoseconds."""
    out = section(sign) + interface(link, sign, resolution=9)
    return out + b"".join(
        enhanced(time, frame, sign, original=original) for time, frame, original in frames
    )
