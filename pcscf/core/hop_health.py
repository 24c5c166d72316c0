"""Which next hops answer.

=========  =================================================  =========================
state      meaning                                            as Kamailio's dispatcher
                                                              prints it
=========  =================================================  =========================
active     requests go there                                  AP; AX if it gets no OPTIONS
probing    was inactive, and has answered since, not yet      IP; IX
           often enough
inactive   did not answer, or asked to be left alone          IP; IX if it gets no OPTIONS
disabled   the operator took it out                           DX
=========  =================================================  =========================

Real requests and OPTIONS count alike. A hop that gets OPTIONS comes back by its answers,
any other one by time. A hop of which nothing is known is active.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from math import inf
from typing import NamedTuple

from pcscf.core.context import Context
from pcscf.core.deadlines import Timed
from pcscf.core.policy import HealthPolicy, NextHop

# Of hops that are not configured: the core named them in a Route, and they failed.
_MAX_OTHERS = 1000


class HopState(StrEnum):
    """See the table above."""

    ACTIVE = "active"
    PROBING = "probing"
    INACTIVE = "inactive"
    DISABLED = "disabled"


class HopStatus(NamedTuple):
    """What the operator is shown of one hop; ``flags`` as in the table above."""

    hop: NextHop
    state: HopState
    flags: str
    failures: int
    reason: str


class HopRecord(Timed):
    """One hop. Its deadline is the end of a time it is left out for."""

    __slots__ = ("asked_for_rest", "failures", "hop", "is_probed", "reason", "state", "successes")

    def __init__(self, hop: NextHop) -> None:
        super().__init__()
        self.hop = hop
        self.state = HopState.ACTIVE
        self.is_probed = False
        self.asked_for_rest = False  # by Retry-After
        self.failures = 0  # in a row
        self.successes = 0  # in a row, since it failed
        self.reason = ""  # of the last failure

    @property
    def gets_options(self) -> bool:
        """Whether it is to be sent OPTIONS now (RFC 3261 21.5.4: not while it rests)."""
        return self.is_probed and not self.asked_for_rest and self.state is not HopState.DISABLED

    @property
    def status(self) -> HopStatus:
        """What the operator is shown."""
        letter = "I" if self.state is HopState.PROBING else self.state.value[0].upper()
        flags = letter + ("P" if self.gets_options else "X")
        return HopStatus(self.hop, self.state, flags, self.failures, self.reason)


class HopHealth:
    """The states of all hops."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._records: dict[NextHop, HopRecord] = {}

    @property
    def _policy(self) -> HealthPolicy:
        return self._context.policy.health

    # --- choosing ---

    def choose(self, hops: Sequence[NextHop], last: NextHop | None) -> Sequence[NextHop]:
        """Order hops for a request: ``usable``, and ``last`` in front as ``prefer`` has it."""
        if not self._records and (last is None or len(hops) == 1 or last == hops[0]):
            return hops  # nothing has failed
        return self.prefer(self.usable(hops), last)

    def usable(self, hops: Iterable[NextHop]) -> list[NextHop]:
        """Order hops for a request: the active ones as given, then those that are coming back.

        Inactive ones only where there is no other: better to try than to answer 504. Those
        that asked for rest are the last of them.
        """
        by_state: dict[HopState, list[NextHop]] = {state: [] for state in HopState}
        for hop in hops:
            by_state[self._state(hop)].append(hop)
        best = by_state[HopState.ACTIVE] + by_state[HopState.PROBING]
        return best or sorted(by_state[HopState.INACTIVE], key=self._rests)

    def prefer(self, hops: Sequence[NextHop], last: NextHop | None) -> list[NextHop]:
        """Put the hop that was used last in front, while it is among them and active."""
        if last is None or last not in hops or self._state(last) is not HopState.ACTIVE:
            return list(hops)
        return [last, *(hop for hop in hops if hop != last)]

    def to_probe(self) -> list[NextHop]:
        """Give the hops that are to be sent OPTIONS now."""
        return [record.hop for record in self._records.values() if record.gets_options]

    def _state(self, hop: NextHop) -> HopState:
        record = self._records.get(hop)
        return HopState.ACTIVE if record is None else record.state

    def _rests(self, hop: NextHop) -> bool:
        return self._records[hop].asked_for_rest

    # --- what is seen ---

    def on_alive(self, hop: NextHop) -> None:
        """Take note that a hop gave a final answer."""
        record = self._records.get(hop)
        if record is None or record.state is HopState.DISABLED:
            return
        record.failures = 0
        if record.state is not HopState.ACTIVE and not record.asked_for_rest:
            record.successes += 1
            enough = record.successes >= self._policy.successes
            self._enter(record, HopState.ACTIVE if enough else HopState.PROBING)
        self._forget_if_idle(record)

    def on_failed(self, hop: NextHop, reason: str, rest: float | None = None) -> None:
        """Take note that a hop did not answer, or answered 503.

        ``rest`` is its Retry-After in seconds: it is left out at once, and for that long.
        """
        record = self._record(hop)
        if record.state is HopState.DISABLED:
            return
        record.failures += 1
        record.successes = 0
        record.reason = reason
        is_out = record.state is not HopState.ACTIVE or record.failures >= self._policy.failures
        if rest:
            record.asked_for_rest = True
            self._leave_out(record, min(rest, self._policy.max_retry_after))
        elif is_out:
            self._leave_out(record, inf if record.is_probed else self._policy.hold)

    def on_deadline(self, record: HopRecord) -> None:
        """Let a hop come back on trial: the next failure sends it out again."""
        record.asked_for_rest = False
        self._enter(record, HopState.ACTIVE)
        record.failures = self._policy.failures - 1

    def _leave_out(self, record: HopRecord, seconds: float) -> None:
        """Let a hop be inactive. A longer time that it was given before is kept."""
        until = self._context.now + seconds
        if until < inf and (record.deadline == inf or record.deadline < until):
            self._context.deadlines.set(record, until)
        self._enter(record, HopState.INACTIVE)

    # --- what is decided ---

    def watch(self, hops: Iterable[NextHop]) -> None:
        """Take note that these hops are sent OPTIONS, and no others."""
        watched = dict.fromkeys(hops)
        for hop in watched:
            self._record(hop).is_probed = True
        for record in list(self._records.values()):
            if record.is_probed and record.hop not in watched:
                self._unwatch(record)

    def forget(self, hops: Iterable[NextHop]) -> None:
        """Forget what was seen of hops that are configured no more."""
        for hop in hops:
            record = self._records.get(hop)
            if record is not None and record.state is not HopState.DISABLED:
                self._forget(record)

    def disable(self, hop: NextHop) -> None:
        """Take a hop out until it is enabled again."""
        record = self._record(hop)
        record.asked_for_rest = False
        self._context.deadlines.cancel(record)
        record.reason = "by the operator"
        self._enter(record, HopState.DISABLED)

    def enable(self, hop: NextHop) -> None:
        """Take a hop back that was disabled, as if nothing had been."""
        if self._state(hop) is HopState.DISABLED:
            record = self._record(hop)
            record.failures = 0
            record.reason = ""
            self._enter(record, HopState.ACTIVE)
            self._forget_if_idle(record)

    def status(self, hops: Iterable[NextHop]) -> list[HopStatus]:
        """Tell the operator of these hops, and of all others of which something is known."""
        records = {hop: HopRecord(hop) for hop in hops} | self._records
        return [record.status for record in records.values()]

    # --- records ---

    def _enter(self, record: HopRecord, state: HopState) -> None:
        if state is record.state:
            return
        record.state = state
        if state is HopState.ACTIVE:
            record.successes = 0
            self._context.deadlines.cancel(record)
        self._context.count(f"next_hop_{state}")
        self._context.report(
            "warning" if state is HopState.INACTIVE else "info",
            "next_hop_state",
            hop=str(record.hop),
            state=state,
            reason=record.reason,
        )

    def _record(self, hop: NextHop) -> HopRecord:
        record = self._records.get(hop)
        if record is None:
            self._make_room()
            record = self._records[hop] = HopRecord(hop)
        return record

    def _make_room(self) -> None:
        """Forget the oldest of the hops that nobody configured, where there are too many."""
        others = [record for record in self._records.values() if _is_other(record)]
        if len(others) >= _MAX_OTHERS:
            self._forget(others[0])

    def _unwatch(self, record: HopRecord) -> None:
        """A hop that gets no more OPTIONS comes back by time."""
        record.is_probed = False
        if record.state in {HopState.INACTIVE, HopState.PROBING}:
            self._leave_out(record, self._policy.hold)
        self._forget_if_idle(record)

    def _forget_if_idle(self, record: HopRecord) -> None:
        if _is_other(record) and record.state is HopState.ACTIVE and not record.failures:
            self._forget(record)

    def _forget(self, record: HopRecord) -> None:
        self._context.deadlines.cancel(record)
        del self._records[record.hop]


def _is_other(record: HopRecord) -> bool:
    return not record.is_probed and record.state is not HopState.DISABLED
