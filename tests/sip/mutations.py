"""Broken messages for fuzzing: seeded, so that a failure can be repeated.

``mutations(count, seed)`` gives messages; ``corpus()`` is what they are made from.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.sip import samples

Mutation = Callable[[random.Random, bytes], bytes]

TORTURE = Path(__file__).parent / "torture"
# fmt: off
_NASTY = (
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\r\n ", b"\x00", b'"', b"\\", b"<", b">", b",", b";",
    b"=", b":", b"%", b"%00", b"\xff", b"\xc3\x28", b"\xe2\x80\xa8", b"\xd9\xa1", b"-1", b"[::1]",
    b"9" * 30, b"9" * 5000, b" " * 3000, b"(" * 500, b'"' * 501, b"a," * 500, b";a=b" * 500,
    b"\r\nContent-Length: 5", b"\r\nVia: SIP/2.0/UDP h", b"ck=",
)
# fmt: on


def corpus() -> list[bytes]:
    """Give the torture messages and the typical ones."""
    return [path.read_bytes() for path in sorted(TORTURE.glob("*/*.sip"))] + list(samples.ALL)


def mutations(count: int, seed: int = 1) -> Iterator[bytes]:
    """Give ``count`` messages, each of the corpus with one to four mutations."""
    source = random.Random(seed)
    whole = corpus()
    for _ in range(count):
        yield mutated(source, source.choice(whole))


def mutated(source: random.Random, data: bytes) -> bytes:
    """Give a message with one to four mutations."""
    for _ in range(source.randint(1, 4)):
        data = source.choice(MUTATIONS)(source, data)
    return data


def _span(source: random.Random, data: bytes, longest: int) -> tuple[int, int]:
    start = source.randint(0, len(data))
    return start, min(start + source.randint(1, longest), len(data))


def flip_bit(source: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    place = source.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << source.randrange(8))]) + data[place + 1 :]


def delete(source: random.Random, data: bytes) -> bytes:
    start, end = _span(source, data, 40)
    return data[:start] + data[end:]


def duplicate(source: random.Random, data: bytes) -> bytes:
    start, end = _span(source, data, 60)
    return data[:end] + data[start:end] * source.choice([1, 1, 2, 200]) + data[end:]


def truncate(source: random.Random, data: bytes) -> bytes:
    return data[: source.randint(0, len(data))]


def insert_nasty(source: random.Random, data: bytes) -> bytes:
    place = source.randint(0, len(data))
    return data[:place] + source.choice(_NASTY) + data[place:]


def replace_with_nasty(source: random.Random, data: bytes) -> bytes:
    start, end = _span(source, data, 8)
    return data[:start] + source.choice(_NASTY) + data[end:]


def replace_number(source: random.Random, data: bytes) -> bytes:
    places = [place for place in range(len(data)) if data[place : place + 1].isdigit()]
    if not places:
        return data
    place = source.choice(places)
    number = source.choice([b"", b"-1", b"0", b"4294967296", b"1" + b"0" * 400, b"0x1", b"1e9"])
    return data[:place] + number + data[place + 1 :]


def swap_lines(source: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    one, other = source.randrange(len(lines)), source.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\r\n".join(lines)


def repeat_line(source: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    place = source.randrange(len(lines))
    lines[place:place] = [lines[place]] * source.choice([1, 2, 300])
    return b"\r\n".join(lines)


def change_case(source: random.Random, data: bytes) -> bytes:
    start, end = _span(source, data, 40)
    return data[:start] + data[start:end].swapcase() + data[end:]


def noise(source: random.Random, data: bytes) -> bytes:
    start, end = _span(source, data, 30)
    return data[:start] + source.randbytes(end - start) + data[end:]


MUTATIONS: tuple[Mutation, ...] = (
    flip_bit,
    delete,
    duplicate,
    truncate,
    insert_nasty,
    replace_with_nasty,
    replace_number,
    swap_lines,
    repeat_line,
    change_case,
    noise,
)
