"""Requests that wait for the DNS: each question is asked once, however many wait for it."""

from collections.abc import Callable, Iterable, Sequence

from pcscf.core.context import Context
from pcscf.core.deadlines import Timed
from pcscf.core.dns_records import Question, Records
from pcscf.core.effects import Resolve
from pcscf.core.events import Resolved
from pcscf.core.locating import Answers, Locator, Search, advance
from pcscf.core.name_cache import NameCache
from pcscf.core.policy import DnsPolicy, NextHop, Target

Then = Callable[[Sequence[NextHop]], None]


class Lookup(Timed):
    """One request's search. Its deadline is when it goes on with what is known."""

    __slots__ = ("answers", "asked", "is_late", "missing", "search", "then")

    def __init__(self, search: Search, then: Then) -> None:
        super().__init__()
        self.search = search
        self.then = then
        self.asked: list[Question] = []  # the questions of this round
        self.answers: dict[Question, Records] = {}
        self.missing: set[Question] = set()
        self.is_late = False

    def told(self) -> Answers:
        """Give the answers of this round, once none is missing."""
        return [self.answers[question] for question in self.asked]


class Lookups:
    """Finds next hops, from what is known or by asking."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._locator = Locator(context.policy.core, context.ids)
        self._cache = NameCache(context.policy.dns)
        self._open: set[Lookup] = set()
        # By question that was asked; each a dict, which keeps the order they came in.
        self._waiting: dict[Question, dict[Lookup, None]] = {}

    def __len__(self) -> int:
        """How many requests wait."""
        return len(self._open)

    @property
    def _policy(self) -> DnsPolicy:
        return self._context.policy.dns

    def on_policy(self) -> None:
        """Keep answers as the new policy has it; those that are known stay as they are."""
        self._cache.policy = self._policy

    def find(self, targets: Iterable[Target], then: Then) -> None:
        """Call ``then`` once with the hops of the targets, in their order.

        At once if nothing has to be asked; else when the answers are there, or with what is
        known when ``dns.timeout`` is over.
        """
        lookup = Lookup(self._locator.locate_all(targets), then)
        if len(self._open) >= self._policy.max_waiting:
            self._context.count("dns_too_many_waiting")
            lookup.is_late = True
        self._go_on(lookup, None)

    def on_resolved(self, event: Resolved) -> None:
        """Take an answer of the DNS."""
        question = event.question
        if event.error:
            self._context.count("dns_failed")
            self._context.report(
                "warning", "dns_failed", name=question.name, type=question.type, reason=event.error
            )
        records = self._cache.store(event, self._context.now)
        for lookup in self._waiting.pop(question, {}):
            lookup.answers[question] = records
            lookup.missing.discard(question)
            if not lookup.missing:
                self._go_on(lookup, lookup.told())

    def on_deadline(self, lookup: Lookup) -> None:
        """Go on without the answers that did not come."""
        self._context.count("dns_timed_out")
        lookup.is_late = True
        for question in lookup.missing:
            self._waiting.get(question, {}).pop(lookup, None)
            lookup.answers[question] = self._cache.last(question, self._context.now)
        lookup.missing.clear()
        self._go_on(lookup, lookup.told())

    def _go_on(self, lookup: Lookup, answers: Answers | None) -> None:
        """Play the search until it has to wait or has found what there is."""
        try:
            while True:
                lookup.asked = advance(lookup.search, answers)
                self._look_up(lookup)
                if lookup.missing:
                    self._wait(lookup)
                    return
                answers = lookup.told()
        except StopIteration as end:
            hops: list[NextHop] = end.value
        self._open.discard(lookup)
        self._context.deadlines.cancel(lookup)
        lookup.then(hops)

    def _look_up(self, lookup: Lookup) -> None:
        """Answer what is known. A late request takes what was known once, or nothing."""
        now = self._context.now
        for question in lookup.asked:
            records = self._cache.fresh(question, now)
            if records is None and lookup.is_late:
                records = self._cache.last(question, now)
            if records is not None:
                lookup.answers[question] = records
            elif question not in lookup.answers:
                lookup.missing.add(question)

    def _wait(self, lookup: Lookup) -> None:
        for question in dict.fromkeys(lookup.asked):
            if question in lookup.missing:
                self._ask(question)[lookup] = None
        if lookup not in self._open:
            self._open.add(lookup)
            self._context.deadlines.set(lookup, self._context.now + self._policy.timeout)

    def _ask(self, question: Question) -> dict[Lookup, None]:
        """Give those who wait for a question; it is asked unless it has been."""
        if question not in self._waiting:
            self._waiting[question] = {}
            self._context.count("dns_asked")
            self._context.emit(Resolve(question))
        return self._waiting[question]
