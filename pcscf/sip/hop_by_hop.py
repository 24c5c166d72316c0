"""The requests that a client transaction makes of its INVITE: ACK and CANCEL."""

from collections.abc import Iterable

from pcscf.sip.cseq import CSeq
from pcscf.sip.message import SIP_VERSION, Request, Response


def make_ack(invite: Request, response: Response) -> Request:
    """Acknowledge a 3xx to 6xx (RFC 3261 17.1.1.3): the INVITE's own Via and way, the answer's To.

    ``invite`` is the request as it was sent, our Via on top.
    """
    return _of_the_same_transaction("ACK", invite, response.lines("to")[:1])


def make_cancel(invite: Request, reasons: Iterable[str] = ()) -> Request:
    """Cancel an INVITE that was sent (RFC 3261 9.1); ``reasons`` are lines of Reason (RFC 3326)."""
    return _of_the_same_transaction("CANCEL", invite, [*invite.lines("to")[:1], *reasons])


def _of_the_same_transaction(method: str, invite: Request, more: list[str]) -> Request:
    lines = [
        f"Via: {invite.via}",
        *invite.lines("route"),
        *invite.lines("from")[:1],
        *more,
        *invite.lines("call-id")[:1],
        f"CSeq: {CSeq(invite.cseq.number, method)}",
        "Max-Forwards: 70",
        "Content-Length: 0",
    ]
    return Request(f"{method} {invite.uri} {SIP_VERSION}", lines)
