"""The response context of an INVITE that goes to several contacts (RFC 3261 16.7, 16.10)."""

from dataclasses import dataclass
from functools import partial

from tests.peers.lines import without_top_via
from tests.peers.peer import Peer, Received, Sent
from tests.peers.repeating import Repetition
from tests.peers.text import Message, follow_up, make_response
from tests.peers.wire import Send


@dataclass(eq=False)
class Branch:
    """One of the INVITEs; ``unwanted`` is cancelled as soon as it may be."""

    sent: Sent
    repetition: Repetition | None = None
    rang: bool = False
    unwanted: bool = False
    cancelled: bool = False
    final: Received | None = None


class Fork:
    """All 2xx and all 1xx but 100 pass; of refusals only the best, when all have refused.

    After a 2xx or a 6xx the other branches are cancelled. Everything runs in the
    pump's thread under the core's lock.
    """

    def __init__(self, core: Peer, request: Message, back: Send, sents: list[Sent]) -> None:
        self._core, self._request, self._back = core, request, back
        self._branches = [Branch(sent) for sent in sents]
        self._repetition: Repetition | None = None

    def begin(self) -> None:
        """Say 100, and send to every contact."""
        trying = make_response(self._request, 100, "Trying", to_tag="")
        self._core.answer(self._request, trying, self._back)
        for branch in self._branches:
            branch.sent.heard = partial(self._heard, branch)
            self._core.launch(branch.sent)
            if not branch.sent.reliable:
                branch.repetition = Repetition(self._core.pump, branch.sent.repeat, self._core.t1)

    def cancel(self) -> None:
        """Cancel every branch without a final answer, once a 1xx allows it."""
        for branch in self._branches:
            branch.unwanted = True
            self._cancel_if_due(branch)

    def on_ack(self) -> None:
        """The refusal that was passed on has arrived."""
        if self._repetition is not None:
            self._repetition.stop()

    def _heard(self, branch: Branch, answer: Received) -> None:
        if branch.repetition is not None:
            branch.repetition.stop()
        if answer.status >= 300:
            self._refused(branch, answer)
        elif answer.status >= 200:
            branch.final = branch.final or answer
            self._back(without_top_via(answer.data))
            self.cancel()
        else:
            branch.rang = True
            self._cancel_if_due(branch)
            if answer.status > 100:
                self._core.answer_with(self._request, without_top_via(answer.data), self._back)

    def _refused(self, branch: Branch, answer: Received) -> None:
        ack = follow_up(branch.sent.message, "ACK", answer.message.header("to"))
        branch.sent.send(ack.to_bytes())
        if branch.final is not None:
            return
        branch.final = answer
        if answer.status >= 600:
            self.cancel()
        finals = [one.final for one in self._branches if one.final]
        if len(finals) == len(self._branches) and all(one.status >= 300 for one in finals):
            self._pass_best(finals)

    def _pass_best(self, finals: list[Received]) -> None:
        """16.7 step 6: a 6xx, else the lowest class."""
        best = min(finals, key=lambda one: (one.status < 600, one.status))
        data = without_top_via(best.data)
        self._core.answer_with(self._request, data, self._back)
        if self._request.header("via").upper().startswith("SIP/2.0/UDP"):
            again = partial(self._back, data)
            self._repetition = Repetition(self._core.pump, again, self._core.t1, self._core.t2)

    def _cancel_if_due(self, branch: Branch) -> None:
        if branch.unwanted and branch.rang and not branch.cancelled and not branch.final:
            branch.cancelled = True
            sent = branch.sent
            request = follow_up(sent.message, "CANCEL", sent.message.header("to"))
            cancel = self._core.start(request, sent.send, role="core", reliable=sent.reliable)
            if not cancel.reliable:
                pump, t1, t2 = self._core.pump, self._core.t1, self._core.t2
                repetition = Repetition(pump, cancel.repeat, t1, t2)
                cancel.heard = lambda _answer: repetition.stop()
