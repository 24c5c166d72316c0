"""Captures in Wireshark's format (draft-ietf-opsawg-pcapng)."""

import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, NoReturn

from pcscf.decode.input.octets import Octets
from pcscf.decode.input.reader import MAX_FRAME, Secret, end_note
from pcscf.decode.model import Frame
from pcscf.errors import CaptureError

MAGIC: Final = b"\x0a\x0d\x0d\x0a"  # the type of a section header, in either byte order

_MAX_BLOCK: Final = 16 << 20
_MAX_SECRETS: Final = 64 << 20  # octets of all blocks with secrets
_MAX_INTERFACES: Final = 65536
_LATEST: Final = (1 << 63) - 1  # nanoseconds; the year 2262

_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_PACKET: Final = 2
_SIMPLE_PACKET: Final = 3
_ENHANCED_PACKET: Final = 6
_SECRETS: Final = 10

_END_OF_OPTIONS: Final = 0
_TIME_RESOLUTION: Final = 9
_TIME_OFFSET: Final = 14

_BYTE_ORDERS: Final = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_BLOCK_HEAD: Final = 8  # type, length
_BLOCK_EDGES: Final = 12  # these and the length again
_SMALLEST_SECTION: Final = 28


class Interface(NamedTuple):
    """What a frame's block leaves to its interface.

    A time is ``units * factor // divisor + offset`` nanoseconds.
    """

    link: int
    snap: int  # 0: no limit
    factor: int = 1000
    divisor: int = 1
    offset: int = 0


class _Layout:
    """The fixed parts of blocks in the byte order of one section."""

    def __init__(self, sign: str) -> None:
        self.sign = sign
        self.block = struct.Struct(sign + "II").unpack_from
        self.interface = struct.Struct(sign + "HxxI").unpack_from
        self.enhanced = struct.Struct(sign + "IIIII").unpack_from
        self.packet = struct.Struct(sign + "HxxIIII").unpack_from
        self.number = struct.Struct(sign + "I").unpack_from
        self.option = struct.Struct(sign + "HH").unpack_from
        self.secrets = struct.Struct(sign + "II").unpack_from


