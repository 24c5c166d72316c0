"""What the command asks of the engine."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pcscf.decode.model import Frame, Packet, Sa, SipMessage
from pcscf.decode.output.summary import Summary


@dataclass(frozen=True, slots=True)
class Keys:
    """What the user gave beside the capture. ``files`` and ``usim`` are paths."""

    files: tuple[str, ...] = ()
    usim: str | None = None
    ck: bytes | None = field(default=None, repr=False)
    ik: bytes | None = field(default=None, repr=False)
    verify: bool = False  # open each packet a second way, and note what differs


class Decoder(Protocol):
    """Frames in, SIP messages out, in the order of the capture."""

    # Gets each packet as it is without tunnels and ESP; one that stays closed, as it came.
    on_packet: Callable[[Packet], object] | None

    def feed(self, frame: Frame) -> Sequence[SipMessage]:
        """Give the messages that this frame completes. Raises nothing, whatever the frame."""

    def finish(self) -> Sequence[SipMessage]:
        """Give the messages that waited for more; there is no more."""

    def add_secrets(self, kind: int, data: bytes) -> None:
        """Take a decryption-secrets block; raises nothing if it cannot be used."""

    @property
    def sas(self) -> Iterable[Sa]:
        """Every SA, in the order in which they were met."""

    def summary(self) -> Summary:
        """Give what was counted so far; ``shown`` and ``stopped`` are the command's."""
