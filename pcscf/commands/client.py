"""Asks over the Unix socket, and says in one line why that did not work."""

import grp
import json
import pwd
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from pcscf.commands.errors import UNREACHABLE, CommandError

_PATIENCE: Final = 30.0  # seconds for an answer
_SILENCE: Final = 45.0  # seconds: a stream has a blank line every 15


class _OverUnix(HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    """One P-CSCF. All raise CommandError."""

    def __init__(self, path: str, patience: float = _PATIENCE) -> None:
        self._path = path
        self._patience = patience

    def get(self, *parts: str, **query: str | int) -> dict[str, Any]:
        """Look at a resource under /api; ``parts`` are those of its path, not escaped."""
        asked = {name: value for name, value in query.items() if value != ""}
        return self._ask("GET", _api(parts) + (f"?{urlencode(asked)}" if asked else ""))

    def post(self, *parts: str, **content: bool | str) -> dict[str, Any]:
        """Have something done."""
        return self._ask("POST", _api(parts), json.dumps(content))

    def probe(self, path: str) -> tuple[int, dict[str, Any]]:
        """Ask a probe; its status says how it is."""
        with self._answer("GET", path) as response:
            return response.status, _read(response)

    @contextmanager
    def stream(self, *parts: str) -> Iterator[Iterator[bytes]]:
        """Read a stream of lines within the block; it ends with the P-CSCF."""
        with self._answer("GET", _api(parts), timeout=_SILENCE) as response:
            _check(response)
            yield _lines(response)

    def _ask(self, method: str, path: str, content: str | None = None) -> dict[str, Any]:
        with self._answer(method, path, content) as response:
            _check(response)
            return _read(response)

    @contextmanager
    def _answer(
        self, method: str, path: str, content: str | None = None, timeout: float | None = None
    ) -> Iterator[HTTPResponse]:
        with (
            closing(_OverUnix(self._path, timeout or self._patience)) as connection,
            closing(self._request(connection, method, path, content)) as response,
        ):
            yield response

    def _request(
        self, connection: HTTPConnection, method: str, path: str, content: str | None
    ) -> HTTPResponse:
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            connection.request(method, path, content, headers)
            return connection.getresponse()
        except TimeoutError:
            text = f"the P-CSCF at {self._path} does not answer: it hangs, or is overloaded"
            raise CommandError(text, UNREACHABLE) from None
        except (OSError, HTTPException) as error:
            raise CommandError(_reason(self._path, error), UNREACHABLE) from None


def _api(parts: tuple[str, ...]) -> str:
    return "/api/" + "/".join(quote(part, safe="") for part in parts)


def _check(response: HTTPResponse) -> None:
    if response.status >= 400:
        raise CommandError(str(_read(response).get("error", response.reason)))


def _lines(response: HTTPResponse) -> Iterator[bytes]:
    try:
        yield from response
    except TimeoutError:
        raise CommandError("the P-CSCF has fallen silent", UNREACHABLE) from None
    except (OSError, HTTPException):
        return  # it stops


def _read(response: HTTPResponse) -> dict[str, Any]:
    try:
        found = json.loads(response.read())
    except (ValueError, OSError, HTTPException):
        found = None
    if not isinstance(found, dict):
        raise CommandError("what answers is not the admin side of a P-CSCF", UNREACHABLE)
    return found


def _reason(path: str, error: OSError | HTTPException) -> str:
    if isinstance(error, FileNotFoundError):
        return (
            f"there is no socket {path}: is pcscf running, with this admin.socket? "
            "(--socket, PCSCF_ADMIN__SOCKET or --config name another)"
        )
    if isinstance(error, ConnectionRefusedError):
        return f"no P-CSCF listens at {path} any more: start it"
    if isinstance(error, PermissionError):
        return f"permission denied at {path}: {_who_may(path)}"
    if isinstance(error, ConnectionError | HTTPException):
        return "the P-CSCF closed the connection: it is stopping, or too many ask at a time"
    return f"{path}: {error.strerror or error}"


def _who_may(path: str) -> str:
    """Say who can connect: connecting takes the right to write."""
    try:
        found = Path(path).stat()
    except OSError:
        return "its directory is closed to this user; run it as the user of pcscf, or as root"
    people = [_name_of_user(found.st_uid)] if found.st_mode & 0o200 else []
    people += [f"group {_name_of_group(found.st_gid)}"] if found.st_mode & 0o020 else []
    return f"it is open to {', '.join([*people, 'root'] if people != ['root'] else people)}"


def _name_of_user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _name_of_group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
