"""What the readers of both file formats have in common."""

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from pcscf.decode.model import Frame

MAX_FRAME: Final = 1 << 18  # octets: what tcpdump and Wireshark take for the largest


class Secret(NamedTuple):
    """What a decryption-secrets block holds, and the number that says of which kind it is."""

    kind: int
    data: bytes


class Reader(Protocol):
    """The frames of one file. Read once; ``notes`` and ``secrets`` grow meanwhile."""

    notes: list[str]
    secrets: list[Secret]

    def frames(self) -> Iterator[Frame]:
        """Yield the frames, up to the end or to where the file breaks."""


def end_note(number: int, left: bytes, fault: str) -> list[str]:
    """Say where a file ends that does not end behind a whole frame; nothing if it does."""
    if not left and not fault:
        return []
    return [f"truncated after frame {number}" + (f": {fault}" if fault else "")]
