"""What the DNS said, for as long as it may be believed."""

from pcscf.core.dns_records import Question, Records
from pcscf.core.events import Resolved
from pcscf.core.policy import DnsPolicy


class _Entry:
    """``fresh`` and ``stale`` are when to ask again, and when to forget."""

    __slots__ = ("fresh", "records", "stale")

    def __init__(self, records: Records, fresh: float, stale: float) -> None:
        self.records = records
        self.fresh = fresh
        self.stale = stale


class NameCache:
    """Answers by question, a bounded number: the one that was stored first goes first."""

    def __init__(self, policy: DnsPolicy) -> None:
        self.policy = policy
        self._entries: dict[Question, _Entry] = {}

    def __len__(self) -> int:
        """How many answers there are, those that ran out included."""
        return len(self._entries)

    def fresh(self, question: Question, now: float) -> Records | None:
        """Give an answer that need not be asked for; None if there is none."""
        entry = self._entries.get(question)
        return entry.records if entry is not None and now < entry.fresh else None

    def last(self, question: Question, now: float) -> Records:
        """Give the last answer, though it may have run out; empty if that is too long ago."""
        entry = self._entries.get(question)
        return entry.records if entry is not None and now < entry.stale else ()

    def store(self, event: Resolved, now: float) -> Records:
        """Keep an answer, and give what to use in its place.

        After a failure that is what was known before: names seldom change while name
        servers are out of order.
        """
        policy, question = self.policy, event.question
        if event.error:
            known = self._entries.get(question)
            records = self.last(question, now)
            stale = known.stale if known is not None and records else now + policy.negative_ttl
            entry = _Entry(records, min(now + policy.negative_ttl, stale), stale)
        elif event.records:
            fresh = now + min(max(event.ttl, policy.min_ttl), policy.max_ttl)
            entry = _Entry(event.records, fresh, fresh + policy.stale)
        else:
            fresh = now + policy.negative_ttl
            entry = _Entry((), fresh, fresh)
        self._put(question, entry)
        return entry.records

    def _put(self, question: Question, entry: _Entry) -> None:
        self._entries.pop(question, None)
        self._entries[question] = entry
        while len(self._entries) > self.policy.cache_size:
            del self._entries[next(iter(self._entries))]
