"""Files that hold secrets: opened only where nobody else can read or write them."""

import errno
import os
import stat

_GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MODE = stat.S_IRUSR | stat.S_IWUSR
_ROOT = 0


def open_private(path: str, flags: int) -> int:
    """Open a file, made with mode 0600 if ``flags`` has O_CREAT, and return its descriptor.

    Raises OSError, also where others have access to it; its ``strerror`` says what is wrong.
    """
    # Without waiting, if it is a pipe that nobody reads.
    flags |= os.O_CLOEXEC | os.O_NONBLOCK
    if flags & os.O_CREAT:
        flags |= os.O_NOFOLLOW  # a link might lead to what is another's
    descriptor = os.open(path, flags, _MODE)
    problem = _problem(os.fstat(descriptor), writing=flags & os.O_ACCMODE != os.O_RDONLY)
    if problem:
        os.close(descriptor)
        raise PermissionError(errno.EPERM, problem, path)
    return descriptor


def _problem(status: os.stat_result, *, writing: bool) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "is no regular file"
    forbidden = _GROUP_AND_OTHERS
    if status.st_uid != os.geteuid():
        if writing or status.st_uid != _ROOT:
            return "belongs to another user"
        # Containers are handed secrets as files of root that our group may read.
        forbidden &= ~stat.S_IRGRP
    if status.st_mode & forbidden:
        return "can be read or written by others: chmod 600"
    return None
