"""Captures written in Wireshark's format (draft-ietf-opsawg-pcapng), with nanoseconds."""

import struct
from typing import Final

from pcscf.decode.input.ip import write_ip
from pcscf.decode.input.link import RAW
from pcscf.decode.model import Frame, Packet
from pcscf.decode.output.output import Sink

_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_ENHANCED_PACKET: Final = 6
_SECRETS: Final = 10

_BYTE_ORDER: Final = 0x1A2B3C4D
_UNKNOWN_LENGTH: Final = -1
_COMMENT: Final = 1
_TIME_RESOLUTION: Final = 9
_APPLICATION: Final = 4
_NANOSECONDS: Final = b"\x09"
_MAX_OPTION: Final = 65532  # padded it is still a length of 16 bits
_LATEST: Final = (1 << 64) - 1


class PcapngWriter:
    """Frames as they were and packets without a link layer, each link type an interface."""

    def __init__(self, out: Sink) -> None:
        """Write the section header."""
        self._out = out
        self._interfaces: dict[int, int] = {}
        head = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, _UNKNOWN_LENGTH)
        self._block(_SECTION, head + _option(_APPLICATION, b"pcscf decode"))

    def write_frame(self, frame: Frame, comment: str = "") -> None:
        """Write a frame as it was captured."""
        self._write(frame.link, frame.time, frame.data, frame.missing, comment)

    def write_packet(self, packet: Packet, comment: str = "") -> None:
        """Write a packet as raw IP, its header made to fit what it carries."""
        self._write(RAW, packet.time, write_ip(packet), packet.missing, comment)

    def write_secrets(self, kind: int, data: bytes) -> None:
        """Write a decryption-secrets block; Wireshark wants it before what it is for."""
        self._block(_SECRETS, struct.pack("<II", kind, len(data)) + _padded(data))

    def _write(self, link: int, time: int, data: bytes, missing: int, comment: str) -> None:
        index = self._interfaces.get(link)
        if index is None:
            index = self._add_interface(link)
        time = max(0, min(time, _LATEST))
        size = len(data)
        head = struct.pack("<IIIII", index, time >> 32, time & 0xFFFFFFFF, size, size + missing)
        options = _option(_COMMENT, comment.encode()[:_MAX_OPTION]) if comment else b""
        self._block(_ENHANCED_PACKET, head + _padded(data) + options)

    def _add_interface(self, link: int) -> int:
        self._interfaces[link] = len(self._interfaces)
        self._block(
            _INTERFACE, struct.pack("<HHI", link, 0, 0) + _option(_TIME_RESOLUTION, _NANOSECONDS)
        )
        return self._interfaces[link]

    def _block(self, kind: int, body: bytes) -> None:
        size = len(body) + 12
        self._out.write(struct.pack("<II", kind, size) + body + struct.pack("<I", size))


def _option(code: int, value: bytes) -> bytes:
    """Write one option, and the end of the options."""
    return struct.pack("<HH", code, len(value)) + _padded(value) + bytes(4)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
