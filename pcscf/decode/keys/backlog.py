"""ESP packets whose keys may come in a moment, and what has to wait behind them.

Where Gm and the core were captured on two machines, their clocks differ, and the core's 401 may
stand behind the phone's first packets under the SAs that it is about. So a packet without keys
waits for a while, by the capture's clock. What was read behind it waits too, to be given in the
order of the capture; it was taken note of at once, as it may hold those very keys.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from pcscf.decode.model import Packet, Sa, SipMessage

PATIENCE: Final = 2 * 10**9  # nanoseconds: of a packet, and from the first one of its SA on
MAX_WAITING: Final = 1024
MAX_TURNS: Final = 8192  # of waiting packets and what is behind them
MAX_OCTETS: Final = 16 << 20  # of all of them
_MAX_TRIES: Final = 4  # of one packet with keys that may be anybody's


class Turn:
    """A packet in its place; as long as it ``waits`` it is closed, then it has its messages."""

    __slots__ = ("messages", "packet", "tries", "waits")

    def __init__(self, packet: Packet, messages: list[SipMessage], *, waits: bool) -> None:
        self.packet = packet
        self.messages = messages
        self.waits = waits
        self.tries = 0

    @property
    def octets(self) -> int:
        """Octets of memory that it takes, about."""
        return len(self.packet.payload) + sum(len(one.data) for one in self.messages)


class Backlog:
    """``turns`` in the order of the capture, of which the first one waits; often there are none."""

    def __init__(self) -> None:
        self.turns: deque[Turn] = deque()
        self._waiting: deque[Turn] = deque()  # those of them, and some that do no more
        self._octets = 0
        self._fresh: set[tuple[str, int]] = set()
        self._version = 0

    def wait(self, packet: Packet, version: int) -> None:
        """Let an ESP packet wait that no key opens, of that version of the wildcards."""
        if not self.turns:
            self._version = version
        turn = Turn(packet, [], waits=True)
        self._waiting.append(turn)
        self._append(turn)

    def follow(self, packet: Packet, messages: list[SipMessage]) -> None:
        """Let what was read wait for its turn."""
        self._append(Turn(packet, messages, waits=False))

    def found(self, sas: Iterable[Sa]) -> None:
        """Take note of SAs that have keys now."""
        if self.turns:
            self._fresh.update((sa.dst, sa.spi) for sa in sas)

    def promising(self, version: int) -> list[Turn]:
        """Give the packets that new keys may open: those of their SAs, and of anybody's some."""
        if not self._fresh and version == self._version:
            return []
        is_new = version != self._version
        self._version = version
        fresh, self._fresh = self._fresh, set()
        return [turn for turn in self._waiting if turn.waits and _may_open(turn, fresh, is_new)]

    def overdue(self, now: int | None) -> Turn | None:
        """Give the first packet that must not wait any longer; at the end, ``now`` None, each."""
        while self._waiting and not self._waiting[0].waits:
            self._waiting.popleft()
        if not self._waiting:
            return None
        first = self._waiting[0]
        is_over = now is None or abs(now - first.packet.time) > PATIENCE
        return first if is_over or self._is_full() else None

    def ready(self) -> Iterator[Turn]:
        """Take out those before the first one that waits."""
        while self.turns and not self.turns[0].waits:
            turn = self.turns.popleft()
            self._octets -= turn.octets
            yield turn

    def end(self, turn: Turn, packet: Packet, messages: list[SipMessage]) -> None:
        """End the waiting of a packet: with what was inside, or as it came."""
        self._octets -= turn.octets
        turn.packet, turn.messages, turn.waits = packet, messages, False
        self._octets += turn.octets

    def _append(self, turn: Turn) -> None:
        self.turns.append(turn)
        self._octets += turn.octets

    def _is_full(self) -> bool:
        return (
            len(self._waiting) > MAX_WAITING
            or len(self.turns) > MAX_TURNS
            or self._octets > MAX_OCTETS
        )


def _may_open(turn: Turn, fresh: set[tuple[str, int]], is_new: bool) -> bool:
    packet = turn.packet
    if (packet.dst, int.from_bytes(packet.payload[:4], "big")) in fresh:
        return True
    turn.tries += is_new
    return is_new and turn.tries <= _MAX_TRIES
