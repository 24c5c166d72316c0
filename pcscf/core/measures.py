"""What an operator measures of SIP: how much of what, and how long answers take.

Kept here, since only the core knows when a request came and when its answer left; read by
whoever asks. All numbers grow from the start on, and the number of keys is bounded.
"""

import re
from bisect import bisect_left
from collections import Counter
from typing import Final, Literal

from pcscf.core.flow import Side

Direction = Literal["received", "sent"]
SipKey = tuple[Side, Direction, str, str]
"""Side, direction, method, and status; of a request the status is empty."""

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 32.0)  # seconds
OTHER: Final = "other"  # whatever a peer makes up
_METHODS: Final = {
    name.encode(): name
    for name in (
        "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK",
        "PUBLISH", "REFER", "REGISTER", "SUBSCRIBE", "UPDATE",
    )
}  # fmt: skip
_RESPONSE: Final = b"SIP/2.0 "
_CSEQ: Final = b"\nCSeq: "  # as nearly everybody writes it
_ANY_CSEQ: Final = re.compile(rb"\ncseq[ \t]*:[ \t\r\n]*\d+[ \t]+(\w{1,16})", re.IGNORECASE)


class Histogram:
    """How many were no longer than each of ``BUCKETS``; ``counts`` has one more for the rest."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0  # seconds

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds


class Measures:
    """The numbers. ``sip`` counts messages, copies that were sent again among them.

    ``answers`` are the times from a request's coming to the leaving of its final answer;
    ``first_responses`` those from a request's leaving to the first response of whoever was
    asked; both by side (where the request came from, or went) and method. ``registrations``
    are those from a phone's first REGISTER to the 200.
    """

    def __init__(self) -> None:
        self.sip: Counter[SipKey] = Counter()
        self.answers: dict[tuple[Side, str], Histogram] = {}
        self.first_responses: dict[tuple[Side, str], Histogram] = {}
        self.registrations = Histogram()

    def count(self, side: Side, direction: Direction, data: bytes) -> None:
        """Count a message; one that nobody could read counts as another method or status."""
        if data.startswith(_RESPONSE):
            status = data[8:11].decode("latin-1")
            key = (side, direction, _cseq_method(data), status if _is_status(status) else OTHER)
        else:
            key = (side, direction, _METHODS.get(data[: data.find(b" ", 0, 32)], OTHER), "")
        self.sip[key] += 1

    def answered(self, side: Side, method: str, seconds: float) -> None:
        """Note a final answer."""
        _observe(self.answers, side, method, seconds)

    def responded(self, side: Side, method: str, seconds: float) -> None:
        """Note the first response to a request of ours."""
        _observe(self.first_responses, side, method, seconds)


def _observe(
    histograms: dict[tuple[Side, str], Histogram], side: Side, method: str, seconds: float
) -> None:
    key = (side, method)
    histogram = histograms.get(key)
    if histogram is None:
        key = (side, method if method.encode() in _METHODS else OTHER)
        histogram = histograms.setdefault(key, Histogram())
    histogram.observe(seconds)


def _is_status(text: str) -> bool:
    return text.isascii() and text.isdigit() and "100" <= text <= "699"


def _cseq_method(data: bytes) -> str:
    start = data.find(_CSEQ)
    if start >= 0:
        end = data.find(b"\r", start + 1, start + 64)
        method = _METHODS.get(data[data.rfind(b" ", start, end) + 1 : end])
        if method is not None:
            return method
    found = _ANY_CSEQ.search(data)
    return _METHODS.get(found[1], OTHER) if found else OTHER
