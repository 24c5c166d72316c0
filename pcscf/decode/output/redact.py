"""CK and IK hidden in a message that is going to be shown.

A core hands them to the P-CSCF in a 401 (TS 24.229 5.4.1.2.2). A parser would find them where
they belong; here they are hidden wherever they stand, in a damaged message too. Everything
keeps its length, and so its place.
"""

import re
from dataclasses import replace
from typing import Final

from pcscf.decode.model import SipMessage

# ``ck="..."``: letters in lower case, blanks and folding around the "=", quotes or none. The
# pattern begins with a letter, which makes looking for it quick; what is in front is looked at
# when that was found. A quotation that is never closed is hidden to its end.
_KEY: Final = re.compile(
    rb"k(?<=[ci]k)(?<![\w-]..)[ \t\r\n]*+=[ \t\r\n]*+"
    rb'("(?:[^"\\]++|\\.)*"?|[^\s,;"]*+)',
    re.DOTALL,
)
# Without such a "=" there is no key; most messages have none, and need no copy in lower case.
_MAY_FOLLOW: Final = re.compile(rb"=(?<=[kK \t\r\n]=)")
_HIDDEN: Final = bytes(ord("x") if chr(one).isalnum() or one > 127 else one for one in range(256))


def hide_keys(data: bytes) -> bytes:
    """Give the message with an x for each letter and digit of every CK and IK."""
    if not _MAY_FOLLOW.search(data):
        return data
    lower = data.lower()
    parts: list[bytes] = []
    end = 0
    for found in _KEY.finditer(lower):
        start, stop = found.span(1)
        parts += data[end:start], data[start:stop].translate(_HIDDEN)
        end = stop
    parts.append(data[end:])
    return b"".join(parts)


def without_keys(message: SipMessage) -> SipMessage:
    """Give a message with its keys hidden, for who tells this and that of it."""
    data = hide_keys(message.data)
    return message if data == message.data else replace(message, data=data)
