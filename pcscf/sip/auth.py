"""Challenges and credentials (RFC 3261 20.7, 20.44; RFC 3310), and taking CK and IK out.

``take_params`` keeps CK and IK from the phone, so it does not guess: it changes a value
only after all of it has been read by the grammar, and refuses it otherwise.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pcscf.errors import ParseError
from pcscf.sip import grammar

# Folding may still be in the value: CR and LF count as blanks here.
_LWS = r"[ \t\r\n]++"
_SWS = r"[ \t\r\n]*+"

# auth-param = auth-param-name EQUAL (token / quoted-string)
# Wider: an unquoted value may be empty or hold what base64 and URIs need. It has "=" at its
# end only and no ";" at all: no second parameter can hide in it.
_plain = r"[A-Za-z0-9\-._~+/!%*`'@:$&?\[\]]*+=*+"
_quoted = r'"(?:[^"\\]++|\\.)*"'
# challenge = ("Digest" LWS digest-cln *(COMMA digest-cln)) / other-challenge
# One piece between commas: [auth-scheme LWS] auth-param, or a lone word, or nothing.
_PIECE = re.compile(
    rf"({_SWS}(?:{grammar.token}{_LWS})?)"
    rf"(?:({grammar.token}){_SWS}={_SWS}({_quoted}|{_plain})"
    rf"|{grammar.token}(?:{_LWS}{_plain})?)?"
    rf"{_SWS}(?=,|\Z)",
    re.DOTALL,
)


# What stands between two commas: its text; of that blanks, scheme and blanks before the
# parameter, "" without a scheme; the name in lower case, "" for a lone word or nothing; the
# value without quotes.
_Piece = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class AuthValue:
    """One challenge or one set of credentials. The parameters may hold keys: never printed.

    ``plain`` says that its header value held nothing else, and no parameter twice.
    """

    scheme: str
    params: Mapping[str, str] = field(repr=False)
    plain: bool

    @property
    def is_digest(self) -> bool:
        """Whether the scheme is Digest, AKA's among them."""
        return self.scheme.lower() == "digest"


def parse_auth(value: str) -> AuthValue:
    """Read a challenge or credentials: names in lower case, values without quotes.

    Of parameters given twice, the first counts. Where several challenges stand in one
    value, the first is read. Raises ParseError 400.
    """
    scheme, plain = "", True
    params: dict[str, str] = {}
    for number, (text, opening, name, setting) in enumerate(list(_pieces(value))):
        if number == 0:
            scheme = (opening or text).strip()
        elif opening:
            plain = False
            break
        if name and name not in params:
            params[name] = setting
        elif not text.isspace() and text:
            plain = False
    if not grammar.is_token(scheme):
        raise ParseError(400, "Bad Authorization")
    return AuthValue(scheme, MappingProxyType(params), plain)


def take_params(value: str, names: Collection[str]) -> tuple[str, dict[str, str]]:
    """Take the named parameters out of a header value, wherever and however often they stand.

    ``names`` are in lower case. Gives the rest, byte for byte as it was but for the commas
    and blanks of what went, and the values taken, unquoted; of a repeated one the first.
    Raises ParseError 400 for a value that is not entirely understood: the caller has to
    drop the header then, it must not pass on what it could not read.
    """
    taken: dict[str, str] = {}
    rest: list[str] = []
    opening = ""  # of a challenge that lost its first parameter
    for text, begins, name, setting in _pieces(value):
        if begins or (not name and text.strip()):
            _close(rest, opening)
            opening = ""
        if name in names:
            taken.setdefault(name, setting)
            opening = begins or opening
        elif not opening:
            rest.append(text)
        elif name:
            rest.append(opening + text.lstrip())
            opening = ""
    _close(rest, opening)
    return ",".join(rest), taken


def add_param(value: str, text: str) -> str:
    """Add a parameter, printed as ``text``, to the end of a challenge or credentials."""
    separator = " " if grammar.is_token(value.strip()) else ", "
    return f"{value.rstrip()}{separator}{text}"


def _close(rest: list[str], opening: str) -> None:
    """Keep the scheme of a challenge whose every parameter was taken."""
    if opening:
        rest.append(opening.rstrip())


def _pieces(value: str) -> Iterator[_Piece]:
    """Cut a value at its commas; raises ParseError 400 if any piece is not by the grammar."""
    position = 0
    while True:
        match = _PIECE.match(value, position)
        if match is None:
            raise ParseError(400, "Bad Authentication Value")
        lead, name, raw = match.groups()
        opening = lead if lead and not lead.isspace() else ""
        yield match[0], opening, (name or "").lower(), grammar.unquote(raw or "")
        position = match.end() + 1
        if position > len(value):
            return
