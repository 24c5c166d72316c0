"""Keys that are not of one SA by name: CK and IK of a user, or an address left open in a file."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from pcscf.decode.model import Candidate
from xfrm.esp import EspCodec, EspPayload

# An SPI without an SA costs an attempt for each.
MAX_GIVEN: Final = 1024
MAX_FOUND: Final = 8  # CK and IK pairs, each with every suite

Range = IPv4Network | IPv6Network


class Wildcard:
    """A candidate for every SA whose addresses are in ranges, and the bits of whose SPI fit.

    None stands for every address; of ``spi`` only the bits in ``mask`` count.
    """

    __slots__ = ("_codec", "candidate", "dst", "mask", "spi", "src")

    def __init__(
        self,
        candidate: Candidate,
        src: Range | None = None,
        dst: Range | None = None,
        spi: int = 0,
        mask: int = 0,
    ) -> None:
        self.candidate = candidate
        self.src = src
        self.dst = dst
        self.spi = spi & mask
        self.mask = mask
        self._codec: EspCodec | None = None

    @property
    def open(self) -> Callable[[bytes], EspPayload]:
        """Open a packet under these keys, as ``EspCodec.open`` does."""
        if self._codec is None:
            self._codec = codec_of(self.candidate)
        return self._codec.open

    def fits(self, src: str, dst: str, spi: int) -> bool:
        """Whether an SA may have these keys."""
        return (
            spi & self.mask == self.spi
            and (self.src is None or ip_address(src) in self.src)
            and (self.dst is None or ip_address(dst) in self.dst)
        )


def codec_of(candidate: Candidate) -> EspCodec:
    """Make what opens packets under a candidate's keys."""
    return EspCodec(candidate.suite, candidate.keys, checked=candidate.checked)


class Wildcards:
    """Those given by the user, and those found whose SPIs were not seen.

    ``version`` grows with each that is added: then what was in vain may be tried again.
    """

    def __init__(self, given: Iterable[Wildcard] = ()) -> None:
        self.version = 0
        self.dropped = 0
        self._given: list[Wildcard] = []
        self._found: deque[tuple[str, list[Wildcard]]] = deque(maxlen=MAX_FOUND)
        self.give(given)

    def give(self, wildcards: Iterable[Wildcard]) -> None:
        """Add the user's, up to a bound; ``dropped`` counts those beyond."""
        for wildcard in wildcards:
            if len(self._given) < MAX_GIVEN:
                self._given.append(wildcard)
            else:
                self.dropped += 1
        self.version += 1

    def find(self, name: str, candidates: Iterable[Candidate]) -> None:
        """Add candidates found in the capture under a name; the oldest name is forgotten."""
        self._found.append((name, [Wildcard(candidate) for candidate in candidates]))
        self.version += 1

    def claim(self, name: str) -> None:
        """Forget what was found under a name: now its SPIs are known."""
        for entry in [entry for entry in self._found if entry[0] == name]:
            self._found.remove(entry)

    def fitting(self, src: str, dst: str, spi: int) -> Iterator[tuple[Wildcard, bool]]:
        """Give those that an SA may have, and whether the user gave them for it."""
        for wildcard in self._given:
            if wildcard.fits(src, dst, spi):
                yield wildcard, True
        for _, wildcards in self._found:
            for wildcard in wildcards:
                yield wildcard, False
