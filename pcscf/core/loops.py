"""Loop detection (RFC 3261 16.3 point 4, RFC 5393 4.2).

Our branch ends in a mark of what the request's way depends on. A request that comes back
with the mark it would be given again has not been changed by anybody: it is in a loop. One
that only passes here twice, from a phone and then to another, has two marks.
"""

from zlib import crc32

from pcscf.core.flow import Side
from pcscf.errors import SipError
from pcscf.sip.message import Request


def mark(request: Request, side: Side) -> str:
    """Give the mark of a request as it came: eight hexadecimal digits."""
    way = "\n".join([side, request.uri, *request.values("route")])
    return f"{crc32(way.encode('utf-8', 'surrogateescape')):08x}"


def check(request: Request, side: Side) -> None:
    """Raise SipError 482 for a request that went this very way before."""
    vias = request.values("via")
    if len(vias) == 1 and "," not in vias[0]:
        return  # from who made it
    own = "." + mark(request, side)
    if any(own in value for value in vias):
        raise SipError(482, "Loop Detected")