class PcapngReader:
    """The frames of all sections of one file, numbered throughout."""

    def __init__(self, octets: Octets) -> None:
        """Read the first section's header; CaptureError if it is none."""
        self.notes: list[str] = []
        self.secrets: list[Secret] = []
        self._octets = octets
        self._interfaces: list[Interface] = []
        self._number = 0
        self._time = 0  # of the latest frame, for those without one
        self._secret_octets = 0
        if not octets.more(0, _SMALLEST_SECTION):
            raise CaptureError("the section header is incomplete")
        self._layout = _Layout("<")
        self._begin_section(octets.data, 0)
        self._readers: dict[int, tuple[Callable[[bytes, int, int], Frame | None], int]] = {
            _INTERFACE: (self._read_interface, 8),
            _PACKET: (self._read_packet, 20),
            _SIMPLE_PACKET: (self._read_simple, 4),
            _ENHANCED_PACKET: (self._read_enhanced, 20),
            _SECRETS: (self._read_secrets, 8),
        }  # and the octets that each needs at least

    def frames(self) -> Iterator[Frame]:
        """Yield the frames, up to the end or to where the file breaks."""
        try:
            for kind, data, start, end in self._blocks():
                reader, smallest = self._readers.get(kind, (_pass_over, 0))
                frame = reader(data, start, end) if end - start >= smallest else _too_short()
                if frame is not None:
                    yield frame
        except CaptureError as error:
            self.notes.append(f"damaged after frame {self._number}: {error}")

    def _blocks(self) -> Iterator[tuple[int, bytes, int, int]]:
        """Walk from block to block: kind, and octets with the places between which the block is."""
        octets = self._octets
        data, at = octets.data, 0
        while True:
            if at + _BLOCK_EDGES > len(data):
                complete = octets.more(at, _BLOCK_EDGES)
                data, at = octets.data, 0
                if not complete:
                    break
            if data.startswith(MAGIC, at):
                self._begin_section(data, at)
            kind, size = self._layout.block(data, at)
            if not _BLOCK_EDGES <= size <= _MAX_BLOCK or size % 4:
                raise CaptureError(f"a block of {size} octets")
            if at + size > len(data):
                complete = octets.more(at, size)
                data, at = octets.data, 0
                if not complete:
                    break
            end = at + size - 4
            if self._layout.number(data, end)[0] != size:
                raise CaptureError("the two lengths of a block differ")
            yield kind, data, at + _BLOCK_HEAD, end
            at += size
        self.notes += end_note(self._number, octets.data, octets.fault)

    def _begin_section(self, data: bytes, at: int) -> None:
        """Read so much of a section header that its length can be read."""
        sign = _BYTE_ORDERS.get(data[at + _BLOCK_HEAD : at + _BLOCK_EDGES])
        if sign is None:
            raise CaptureError("a section header without byte order")
        self._layout = _Layout(sign)
        self._interfaces = []

    def _read_interface(self, data: bytes, start: int, end: int) -> None:
        link, snap = self._layout.interface(data, start)
        if len(self._interfaces) >= _MAX_INTERFACES:
            raise CaptureError("too many interfaces")
        interface = Interface(link, snap)
        for code, value in self._options(data, start + 8, end):
            if code == _TIME_RESOLUTION and len(value) == 1:
                factor, divisor = _resolution(value[0])
                interface = interface._replace(factor=factor, divisor=divisor)
            elif code == _TIME_OFFSET and len(value) == 8:
                (seconds,) = struct.unpack(self._layout.sign + "q", value)
                interface = interface._replace(offset=seconds * 10**9)
        self._interfaces.append(interface)

    def _options(self, data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Walk through options, each padded to four octets, as far as they can be read."""
        while at + 4 <= end:
            code, size = self._layout.option(data, at)
            if code == _END_OF_OPTIONS or at + 4 + size > end:
                return
            yield code, data[at + 4 : at + 4 + size]
            at += 4 + size + -size % 4

    def _read_enhanced(self, data: bytes, start: int, end: int) -> Frame | None:
        index, high, low, captured, original = self._layout.enhanced(data, start)
        octets = _captured(data, start + 20, captured, end)
        return self._frame(index, high << 32 | low, original, octets)

    def _read_packet(self, data: bytes, start: int, end: int) -> Frame | None:
        """Read the obsolete packet block."""
        index, high, low, captured, original = self._layout.packet(data, start)
        octets = _captured(data, start + 20, captured, end)
        return self._frame(index, high << 32 | low, original, octets)

    def _read_simple(self, data: bytes, start: int, end: int) -> Frame | None:
        """Read a packet block without a time, which has that of the frame before."""
        (original,) = self._layout.number(data, start)
        snap = self._interfaces[0].snap if self._interfaces else 0
        size = min(original, snap or original, end - start - 4)
        return self._frame(0, None, original, _captured(data, start + 4, size, end))

    def _frame(self, index: int, ticks: int | None, original: int, octets: bytes) -> Frame | None:
        if index >= len(self._interfaces):
            self._note_once("frames of an interface that is not described were left out")
            return None
        link, _, factor, divisor, offset = self._interfaces[index]
        if ticks is not None:
            time = ticks * factor // divisor + offset
            self._time = time if 0 <= time <= _LATEST else max(0, min(time, _LATEST))
        self._number += 1
        missing = original - len(octets)
        return Frame(self._number, self._time, link, octets, max(0, missing))

    def _read_secrets(self, data: bytes, start: int, end: int) -> None:
        kind, size = self._layout.secrets(data, start)
        place = start + 8
        if place + size > end:
            raise CaptureError(f"secrets of {size} octets")
        self._secret_octets += size
        if self._secret_octets > _MAX_SECRETS:
            self._note_once(f"secrets beyond {_MAX_SECRETS} octets were left out")
            return
        self.secrets.append(Secret(kind, data[place : place + size]))

    def _note_once(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)


def _pass_over(_data: bytes, _start: int, _end: int) -> None:
    pass


def _too_short() -> NoReturn:
    raise CaptureError("a block too short for its kind")


def _captured(data: bytes, place: int, size: int, end: int) -> bytes:
    if size > MAX_FRAME or place + size > end:
        raise CaptureError(f"a frame of {size} octets")
    return data[place : place + size]


def _resolution(value: int) -> tuple[int, int]:
    """Give factor and divisor that make nanoseconds of if_tsresol: 10 or 2 to a negative power."""
    power = value & 0x7F
    if value & 0x80:
        return 10**9, 1 << power
    return (10 ** (9 - power), 1) if power <= 9 else (1, 10 ** (power - 9))
