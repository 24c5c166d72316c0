"""Files that are written: whether their directories take them."""

import os
from collections.abc import Iterator
from pathlib import Path

from pcscf.net.checks.finding import Finding, error, ok


def writable(key: str, path: str) -> Iterator[Finding]:
    """The directory of a file that a key names; nothing if it is empty."""
    if not path:
        return
    directory = Path(path).absolute().parent
    if not directory.is_dir():
        mends = f"install -d -m 0750 {directory}, or RuntimeDirectory= in the unit"
        yield error("files", f"{key}: {directory} is no directory", mends)
    elif not os.access(directory, os.W_OK | os.X_OK):
        user = os.geteuid()
        yield error(
            "files",
            f"{key}: {directory} cannot be written by user {user}",
            f"chown {user} {directory}",
        )
    else:
        yield ok("files", f"{key}: {path} can be written")
