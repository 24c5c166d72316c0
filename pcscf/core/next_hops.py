"""Where requests towards the core go: found by name, ordered by health."""

import re
from collections.abc import Sequence

from pcscf.core.context import Context
from pcscf.core.hop_health import HopHealth, HopStatus
from pcscf.core.lookups import Lookups, Then
from pcscf.core.policy import EdgePolicy, NextHop, Target
from pcscf.core.target import numeric_hop, target_of_hop
from pcscf.sip.message import Response

# Retry-After = delta-seconds [ comment ] *( SEMI retry-param ) (RFC 3261 20.33)
_SECONDS = re.compile(r"[0-9]{1,10}")
_UNAVAILABLE = 503
_MOST_REMEMBERED = 1024


class NextHops:
    """What a relay asks before it sends, and tells what came of it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.lookups = Lookups(context)
        self.health = HopHealth(context)
        self._numeric: dict[tuple[Target, ...], Sequence[NextHop]] = {}
        self.entry_points = _entry_points(context.policy)

    def on_policy(self) -> None:
        """Take other entry points; what is known of those that stay is kept."""
        before, self.entry_points = self.entry_points, _entry_points(self._context.policy)
        gone = (numeric_hop(target) for target in before if target not in self.entry_points)
        self.health.forget(hop for hop in gone if hop is not None)
        self.lookups.on_policy()

    def find(self, targets: tuple[Target, ...], then: Then, last: NextHop | None = None) -> None:
        """Call ``then`` once with the hops to try, in order; at once unless the DNS is asked.

        ``last`` is the one that the registration used last: it stays there while that hop is
        active. The list is empty if nothing was found or all is disabled.
        """
        known = self._numeric.get(targets)
        if known is not None:
            then(self.health.choose(known, last))
            return
        self.lookups.find(targets, lambda hops: then(self.health.choose(hops, last)))
        self._remember(targets)

    def _remember(self, targets: tuple[Target, ...]) -> None:
        """Keep what needs no DNS: most requests go to the same few addresses."""
        if len(self._numeric) >= _MOST_REMEMBERED or not all(map(numeric_hop, targets)):
            return
        self.lookups.find(targets, lambda hops: self._numeric.__setitem__(targets, hops))

    def on_answer(self, hop: NextHop, response: Response) -> None:
        """Take note of a final answer: of any but 503 the hop is alive."""
        if response.status == _UNAVAILABLE:
            self.health.on_failed(hop, str(_UNAVAILABLE), _retry_after(response))
        else:
            self.health.on_alive(hop)

    def on_no_answer(self, hop: NextHop, reason: str) -> None:
        """Take note that a hop was silent, or that what was sent there did not arrive."""
        self.health.on_failed(hop, reason)

    def status(self) -> list[HopStatus]:
        """Tell the operator: the configured hops, and others of which something is known."""
        configured = [hop for hop in map(numeric_hop, self.entry_points) if hop is not None]
        return self.health.status(configured)


def _entry_points(policy: EdgePolicy) -> tuple[Target, ...]:
    return policy.entry_points or tuple(target_of_hop(hop) for hop in policy.next_hops)


def _retry_after(response: Response) -> float | None:
    match = _SECONDS.match(response.get("retry-after") or "")
    return float(match[0]) if match else None
