"""Everything random: tokens, branches, tags, SPIs, pauses. The source of it is passed in."""

from collections.abc import Callable, Container, Iterator, Sequence
from itertools import chain

# RFC 4303 2.1: 1..255 are reserved, 0 is never sent.
_FIRST_SPI = 256
_SPI_SPACE = 2**32 - _FIRST_SPI

RandomBytes = Callable[[int], bytes]
"""n -> n octets nobody can guess (``os.urandom`` when running)."""


class Ids:
    """Draws identifiers from a source of random octets."""

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random = random_bytes

    def token(self) -> str:
        """128 bits that nobody can guess, as a SIP user part: the Path token."""
        return self._random(16).hex()

    def branch(self) -> str:
        """A Via branch (RFC 3261 8.1.1.7) that a stranger cannot guess either."""
        return "z9hG4bK" + self._random(12).hex()

    def tag(self) -> str:
        """A To tag (RFC 3261 19.3 asks for 32 bits)."""
        return self._random(8).hex()

    def icid(self) -> str:
        """An IMS charging identity, unique in the network (RFC 7315 4.6)."""
        return self._random(16).hex()

    def spi(self, taken: Container[int]) -> int:
        """An SPI outside the reserved range and not in ``taken``."""
        while True:
            spi = _FIRST_SPI + int.from_bytes(self._random(8)) % _SPI_SPACE
            if spi not in taken:
                return spi

    def from_anywhere(self, values: Sequence[int]) -> Iterator[int]:
        """All the values in a circle, from any of them on."""
        start = int.from_bytes(self._random(4)) % len(values)
        return chain(values[start:], values[:start])

    def between(self, first: int, last: int) -> int:
        """Any of the numbers from ``first`` to ``last``, both included."""
        return first + int.from_bytes(self._random(8)) % (last - first + 1)
