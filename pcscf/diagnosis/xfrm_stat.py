"""What the kernel dropped: /proc/net/xfrm_stat, what it rose by, and what each counter means here.

The file counts the whole network namespace: other programs' IPsec, if there is any, counts
too, and of no packet does it say whose it was. A kernel without CONFIG_XFRM_STATISTICS
has no such file.
"""

from collections import Counter, deque
from pathlib import Path
from typing import Final

STAT = Path("/proc/self/net/xfrm_stat")
NO_STATES: Final = "XfrmInNoStates"
RECENT: Final = 60.0  # seconds

MEANINGS: Final = {
    "XfrmInError": "a packet came in that IPsec could not take apart for want of memory or order",
    "XfrmInBufferError": "there was no memory for a packet that came in",
    "XfrmInHdrError": "the ESP header, or what was inside, is malformed",
    NO_STATES: "ESP arrived with an SPI that no SA has: of an SA set that is gone, or of nobody",
    "XfrmInStateProtoError": "the integrity check failed: wrong IK, other algorithm, or damage",
    "XfrmInStateModeError": "the inside of an ESP packet is not of transport mode",
    "XfrmInStateSeqError": "a sequence number came twice, or too late: a copy, or a replay",
    "XfrmInStateExpired": "ESP arrived under an SA whose lifetime was just over",
    "XfrmInStateMismatch": "ESP opened, but its ports are not those of the SA (gm.selectors)",
    "XfrmInStateInvalid": "ESP arrived under an SA that was being removed",
    "XfrmInTmplMismatch": "a packet in clear, or under a foreign SA, came to a protected port",
    "XfrmInNoPols": "ESP opened, and no policy wants what was inside",
    "XfrmInPolBlock": "a policy forbids a packet that came in; none of ours does",
    "XfrmInPolError": "a policy that was being removed met a packet that came in",
    "XfrmOutError": "a packet to be protected could not be sent for want of memory or order",
    "XfrmOutBundleGenError": "no way through IPsec could be made for a packet to be sent",
    "XfrmOutBundleCheckError": "the way through IPsec was no longer good for a packet to be sent",
    "XfrmOutNoStates": "a packet was to leave a protected port to a phone that has no SA",
    "XfrmOutStateProtoError": "a packet could not be encrypted: the algorithm's module failed",
    "XfrmOutStateModeError": "a packet did not fit its SA's mode, or the MTU",
    "XfrmOutStateSeqError": "an SA's sequence numbers are used up: the phone has to renew it",
    "XfrmOutStateExpired": "a packet was to leave under an SA whose lifetime was just over",
    "XfrmOutPolBlock": "a policy forbids a packet to be sent; none of ours does",
    "XfrmOutPolDead": "a policy that was being removed met a packet to be sent",
    "XfrmOutPolError": "the policies for a packet to be sent contradict each other",
    "XfrmOutStateInvalid": "a packet was to leave under an SA that was being removed",
    "XfrmOutStateDirError": "a packet was to leave under an SA for packets that come in",
    "XfrmInStateDirError": "ESP arrived under an SA for packets that leave",
    "XfrmFwdHdrError": "a packet that is passed on could not be read",
    "XfrmAcquireError": "an SA that a key daemon was asked for did not come; ours needs none",
}
UNKNOWN: Final = "a counter of this kernel that is not known here"


class XfrmStat:
    """The counters, as far as they rose since the first look. Times are seconds, of one clock."""

    def __init__(self, path: Path = STAT) -> None:
        self._path = path
        self._first: dict[str, int] | None = None
        self._last: dict[str, int] = {}
        self._rises: deque[tuple[float, dict[str, int]]] = deque()

    @property
    def note(self) -> str:
        """Why there are no counters; empty if there are."""
        if self._first is not None:
            return ""
        return "This kernel does not count what IPsec drops (no CONFIG_XFRM_STATISTICS)."

    def look(self, now: float) -> dict[str, int]:
        """Read the file, and give what has risen since the last look."""
        counts = self.read()
        if counts is None:
            return {}
        if self._first is None:
            self._first = self._last = counts
            return {}
        rise = _risen(self._last, counts)
        self._last = counts
        if rise:
            self._rises.append((now, rise))
        self._let_go(now)
        return rise

    def since_start(self) -> dict[str, int]:
        """Give all counters: by how much they rose since the first look."""
        first = self._first or {}
        return {name: max(count - first.get(name, 0), 0) for name, count in self._last.items()}

    def recent(self, now: float) -> Counter[str]:
        """Give what rose in the last ``RECENT`` seconds."""
        self._let_go(now)
        recent: Counter[str] = Counter()
        for _, rise in self._rises:
            recent.update(rise)
        return recent

    def _let_go(self, now: float) -> None:
        while self._rises and now - self._rises[0][0] > RECENT:
            self._rises.popleft()

    def read(self) -> dict[str, int] | None:
        """Give all counters as they are in the file; None if there is none."""
        try:
            lines = self._path.read_text().splitlines()
        except OSError:
            return None
        pairs = (line.split() for line in lines)
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}


def _risen(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    rises = ((name, count - before.get(name, 0)) for name, count in after.items())
    return {name: rise for name, rise in rises if rise > 0}
