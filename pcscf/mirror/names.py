"""The names of a phone, and whether a message has one of them where it names its users.

Nothing is parsed of a message in which no name stands at all.
"""

import re
from collections.abc import Iterable
from typing import Final

from pcscf.core.granted import contact_key, identity_key
from pcscf.core.views import UeView
from pcscf.decode.output import glance
from pcscf.errors import ParseError
from pcscf.sip.uri import SipUri

# Where a message names its users (TS 24.229 5.2.6.3, 5.2.6.4); the Request-URI is looked at beside.
_NAMING: Final = re.compile(
    rb"\n(?:from|f|to|t|p-(?:asserted|preferred)-identity|p-called-party-id|p-associated-uri|"
    rb"authorization)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*)",
    re.IGNORECASE,
)
_URI: Final = re.compile(r"(?:sips?|tel):[^\s<>\",]++", re.IGNORECASE)
_USERNAME: Final = re.compile(r'(?<![\w-])username[ \t]*+=[ \t]*+"([^"]*+)"', re.IGNORECASE)
_WORD: Final = re.compile("[A-Za-z0-9]++")


def public(name: str) -> str:
    """Give the IMPU that a name is, else the one derived of an IMPI (TS 23.003 13.4B), in <>."""
    return f"<{name}>" if ":" in name else f"<sip:{name}>"


class Names:
    """IMPIs, IMPUs and contacts. ``given`` are IMPIs and IMPUs beside those of ``ues``."""

    def __init__(self, given: Iterable[str], ues: Iterable[UeView]) -> None:
        ues = [ue for ue in ues if not ue.guest]
        private = {*given, *(ue.impi for ue in ues)}
        in_public = {public(name) for name in private}
        for ue in ues:
            in_public.update(ue.identities, (f"<{binding.impu}>" for binding in ue.bindings))
        contacts = {binding.contact for ue in ues for binding in ue.bindings}
        self._private = private
        self._public = {identity_key(element) for element in in_public}
        self._contacts = {contact_key(uri) for uri in contacts}
        self._needles = _fewest(map(_needle, private | self._public | contacts))

    def are_in(self, data: bytes) -> bool:
        """Whether a message names one of them; bodies, routes and the like do not count."""
        for needle in self._needles:
            if needle in data:
                return self._are_in_head(data.partition(b"\r\n\r\n")[0])
        return False

    def _are_in_head(self, head: bytes) -> bool:
        if not glance.is_response(head):
            target = head.partition(b"\n")[0].split(b" ")[1:2]
            if target and self._is_target(target[0].decode("utf-8", "replace")):
                return True
        values = (found[1].decode("utf-8", "replace") for found in _NAMING.finditer(head))
        return any(map(self._is_name, values))

    def _is_target(self, uri: str) -> bool:
        return self._is_public(uri) or contact_key(uri) in self._contacts

    def _is_name(self, value: str) -> bool:
        username = _USERNAME.search(value)
        if username is not None:
            return username[1] in self._private
        return any(map(self._is_public, _URI.findall(value)))

    def _is_public(self, uri: str) -> bool:
        return identity_key(f"<{uri}>") in self._public


def _needle(name: str) -> bytes:
    """Give what stands in each message that has this name, however its user is escaped."""
    user, host = _parts(name)
    if not user or (host and _WORD.fullmatch(user)):
        return f"{user}@".encode() if user else host.encode()
    return max(_WORD.findall(user), key=len, default="").encode()


def _parts(name: str) -> tuple[str, str]:
    """Split a URI or a NAI into user and host; a number is all user."""
    try:
        uri = SipUri.parse(name)
    except ParseError:
        user, _, host = name.removeprefix("tel:").partition(";")[0].partition("@")
        return user, host
    return uri.user or "", uri.host


def _fewest(needles: Iterable[bytes]) -> tuple[bytes, ...]:
    """Leave out those within which another one stands."""
    kept: list[bytes] = []
    for needle in sorted({one for one in needles if one}, key=len):
        if not any(other in needle for other in kept):
            kept.append(needle)
    return tuple(kept)
