"""Where output goes: standard output, or a file."""

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from pcscf.decode.output.output import Sink
from pcscf.errors import PcscfError

_ANYONE: Final = 0o666  # less the umask
_OWNER: Final = 0o600
_BUFFER: Final = 1 << 18  # octets: writing takes half as long as with the usual few thousand


@contextmanager
def opened(path: Path | None, *, secret: bool, inputs: Iterable[str] = ()) -> Iterator[Sink]:
    """Open the output; None is standard output. A ``secret`` file is its owner's alone.

    Raises PcscfError, one line, if it cannot be opened, or is one of the inputs.
    """
    if path is None:
        if sys.stdout is None:  # the shell closed it
            raise PcscfError("standard output is closed")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if any(_same(path, one) for one in inputs):
        raise PcscfError(f"{path}: is what is to be decoded")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        file = os.fdopen(os.open(path, flags, _OWNER if secret else _ANYONE), "wb", _BUFFER)
    except OSError as error:
        raise PcscfError(f"{path}: cannot be written: {error.strerror}") from None
    with file:
        if secret and stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            os.fchmod(file.fileno(), _OWNER)  # it may have been there before, open to others
        yield file


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at a stream; the shell may have closed it."""
    return stream is not None and stream.isatty()


def _same(path: Path, other: str) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False
