"""The octets of a capture file in large pieces, decompressed where it is gzip."""

import zlib
from typing import Final, Protocol

_CHUNK: Final = 1 << 20  # read, or at most decompressed, at a time
_PACKED: Final = 1 << 16  # read of gzip at a time: each of its members may copy what is left
_GZIP: Final = b"\x1f\x8b"
_GZIP_FORMAT: Final = 16 + zlib.MAX_WBITS


class RawFile(Protocol):
    """An unbuffered file: ``read`` gives what there is, and b"" at the end."""

    def read(self, size: int, /) -> bytes | None:
        """Read at most ``size`` octets."""

    def close(self) -> None:
        """Close it."""


class Octets:
    """What a reader has before it: ``data``, in which it keeps its place itself.

    ``done`` counts the octets that were read of the file, as it is stored. ``fault`` says why
    there is no more, where that is not the plain end.
    """

    def __init__(self, file: RawFile) -> None:
        self.data = b""
        self.done = 0
        self.fault = ""
        self._file = file
        self._gzip: _Gzip | None = None
        if self.more(0, len(_GZIP)) and self.data.startswith(_GZIP):
            self._gzip = _Gzip(self.data)
            self.data = b""

    def more(self, place: int, size: int) -> bool:
        """Let go of what is before ``place`` and get at least ``size`` octets; False: no more come.

        Whichever it is, what the reader had at ``place`` is at the start of ``data`` now.
        """
        pieces = [self.data[place:]]
        lacking = size - len(pieces[0])
        while lacking > 0:
            piece = self._next()
            if not piece:
                break
            pieces.append(piece)
            lacking -= len(piece)
        self.data = b"".join(pieces)
        return lacking <= 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _next(self) -> bytes:
        try:
            return self._read(_CHUNK) if self._gzip is None else self._unpacked(self._gzip)
        except OSError as error:
            self.fault = error.strerror or "reading failed"
        except zlib.error:
            self.fault = "damaged gzip"
        return b""

    def _read(self, size: int) -> bytes:
        piece = self._file.read(size) or b""
        self.done += len(piece)
        return piece

    def _unpacked(self, gzip: "_Gzip") -> bytes:
        """Give some more of what is in the gzip file; b"" at its end."""
        while True:
            piece = gzip.unpack()
            if piece:
                return piece
            packed = self._read(_PACKED)
            if not packed:
                if not gzip.is_complete:
                    self.fault = "truncated gzip"
                return b""
            gzip.feed(packed)


class _Gzip:
    """Members of a gzip file one after the other, in pieces of bounded size (RFC 1952 2.2)."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed
        self._member = zlib.decompressobj(_GZIP_FORMAT)
        self._damage: zlib.error | None = None

    @property
    def is_complete(self) -> bool:
        return self._member.eof and not self._packed

    def feed(self, packed: bytes) -> None:
        self._packed += packed

    def unpack(self) -> bytes:
        """Give what the octets at hand decompress to, or the first of it; b"" if they are too few.

        Raises zlib.error where the file is damaged, once all before that has been given.
        """
        while self._packed:
            if self._member.eof and not self._begin_member():
                break
            piece = self._decompress()
            if piece:
                return piece
        if self._damage is not None:
            raise self._damage
        return b""

    def _begin_member(self) -> bool:
        """Zeros behind a member are the padding of a tape or disk, as gzip itself takes them."""
        self._packed = self._packed.lstrip(b"\0")
        if self._packed:
            self._member = zlib.decompressobj(_GZIP_FORMAT)
        return bool(self._packed)

    def _decompress(self) -> bytes:
        member = self._member.copy()
        try:
            piece = self._member.decompress(self._packed, _CHUNK)
        except zlib.error as error:
            self._damage = error
            piece = _up_to_damage(member, self._packed)
            self._packed = b""
        else:
            self._packed = self._member.unused_data or self._member.unconsumed_tail
        return piece


def _up_to_damage(member: "zlib._Decompress", packed: bytes) -> bytes:
    """Decompress octet by octet: an error swallows what the same call has decompressed."""
    plain = bytearray()
    try:
        for octet in packed:
            plain += member.decompress(bytes((octet,)))
    except zlib.error:
        pass
    return bytes(plain)
