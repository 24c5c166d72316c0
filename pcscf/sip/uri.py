"""SIP, SIPS and TEL URIs (RFC 3261 19.1, RFC 3966)."""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Self

from pcscf.errors import ParseError
from pcscf.sip import grammar
from pcscf.sip.params import NO_PARAMS, Params
from pcscf.sip.remembered import remembered

_SIP = re.compile(
    rf"(sips?):(?:({grammar.user})(?::({grammar.password}))?@)?"
    rf"({grammar.host})(?::({grammar.port}))?"
    rf"((?:;{grammar.uri_parameter})*)(?:\?({grammar.headers}))?",
    re.IGNORECASE | re.ASCII,
)
# telephone-subscriber = global-number / local-number (RFC 3966 3); "*", "#" and hex
# digits are local-number's
_TEL = re.compile(
    rf"tel:(\+?[0-9A-Fa-f*#\-.()]+)((?:;{grammar.uri_parameter})*)",
    re.IGNORECASE | re.ASCII,
)
_URI = re.compile(grammar.absoluteURI)
_ESCAPED = re.compile(grammar.escaped)
_USER_CHAR = re.compile(f"[{grammar.user_chars}]")


def scheme_of(uri: str) -> str:
    """Give a URI's scheme in lower case; raises ParseError 400 if it is no absoluteURI."""
    if _URI.fullmatch(uri) is None:
        raise ParseError(400, "Bad URI")
    return uri.partition(":")[0].lower()


def canonical_host(host: str) -> str:
    """Give a host ready to compare: lower case, no brackets or final dot, IPv6 compressed."""
    bare = host.strip("[]").lower()
    if ":" not in bare:
        return bare.removesuffix(".")
    try:
        return str(IPv6Address(bare.replace(":::", "::")))  # RFC 5118 4.10
    except ValueError:
        return bare


def _canonical_user(user: str) -> str:
    """Undo escapes of characters that need none (RFC 3261 19.1.4); others in upper case."""

    def canonical(match: re.Match[str]) -> str:
        character = chr(int(match[0][1:], 16))
        return character if _USER_CHAR.match(character) else match[0].upper()

    return _ESCAPED.sub(canonical, user)


@dataclass(frozen=True, slots=True)
class SipUri:
    """A SIP or SIPS URI, its parts as sent; ``host`` keeps the brackets of IPv6.

    ``user`` and ``password`` are None if absent and keep their escapes; ``headers`` is
    the text behind "?", empty if there is none.
    """

    scheme: str
    user: str | None
    password: str | None
    host: str
    port: int | None
    params: Params = NO_PARAMS
    headers: str = ""

    @staticmethod
    def parse(text: str) -> "SipUri":
        """Read a whole SIP-URI or SIPS-URI; raises ParseError 400."""
        return _read_sip(text)

    def aor(self) -> str:
        """Give the canonical address of record: scheme, user and host only, ready to compare."""
        host = canonical_host(self.host)
        host = f"[{host}]" if ":" in host else host
        user = "" if self.user is None else _canonical_user(self.user) + "@"
        return f"{self.scheme}:{user}{host}"

    @property
    def hostport(self) -> str:
        """``host [":" port]`` as printed."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        userinfo = ""
        if self.user is not None:
            secret = "" if self.password is None else f":{self.password}"
            userinfo = f"{self.user}{secret}@"
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{userinfo}{self.hostport}{self.params}{headers}"


@remembered
def _read_sip(text: str) -> SipUri:
    match = _SIP.fullmatch(text)
    if match is None:
        raise ParseError(400, "Bad SIP URI")
    scheme, user, password, host, port, params, headers = match.groups()
    return SipUri(
        scheme.lower(),
        user,
        password,
        host,
        None if port is None else grammar.number(port, 65535, "Port"),
        Params.parse_uri(params),
        headers or "",
    )


@dataclass(frozen=True, slots=True)
class TelUri:
    """A telephone number (RFC 3966); ``number`` as sent, with its visual separators."""

    number: str
    params: Params = NO_PARAMS

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a whole telephone-uri; raises ParseError 400."""
        match = _TEL.fullmatch(text)
        if match is None:
            raise ParseError(400, "Bad TEL URI")
        return cls(match[1], Params.parse_uri(match[2]))

    def aor(self) -> str:
        """Give the number without visual separators, with its context if it is a local one."""
        number = re.sub(r"[-.()]", "", self.number).lower()
        context = "" if number.startswith("+") else self.params.get("phone-context")
        return f"tel:{number};phone-context={context.lower()}" if context else f"tel:{number}"

    def __str__(self) -> str:
        return f"tel:{self.number}{self.params}"


def canonical_uri(text: str) -> str:
    """Give the form in which public identities compare (``aor``); other schemes as sent."""
    scheme = scheme_of(text)
    if scheme in {"sip", "sips"}:
        return SipUri.parse(text).aor()
    return TelUri.parse(text).aor() if scheme == "tel" else text
