"""Who may ask over TCP. Over the Unix socket the mode of its file has decided already.

A browser on this machine is everybody's: a page elsewhere can have it send requests here.
So the Host has to be ours, since a name that an attacker points here is not, and what the
browser says of where a request comes from has to be this same place.
"""

import hmac
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Protocol

from pcscf.admin.refusal import Refusal
from pcscf.errors import StartError

_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,255}))(?::[0-9]{1,5})?")
_JSON: Final = "application/json"
# They tell nothing of phones: probes have no token, and the console asks for it.
_OPEN: Final = ("/livez", "/readyz", "/leasez", "/")
_PAGES: Final = "/console/"
_SHORTEST, _LONGEST = 16, 4096  # characters of a token


class Headers(Protocol):
    """What is needed of a request's headers."""

    def getall(self, name: str, default: list[str], /) -> list[str]:
        """Give all values of a header."""


class Access:
    """The rules. ``token`` is None where none is wanted; ``hosts`` are names of ours."""

    def __init__(self, token: bytes | None = None, hosts: tuple[str, ...] = ()) -> None:
        self._token = token
        self._hosts = frozenset(("localhost", *(name.lower() for name in hosts)))

    def check(self, method: str, path: str, headers: Headers) -> None:
        """Raise Refusal unless a request over TCP may be looked at."""
        host = self._check_host(_only(headers, "Host"))
        _check_origin(path, host, headers)
        self._check_token(path, _only(headers, "Authorization"))
        if method == "POST" and _media_type(_only(headers, "Content-Type")) != _JSON:
            raise Refusal(415, f"a POST needs Content-Type: {_JSON}")

    def _check_host(self, host: str) -> str:
        match = _HOST.fullmatch(host)
        if not match:
            raise Refusal(403, "a request needs one Host")
        ipv6, name = match.groups()
        if not ipv6 and name.lower() not in self._hosts and not _is_address(name):
            raise Refusal(403, f"Host {name}: not an address, localhost or one of admin.hosts")
        return host

    def _check_token(self, path: str, authorization: str) -> None:
        if self._token is None or path in _OPEN or path.startswith(_PAGES):
            return
        scheme, _, given = authorization.partition(" ")
        token = given.strip().encode("utf-8", "surrogateescape")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token, self._token):
            text = "a token is needed: Authorization: Bearer TOKEN (admin.token_file)"
            raise Refusal(401, text, (("WWW-Authenticate", "Bearer"),))


def _check_origin(path: str, host: str, headers: Headers) -> None:
    """Refuse what a page elsewhere has a browser send; links to our pages may be followed."""
    for origin in headers.getall("Origin", []):
        if origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
            raise Refusal(403, "Origin: pages from elsewhere may not ask")
    if "cross-site" in headers.getall("Sec-Fetch-Site", []) and path not in _OPEN:
        raise Refusal(403, "Sec-Fetch-Site: pages from elsewhere may not ask")


def _only(headers: Headers, name: str) -> str:
    values = headers.getall(name, [])
    return values[0] if len(values) == 1 else ""


def _media_type(value: str) -> str:
    return value.partition(";")[0].strip().lower()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def read_token(file: str) -> bytes | None:
    """Read the token out of a file; None if no file is named. Raises StartError."""
    if not file:
        return None
    try:
        with Path(file).open("rb") as opened:
            token = opened.read(_LONGEST + 1).strip()
    except OSError as error:
        raise StartError(f"admin.token_file {file} cannot be read: {error.strerror}") from None
    if not _SHORTEST <= len(token) <= _LONGEST or not re.fullmatch(rb"[!-~]+", token):
        raise StartError(
            f"admin.token_file {file}: a token is {_SHORTEST} to {_LONGEST} visible ASCII "
            f"characters on one line: openssl rand -hex 32 > {file}"
        )
    return token
