"""Captures, whatever their format: pcap and pcapng, files and standard input, also in gzip."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from stat import S_ISREG
from types import TracebackType
from typing import Final, NamedTuple, Self

from pcscf.decode.input import pcap, pcapng
from pcscf.decode.input.octets import Octets
from pcscf.decode.input.reader import Reader, Secret
from pcscf.decode.model import Frame
from pcscf.errors import CaptureError

_STDIN: Final = 0
_MAGIC_SIZE: Final = 4


class Progress(NamedTuple):
    """Octets read of a file as it is stored, and its size; None where that is not known."""

    done: int
    size: int | None


class Capture(ABC):
    """Frames, one after the other. Iterate once, and close at the end (it is a context manager).

    ``notes`` says in words what was not as it should be, ``secrets`` has the decryption-secrets
    blocks; both grow while frames are read.
    """

    def __init__(self, notes: list[str], secrets: list[Secret]) -> None:
        self.notes = notes
        self.secrets = secrets

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]: ...

    @property
    @abstractmethod
    def progress(self) -> Progress:
        """How much has been read."""

    @abstractmethod
    def close(self) -> None:
        """Let go of file or socket."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class FileCapture(Capture):
    """A capture out of a file."""

    def __init__(self, octets: Octets, reader: Reader, size: int | None) -> None:
        super().__init__(reader.notes, reader.secrets)
        self._octets = octets
        self._reader = reader
        self._size = size

    def __iter__(self) -> Iterator[Frame]:
        return self._reader.frames()

    @property
    def progress(self) -> Progress:
        """How much of the file has been read."""
        return Progress(self._octets.done, self._size)

    def close(self) -> None:
        """Close the file."""
        self._octets.close()


def open_capture(path: str) -> FileCapture:
    """Open a capture file, or standard input if ``path`` is "-".

    Raises CaptureError, whose text names the path, if no frame could be read of it whatever
    follows: there is no such file, or it is of another kind.
    """
    name = "standard input" if path == "-" else path if path.isprintable() else repr(path)
    try:
        file = open(_STDIN if path == "-" else path, "rb", buffering=0, closefd=path != "-")  # noqa: SIM115
    except (OSError, ValueError) as error:
        raise CaptureError(f"{name}: {_reason(error)}") from None
    octets = Octets(file)
    try:
        return FileCapture(octets, _reader(octets), _size(file.fileno()))
    except CaptureError as error:
        octets.close()
        raise CaptureError(f"{name}: {error}") from None


def _reason(error: OSError | ValueError) -> str:
    """Say why a file was not opened; ValueError is for a NUL in its name."""
    return (isinstance(error, OSError) and error.strerror) or "there can be no such file"


def _size(descriptor: int) -> int | None:
    """Give a file's size; pipes and devices have none."""
    status = os.fstat(descriptor)
    return status.st_size if S_ISREG(status.st_mode) else None


def _reader(octets: Octets) -> Reader:
    octets.more(0, _MAGIC_SIZE)
    magic = octets.data[:_MAGIC_SIZE]
    if magic in pcap.MAGICS:
        return pcap.PcapReader(octets)
    if magic == pcapng.MAGIC:
        return pcapng.PcapngReader(octets)
    if octets.fault:
        raise CaptureError(octets.fault)
    raise CaptureError("no pcap or pcapng file" if magic else "the file is empty")
