"""Captures in the classic format of tcpdump (draft-ietf-opsawg-pcap)."""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from pcscf.decode.input.octets import Octets
from pcscf.decode.input.reader import MAX_FRAME, Secret, end_note
from pcscf.decode.model import Frame
from pcscf.errors import CaptureError

_HEADER_SIZE: Final = 24
_LINK: Final = 0xFFFF  # above it are bits about the frame check sequence


class _Variant(NamedTuple):
    unit: int  # nanoseconds in a unit of the fraction
    record: int  # octets before the data of a frame


_VARIANTS: Final = {
    0xA1B2C3D4: _Variant(1000, 16),
    0xA1B23C4D: _Variant(1, 16),
    0xA1B2CD34: _Variant(1000, 24),  # a patched libpcap's: with interface and protocol
}

# The octets a file begins with tell the variant and the byte order, in struct's letters.
MAGICS: Final = {
    struct.pack(sign + "I", magic): (variant, sign)
    for magic, variant in _VARIANTS.items()
    for sign in "<>"
}


class PcapReader:
    """The frames of one file. ``notes`` says why it ended early, once it has."""

    def __init__(self, octets: Octets) -> None:
        """Read the file's header; CaptureError if it is none."""
        self.notes: list[str] = []
        self.secrets: list[Secret] = []  # the format has none
        self._octets = octets
        if not octets.more(0, _HEADER_SIZE) or octets.data[:4] not in MAGICS:
            raise CaptureError("the file header is incomplete")
        self._variant, self._sign = MAGICS[octets.data[:4]]
        (link,) = struct.unpack_from(self._sign + "20xI", octets.data)
        self._link: int = link & _LINK

    def frames(self) -> Iterator[Frame]:
        """Yield the frames, up to the end or to where the file breaks."""
        octets, link = self._octets, self._link
        unit, record = self._variant
        unpack = struct.Struct(self._sign + "IIII").unpack_from
        data, at, number = octets.data, _HEADER_SIZE, 0
        while True:
            if at + record > len(data):
                complete = octets.more(at, record)
                data, at = octets.data, 0
                if not complete:
                    break
            seconds, fraction, captured, original = unpack(data, at)
            if captured > MAX_FRAME:
                self.notes.append(f"damaged after frame {number}: a frame of {captured} octets")
                return
            start, end = at + record, at + record + captured
            if end > len(data):
                complete = octets.more(at, record + captured)
                data, at, start, end = octets.data, 0, record, record + captured
                if not complete:
                    break
            number += 1
            at = end
            yield Frame(
                number, seconds * 1_000_000_000 + fraction * unit, link, data[start:end],
                original - captured if original > captured else 0,
            )  # fmt: skip
        self.notes += end_note(number, octets.data, octets.fault)
