"""The decoder: frames in, SIP messages out, SAs found on the way."""

from collections.abc import Callable, Iterable
from typing import Final

from pcscf.decode.decoder import Keys
from pcscf.decode.input.messages import Messages
from pcscf.decode.input.unwrap import ESP, Unwrapper
from pcscf.decode.keys.backlog import Backlog, Turn
from pcscf.decode.keys.esp import WAITS, Opener
from pcscf.decode.keys.file_keys import FileKeys
from pcscf.decode.keys.given import given_keys
from pcscf.decode.keys.key_files import load_keys, read_secrets
from pcscf.decode.keys.keyring import Keyring
from pcscf.decode.keys.registrations import may_state
from pcscf.decode.keys.sas import SaTable
from pcscf.decode.keys.usim import load_usims
from pcscf.decode.keys.verify import Verifier
from pcscf.decode.keys.wildcards import Wildcards
from pcscf.decode.model import Frame, Packet, Sa, SipMessage
from pcscf.decode.output.summary import Summary, add_faults

_IP_IN_ESP: Final = {4, 41}  # tunnel mode
_DEEPEST: Final = 4  # ESP within ESP


class Engine:
    """Decodes one capture, or several read as one. See ``decoder.Decoder`` for what it does.

    Raises KeyFileError for keys that cannot be used, StartError where ``verify`` lacks scapy.
    """

    def __init__(self, keys: Keys | None = None) -> None:
        keys = keys or Keys()
        self.on_packet: Callable[[Packet], object] | None = None
        self._table = SaTable()
        self._wildcards = Wildcards()
        usims = load_usims(keys.usim) if keys.usim is not None else None
        self._keyring = Keyring(self._table, self._wildcards, usims)
        self._opener = Opener(self._table, self._wildcards)
        self._unwrapper = Unwrapper()
        self._messages = Messages()
        self._backlog = Backlog()
        self._verifier = Verifier() if keys.verify else None
        self._counted = Summary()
        self._notes: list[str] = []
        if keys.ck is not None and keys.ik is not None:
            self._wildcards.give(given_keys(keys.ck, keys.ik))
        for path in keys.files:
            self._take(load_keys(path))

    def add_secrets(self, kind: int, data: bytes) -> None:
        """Take a decryption-secrets block; one of another kind, or damaged, adds nothing."""
        self._take(read_secrets(kind, data, "secrets block of the capture"))

    def _take(self, found: FileKeys) -> None:
        for sa in found.sas:
            self._table.add(sa)
        self._wildcards.give(found.wildcards)
        self._notes += found.notes

    # -- frames ----------------------------------------------------------------------------------

    def feed(self, frame: Frame) -> list[SipMessage]:
        """Give the messages that this frame completes, in the order of the capture.

        Behind a packet whose keys may yet come they are given later. Raises nothing, whatever
        the frame.
        """
        counted = self._counted
        counted.frames += 1
        counted.last_time = frame.time
        if counted.first_time is None:
            counted.first_time = frame.time
        packet = self._unwrapper.frame(frame)
        messages = [] if packet is None else self._packet(packet)
        return self._in_turn(frame.time) if self._backlog.turns else messages

    def finish(self) -> list[SipMessage]:
        """Give the messages that waited for more; there is no more."""
        return self._in_turn(None) + self._seen(self._messages.finish())

    def _packet(self, packet: Packet) -> list[SipMessage]:
        """Take a packet; give its messages, if it is their turn."""
        self._counted.packets += 1
        messages: list[SipMessage] | None
        if packet.protocol == ESP:
            packet, messages = self._inside(packet, wait=True)
        else:
            messages = self._seen(self._messages.feed(packet))
        if messages is None:
            self._backlog.wait(packet, self._wildcards.version)
            return []
        if self._backlog.turns:
            self._backlog.follow(packet, messages)
            return []
        if self.on_packet:
            self.on_packet(packet)
        return messages

    def _inside(self, packet: Packet, *, wait: bool) -> tuple[Packet, list[SipMessage] | None]:
        """Give the innermost packet, and what it completes; None if keys for it may come.

        The packet itself if it cannot be opened.
        """
        sa = None
        for _ in range(_DEEPEST):
            opened = self._opener.open(packet, wait=wait)
            if opened is WAITS:
                return packet, None
            self._counted.esp += 1
            if self._verifier:
                self._verifier.compare(packet, opened)
            inside = opened.packet
            if inside is not None and inside.protocol in _IP_IN_ESP:
                inside = self._unwrapper.ip(packet.number, packet.time, inside.payload)
            if inside is None:
                break
            packet, sa = inside, opened.sa
            if packet.protocol != ESP:
                break
        return packet, self._seen(self._messages.feed(packet, sa))

    def _in_turn(self, now: int | None) -> list[SipMessage]:
        """Give the messages whose turn it is: keys have come, or will not come in time."""
        self._retry()
        while turn := self._backlog.overdue(now):
            self._open(turn, wait=False)
            self._retry()
        given: list[SipMessage] = []
        for turn in self._backlog.ready():
            if self.on_packet:
                self.on_packet(turn.packet)
            given += turn.messages
        return given

    def _retry(self) -> None:
        """Open what waits with new keys. If there are others in it, they are for the next time."""
        for turn in self._backlog.promising(self._wildcards.version):
            self._open(turn, wait=True)

    def _open(self, turn: Turn, *, wait: bool) -> None:
        packet, messages = self._inside(turn.packet, wait=wait)
        if messages is not None:
            self._backlog.end(turn, packet, messages)

    def _seen(self, messages: list[SipMessage]) -> list[SipMessage]:
        for message in messages:
            if may_state(message.data) and (changed := self._keyring.observe(message)):
                self._backlog.found(changed)
        self._counted.messages += len(messages)
        return messages

    # -- what came of it -------------------------------------------------------------------------

    @property
    def sas(self) -> Iterable[Sa]:
        """Every SA, in the order in which they were met."""
        return list(self._table)

    def summary(self) -> Summary:
        """Give what was counted so far; ``shown`` and ``stopped`` are the caller's."""
        counted = self._counted
        counted.faults = add_faults(self._table) + self._table.gone
        counted.losses.clear()
        counted.losses.update(self._losses())
        counted.notes = [*self._notes, *self._keyring.notes, *self._verified()]
        return counted

    def _losses(self) -> dict[str, int]:
        messages, fragments = self._messages, self._unwrapper.fragments
        losses = dict(self._unwrapper.skipped)
        losses |= {
            "fragments that stayed incomplete": fragments.unfinished,
            "fragments that overlap": fragments.overlaps,
            "datagrams with SIP cut by the snap length": messages.cut,
            "messages of streams that are incomplete": messages.broken,
            "gaps in streams": messages.gaps,
            "ESP packets without an SPI": self._opener.without_spi,
            "SAs that were too many": self._table.dropped,
        }
        return {name: count for name, count in losses.items() if count}

    def _verified(self) -> list[str]:
        if self._verifier is None:
            return []
        one = self._verifier
        total = f"scapy: {one.compared} packets opened a second time, {one.different} differ"
        return [f"{total}, {one.skipped} could not be", *one.differences]
