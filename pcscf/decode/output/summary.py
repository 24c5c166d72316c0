"""What came of a capture as a whole."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from pcscf.decode.model import Fault, Sa

# Of these packets nothing could be read. One of another port than agreed, or one seen twice, was
# opened all the same.
UNREADABLE: Final = (
    Fault.UNKNOWN_SPI,
    Fault.BAD_ICV,
    Fault.WRONG_KEY,
    Fault.MALFORMED,
    Fault.CUT,
)


@dataclass(slots=True)
class Summary:
    """Counts of frames, packets and messages, and what else the user has to be told.

    ``esp`` are the ESP packets met, whole ones only. ``packets`` are IP packets, fragments put
    together and tunnels taken off. ``losses`` counts by name what did not become a message for
    another reason than ESP ("fragments that stayed incomplete"). ``notes`` are sentences
    without a full stop, such as "FILE ends within frame 17".
    """

    frames: int = 0
    first_time: int | None = None
    last_time: int | None = None
    packets: int = 0
    esp: int = 0
    messages: int = 0
    shown: int = 0  # of the messages those that passed the filters; the command counts them
    faults: Counter[Fault] = field(default_factory=Counter)
    losses: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    stopped: bool = False  # by the user

    @property
    def unread(self) -> int:
        """ESP packets that were not opened."""
        return unread(self.faults)

    @property
    def read(self) -> int:
        """ESP packets that were opened."""
        return self.esp - self.unread


def unread(faults: Counter[Fault]) -> int:
    """Give the number of packets that could not be opened."""
    return sum(faults[fault] for fault in UNREADABLE)


def add_faults(sas: Iterable[Sa]) -> Counter[Fault]:
    """Add up what the SAs counted, for who makes a Summary."""
    total: Counter[Fault] = Counter()
    for sa in sas:
        total.update(sa.faults)
    return total
