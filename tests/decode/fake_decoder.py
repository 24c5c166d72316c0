"""A decoder for tests of the command: what a frame holds is a message as it stands."""

import struct
from collections.abc import Callable
from pathlib import Path

from pcscf.decode.decoder import Decoder, Keys
from pcscf.decode.model import Fault, Frame, Packet, Sa, SipMessage
from pcscf.decode.output.summary import Summary
from tests.decode.samples import PCSCF, UE, an_sa


class FakeDecoder:
    """Frames of the time in which a second is odd come under an SA; the last one is held back."""

    def __init__(self, keys: Keys | None = None) -> None:
        self.keys = keys
        self.on_packet: Callable[[Packet], object] | None = None
        self.secrets: list[tuple[int, bytes]] = []
        self.frames: list[Frame] = []
        self.unread = 0
        self.sa = an_sa()
        self._held: list[SipMessage] = []

    def feed(self, frame: Frame) -> list[SipMessage]:
        self.frames.append(frame)
        if self.on_packet:
            self.on_packet(Packet(frame.number, frame.time, "a", "b", 17, b"", frame.data))
        sa = self.sa if frame.time // 10**9 % 2 else None
        ready, self._held = (
            self._held,
            [SipMessage(frame.number, frame.time, UE, PCSCF, "UDP", sa, frame.data)],
        )
        return ready

    def finish(self) -> list[SipMessage]:
        return self._held

    def add_secrets(self, kind: int, data: bytes) -> None:
        self.secrets.append((kind, data))

    @property
    def sas(self) -> list[Sa]:
        return [self.sa]

    def summary(self) -> Summary:
        summary = Summary(frames=len(self.frames), messages=len(self.frames), esp=3)
        summary.faults[Fault.BAD_ICV] = self.unread
        return summary


def decoder_of(keys: Keys) -> Decoder:
    return FakeDecoder(keys)


def write_pcap(path: Path, frames: list[tuple[int, bytes]], cut: int = 0) -> Path:
    """Write frames of (seconds, data); ``cut`` octets are missing at the end."""
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    for seconds, octets in frames:
        data += struct.pack("<IIII", seconds, 0, len(octets), len(octets)) + octets
    path.write_bytes(data[: len(data) - cut])
    return path
