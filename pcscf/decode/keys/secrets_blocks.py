"""The Decryption Secrets Blocks of a pcapng file, and nothing else of it.

The format is draft-ietf-opsawg-pcapng: blocks of type, size, body and size again (3.1), whose
byte order each section says (4.1). A secrets block has a type of its own and a length (4.7).
"""

import struct
from collections.abc import Iterator
from io import BufferedIOBase
from typing import Final

_SECTION: Final = 0x0A0D0D0A
_SECRETS: Final = 0x0000000A
_BYTE_ORDER: Final = 0x1A2B3C4D
_MAX_BLOCK: Final = 16 << 20
_CHUNK: Final = 1 << 20
_HEAD_SIZE: Final = 12  # type, size, and the first word of what follows


def is_pcapng(magic: bytes) -> bool:
    """Whether a file that begins so is pcapng."""
    return int.from_bytes(magic[:4], "big") == _SECTION


def secrets_blocks(file: BufferedIOBase) -> Iterator[tuple[int, bytes]]:
    """Give type and content of each such block, up to where the file breaks.

    Nothing is read twice: the file may be a pipe.
    """
    order = "<"
    while len(head := file.read(_HEAD_SIZE)) == _HEAD_SIZE:
        if is_pcapng(head):
            order = "<" if int.from_bytes(head[8:], "little") == _BYTE_ORDER else ">"
        kind, size, secrets_type = struct.unpack(f"{order}III", head)
        rest = size - _HEAD_SIZE
        if rest < 0 or size % 4:
            return
        if kind != _SECRETS:
            _skip(file, rest)
            continue
        body = file.read(rest) if size <= _MAX_BLOCK else b""
        if len(body) != rest or rest < 8:
            return
        (length,) = struct.unpack_from(f"{order}I", body)
        yield secrets_type, body[4:-4][:length]


def _skip(file: BufferedIOBase, count: int) -> None:
    while count and (chunk := file.read(min(count, _CHUNK))):
        count -= len(chunk)
