"""The sockets of the admin side. Whatever cannot be had is a StartError with what mends it."""

import errno
import grp
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from pcscf.core.flow import Endpoint
from pcscf.errors import StartError

_LONGEST: Final = 107  # octets of a path: sockaddr_un (unix(7))
_BACKLOG: Final = 64


class UnixSocket:
    """A listening Unix socket and its file, which ``close`` takes away again."""

    def __init__(self, path: str, mode: int, group: str = "") -> None:
        self._path = Path(path)
        _check_path(self._path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._open(mode, group)
        except BaseException:
            self.socket.close()
            raise

    def _open(self, mode: int, group: str) -> None:
        """Nobody can connect before ``listen``, so the mode is right from the first moment on."""
        _clear_place(self._path)
        try:
            self.socket.bind(str(self._path))
        except OSError as error:
            raise StartError(_refused(self._path, error)) from None
        self._made = _identity(self._path)
        try:
            if group:
                os.chown(self._path, -1, _group(group))
            self._path.chmod(mode)
        except (OSError, StartError) as error:
            self._remove()
            raise StartError(f"admin.socket_group {group}: {_text(error)}") from None
        self.socket.setblocking(False)
        self.socket.listen(_BACKLOG)

    def close(self) -> None:
        """Close the socket, and remove its file unless another process has put its own there."""
        self.socket.close()
        self._remove()

    def _remove(self) -> None:
        with suppress(OSError):
            if _identity(self._path) == self._made:
                self._path.unlink()


def _check_path(path: Path) -> None:
    if len(os.fsencode(path)) > _LONGEST:
        raise StartError(f"admin.socket {path}: longer than {_LONGEST} octets")
    if not path.parent.is_dir():
        raise StartError(
            f"admin.socket {path}: no directory {path.parent}: mkdir it "
            f"(systemd: RuntimeDirectory={path.parent.name}), or name another admin.socket"
        )


def _clear_place(path: Path) -> None:
    """Remove the file that a dead process left. What lives, or is no socket, is left alone."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise StartError(_refused(path, error)) from None
    if not stat.S_ISSOCK(kind):
        raise StartError(f"admin.socket {path}: there is a file that is no socket; remove it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        answer = probe.connect_ex(str(path))
    if answer == errno.ECONNREFUSED:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StartError(_refused(path, error)) from None
    elif answer in (errno.EACCES, errno.EPERM):
        raise StartError(f"admin.socket {path}: there is one that is not ours to use; remove it")
    elif answer != errno.ENOENT:
        raise StartError(
            f"admin.socket {path}: another P-CSCF listens there; give each its own admin.socket"
        )


def _group(name: str) -> int:
    if name.isascii() and name.isdigit():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise StartError("there is no such group: groupadd it") from None


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _refused(path: Path, error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"admin.socket {path}: this process may not write to {path.parent}: chown it"
    if error.errno == errno.EROFS:
        return f"admin.socket {path}: read-only file system: mount a tmpfs at {path.parent}"
    return f"admin.socket {path}: {_text(error)}"


def _text(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def tcp_socket(local: Endpoint) -> socket.socket:
    """Listen at an address and port. Raises StartError."""
    family = socket.AF_INET6 if ":" in local.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(tuple(local))
        made.setblocking(False)
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise StartError(f"admin.http {local}: {_mends(error)}") from None
    return made


def _mends(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return 'is in use by another program; set admin.http to another port, or "" for none'
    if error.errno == errno.EADDRNOTAVAIL:
        return "no interface has this address; set admin.http"
    return _text(error)
