"""name-addr and addr-spec with parameters: From, To, Contact, Route, P-Associated-URI ..."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from pcscf.errors import ParseError
from pcscf.sip import grammar
from pcscf.sip.elements import split_elements
from pcscf.sip.params import NO_PARAMS, Params
from pcscf.sip.remembered import remembered
from pcscf.sip.uri import SipUri

# name-addr = [display-name] LAQUOT addr-spec RAQUOT
# display-name = *(token LWS) / quoted-string ; RFC 4475 3.1.1.6: the last LWS may be missing
# Wider: UTF8-NONASCII outside of quotes, as phones send it; any visible character in the
# URI, which is mostly passed on unread.
_NAME_ADDR = re.compile(
    rf"(?:({grammar.quoted_string})|([{grammar.token_chars}{grammar.UTF8_NONASCII} \t]*+))"
    rf"{grammar.SWS}<({grammar.scheme}:[^<>\"\x00-\x20\x7f]++)>"
)
# addr-spec without <>: RFC 3261 20.10: no comma, question mark or semicolon in the URI
_ADDR_SPEC = re.compile(
    rf"{grammar.scheme}:(?:[/:@&=+$\[\]{grammar.unreserved_chars}]++|{grammar.escaped})+"
)


class NameAddr(NamedTuple):
    """A display name, a URI as sent, and the header's parameters.

    ``display`` is without quotes, empty if there is none. ``uri`` is "*" for the
    Contact that means all of them (RFC 3261 10.2.2).
    """

    display: str
    uri: str
    params: Params = NO_PARAMS

    @staticmethod
    def parse(text: str) -> "NameAddr":
        """Read one address; raises ParseError 400."""
        return _read(text)

    @staticmethod
    def parse_many(values: str | Iterable[str]) -> "list[NameAddr]":
        """Read comma-separated addresses of one value or of several, in order."""
        lines = [values] if isinstance(values, str) else values
        return [_read(element) for line in lines for element in split_elements(line)]

    @property
    def sip_uri(self) -> SipUri:
        """The URI as a SIP or SIPS URI; raises ParseError 400 if it is none."""
        return SipUri.parse(self.uri)

    @property
    def tag(self) -> str | None:
        """The tag of From and To (RFC 3261 19.3)."""
        return self.params.get("tag")

    def __str__(self) -> str:
        if self.uri == "*":
            return self.uri
        display = f"{grammar.quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{self.params}"


@remembered
def _read(text: str) -> NameAddr:
    text = text.strip(" \t")
    if text == "*":
        return NameAddr("", text)
    match = _NAME_ADDR.match(text)
    if match is not None:
        quoted, tokens, uri = match.groups()
        display = grammar.unquote(quoted) if quoted else (tokens or "").strip(" \t")
        return NameAddr(display, uri, Params.parse(text[match.end() :]))
    match = _ADDR_SPEC.match(text)
    if match is None:
        raise ParseError(400, "Bad Address")
    return NameAddr("", match[0], Params.parse(text[match.end() :]))
