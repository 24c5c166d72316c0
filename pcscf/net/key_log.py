"""The key log, if an operator asks for one: it makes captures of Gm readable, to anyone.

Off unless ``log.key_file`` names a file. The format is that of ``xfrm.keylog``.
"""

import os
import time

import structlog

from pcscf.errors import StartError
from pcscf.private_file import open_private
from xfrm.keylog import set_line
from xfrm.model import AkaKeys, SaSet

log = structlog.get_logger()

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT


class KeyLog:
    """Appends to a file that only this user can read. Made at the start, before any key is there.

    Raises StartError, one line, if the file cannot be had or others may read it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._failed = False
        try:
            self._descriptor = open_private(path, _FLAGS)
        except OSError as error:
            raise StartError(f"log.key_file: {path}: {error.strerror}") from None
        log.warning("keys_are_logged", file=path, mends='log.key_file = ""')

    def write(self, sas: SaSet, keys: AkaKeys) -> None:
        """Write the line of a set that begins now. What fails is told once: the service goes on."""
        line = set_line(time.time_ns(), sas, keys).encode()
        try:
            os.write(self._descriptor, line)
        except OSError as error:
            if not self._failed:
                log.error("key_log_failed", file=self._path, reason=error.strerror)  # noqa: TRY400
            self._failed = True
        else:
            self._failed = False

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
