"""Phones for long runs: what they have heard is looked at, and then let go."""

from typing import Any

from tests.peers.peer import Sent
from tests.peers.phone import Phone


class LastingPhone(Phone):
    """A phone that may run for days."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._answered_before: set[int] = set()

    def change_sets(self, **changes: Any) -> None:
        """Register again; of the old sets only the one before stays, for what is under way."""
        before = self.current
        self.register(**changes)
        self.drop(*(one for one in self.sets if one not in {before, self.current}))

    def let_go_of_the_past(self) -> None:
        """AssertionError if a rule of Gm was broken since the last time; then forget all that came.

        What was answered is still known for one round more: copies may come.
        """
        with self.lock:
            self.assert_clean()
            self.received.clear()
            self.incoming.clear()
            self.aka_runs.clear()
            self.agreements = self.sets
            answered = {key: sent for key, sent in self._sent.items() if _is_over(sent)}
            for key, sent in answered.items():
                if id(sent) in self._answered_before:
                    del self._sent[key]
            self._answered_before = {id(sent) for sent in answered.values()}


def _is_over(sent: Sent) -> bool:
    return sent.final is not None
