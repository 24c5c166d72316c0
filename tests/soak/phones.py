"""Phones for long runs: what they have heard is looked at, and then let go."""

from typing import Any

from tests.peers.agreement import Agreement
from tests.peers.peer import Sent
from tests.peers.phone import Phone
from tests.peers.wire import TcpLink

_MOST_COPIES = 500  # of answers, which takes a phone longer than copies come for


class LastingPhone(Phone):
    """A phone that may run for days."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._answered_before: set[tuple[str, str]] = set()
        self.max_answers = _MOST_COPIES

    def send_sm1(self, **changes: Any) -> Sent:
        """As any phone; the set before the current one is of no use from now on.

        The P-CSCF drops it at the latest when this comes under the current one, and may give its
        port to the next set.
        """
        self.drop_old()
        return super().send_sm1(**changes)

    def _link(self, over: Agreement) -> TcpLink:
        link = super()._link(over)
        link.lingers = False
        return link

    def connect_anew(self) -> None:
        """Give up a connection over which nobody answers.

        A machine that served once may still know one between the same ports (TIME-WAIT): then
        its kernel answers what comes, and does not end it.
        """
        if self.current and self.current.link:
            self.current.link.reset()

    def leave_clear_connection(self) -> None:
        """Keep the one that it has registered over no longer, as few phones do.

        What is sent over one to a machine that is gone is lost.
        """
        if self._clear_link:
            self._clear_link.reset()

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
            answered = {key for key, sent in self._sent.items() if sent.final is not None}
            for key in answered & self._answered_before:
                del self._sent[key]
            self._answered_before = answered
