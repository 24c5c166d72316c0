"""Captures damaged at random, from a seed: each way is one that disks, networks or people have."""

import random
from collections.abc import Callable

Damage = Callable[[random.Random, bytearray], None]

EXTREMES = (0, 1, 7, 0x7F, 0xFFFF, 0x10000, 0x40000, 0x1000000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def flip_bits(chance: random.Random, file: bytearray) -> None:
    for _ in range(chance.choice([1, 2, 20])):
        file[chance.randrange(len(file))] ^= 1 << chance.randrange(8)


def truncate(chance: random.Random, file: bytearray) -> None:
    del file[chance.randrange(len(file)) :]


def write_a_length(chance: random.Random, file: bytearray) -> None:
    """Lengths are aligned in the file's structures, and anywhere in its frames."""
    size = chance.choice([1, 2, 4])
    place = chance.randrange(len(file))
    value = chance.choice(EXTREMES) % (1 << 8 * size)
    order = chance.choice(["big", "little"])
    file[place : place + size] = value.to_bytes(size, "big" if order == "big" else "little")


def leave_out(chance: random.Random, file: bytearray) -> None:
    place = chance.randrange(len(file))
    del file[place : place + chance.choice([1, 4, 100])]


def repeat(chance: random.Random, file: bytearray) -> None:
    place = chance.randrange(len(file))
    file[place:place] = file[place : place + chance.choice([1, 4, 100, 1000])] * chance.choice(
        [1, 9]
    )


def overwrite(chance: random.Random, file: bytearray) -> None:
    place = chance.randrange(len(file))
    file[place : place + 16] = chance.randbytes(16)


KINDS: tuple[Damage, ...] = (flip_bits, truncate, write_a_length, leave_out, repeat, overwrite)


def damaged(chance: random.Random, file: bytes) -> bytes:
    """Damage a file in one to three ways; what is left may be nothing."""
    broken = bytearray(file)
    for _ in range(chance.randrange(1, 4)):
        if broken:
            chance.choice(KINDS)(chance, broken)
    return bytes(broken)
