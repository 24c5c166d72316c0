"""What phone and core have in common: records, and transactions at both ends.

::

    PeerError
    +-- NothingCameError        a wait ended without the message waited for
    +-- UnexpectedAnswerError   an answer came, and it is not the one the step needs
"""

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from tests.peers.text import Message, parse
from tests.peers.wire import Origin, Pump, Send

# TS 24.229 7.7: T1 and T2 between a phone and its P-CSCF are 2 s and 16 s.
T1_GM = 2.0
T2_GM = 16.0
# RFC 3261 17.1.1.1, for the core's side.
T1_CORE = 0.5
T2_CORE = 4.0
PATIENCE = 10.0  # seconds that a wait lasts unless the test says otherwise
# Answers kept for repeated requests. 32 s (timer J) of 300 requests/s; the oldest go first.
MAX_ANSWERS = 10_000

T = TypeVar("T")


class PeerError(Exception):
    """Base of the peers' errors."""


class NothingCameError(PeerError):
    """Nothing that was waited for came in time."""


class UnexpectedAnswerError(PeerError):
    """``answer`` is not what the step needs."""

    def __init__(self, answer: "Received", wanted: str) -> None:
        super().__init__(f"wanted {wanted}, got {answer.message.start!r}")
        self.answer = answer


@dataclass(eq=False, slots=True)
class Sent:
    """A request that was sent, and every answer to it so far.

    ``heard`` is called with each answer, in the pump's thread under the peer's lock.
    """

    message: Message
    data: bytes
    send: Send = field(repr=False)
    role: str
    reliable: bool
    answers: "list[Received]" = field(default_factory=list)
    heard: "Callable[[Received], None] | None" = None

    @property
    def final(self) -> "Received | None":
        """The first final answer, if it has come."""
        return next((answer for answer in self.answers if answer.message.status >= 200), None)

    def repeat(self) -> None:
        """Send the very same bytes once more."""
        self.send(self.data)


@dataclass(eq=False, slots=True)
class Received:
    """A message that came: its bytes, the socket, and for a response what it answers.

    ``repeated`` marks a request that came before. ``at`` is time.monotonic().
    """

    message: Message
    data: bytes
    origin: Origin
    sent: Sent | None = None
    repeated: bool = False
    at: float = field(default_factory=time.monotonic)

    @property
    def status(self) -> int:
        """The status code; 0 for a request."""
        return self.message.status


class Peer:
    """A SIP user agent of the tests. All that comes is kept in ``received``, in order.

    ``unreadable`` keeps what was no SIP message, ``seen`` counts the new requests of
    each method. With ``record`` set to False nothing is kept, for long runs under
    load. Handlers run in the pump's thread under ``lock``; a test that reads more
    than the two lists takes it too.
    """

    def __init__(self, pump: Pump | None, t1: float, t2: float) -> None:
        self._own_pump = pump is None
        self.pump = pump or Pump()
        self.t1, self.t2 = t1, t2
        self.lock = threading.RLock()
        self._news = threading.Condition(self.lock)
        self.record = True
        self.max_answers = MAX_ANSWERS  # that are sent again for a copy
        self.received: list[Received] = []
        self.unreadable: list[tuple[bytes, Origin]] = []
        self.seen: Counter[str] = Counter()
        self._sent: dict[tuple[str, str], Sent] = {}
        self._answers: OrderedDict[tuple[str, str], tuple[bytes, Send] | None] = OrderedDict()
        self._ids = count(1)
        self._salt = f"{id(self):x}{time.monotonic_ns():x}"

    def close(self) -> None:
        """Stop the pump if it is this peer's own."""
        if self._own_pump:
            self.pump.close()

    def new_id(self) -> str:
        """A token that no other peer and no earlier call has used."""
        return f"{self._salt}{next(self._ids)}"

    def new_branch(self) -> str:
        """A branch parameter (RFC 3261 section 8.1.1.7)."""
        return f"z9hG4bK{self.new_id()}"

    # -- as a client

    def start(self, request: Message, send: Send, *, role: str, reliable: bool) -> Sent:
        """Send a request; ``finish`` waits for its answer."""
        return self.launch(Sent(request, request.to_bytes(), send, role, reliable))

    def launch(self, sent: Sent) -> Sent:
        """Send what is ready to be sent."""
        with self.lock:
            self._sent[sent.message.branch, sent.message.method] = sent
        sent.repeat()
        return sent

    def finish(self, sent: Sent, timeout: float = PATIENCE) -> Received:
        """Wait for the final answer; over UDP repeat the request as RFC 3261 17.1.2.2 says."""
        deadline = time.monotonic() + timeout
        for pause in self._pauses(sent.reliable):
            left = deadline - time.monotonic()
            with self._news:
                self._news.wait_for(lambda: sent.final is not None, max(0.0, min(pause, left)))
            if sent.final is not None:
                return self._finished(sent, sent.final)
            if time.monotonic() >= deadline:
                break
            sent.repeat()
        raise NothingCameError(f"no final answer to {sent.message.start!r} in {timeout} s")

    def _finished(self, sent: Sent, answer: Received) -> Received:
        self.let_go(sent)
        return answer

    def let_go(self, sent: Sent) -> None:
        """Match no more answers to a request that is done with, unless all is recorded."""
        if not self.record:
            with self.lock:
                self._sent.pop((sent.message.branch, sent.message.method), None)

    def _pauses(self, reliable: bool) -> Iterator[float]:
        pause = self.t1
        while True:
            yield float("inf") if reliable else pause
            pause = min(2 * pause, self.t2)

    # -- records

    def wait_for(
        self, wanted: Callable[[Message], bool], timeout: float = PATIENCE, *, since: int = 0
    ) -> Received:
        """The first message received from index ``since`` on that is ``wanted``."""
        unseen = since

        def find() -> Received | None:
            nonlocal unseen
            fresh = self.received[unseen:]
            unseen += len(fresh)
            return next((one for one in fresh if wanted(one.message)), None)

        try:
            return self.until(find, timeout)
        except NothingCameError:
            starts = [one.message.start for one in self.received[since:]]
            raise NothingCameError(f"not among what came in {timeout} s: {starts}") from None

    def until(self, find: Callable[[], T | None], timeout: float = PATIENCE, what: str = "") -> T:
        """What ``find`` gives once it is true; it is asked whenever something has come."""
        with self._news:
            found = self._news.wait_for(find, timeout)
        if not found:
            raise NothingCameError(f"{what or 'nothing of the kind'} in {timeout} s")
        return found

    def requests(self, method: str) -> list[Received]:
        """All requests of a method received, without repetitions."""
        with self.lock:
            return [
                one
                for one in self.received
                if one.message.is_request and one.message.method == method and not one.repeated
            ]

    # -- what comes in

    def deliver(self, data: bytes, origin: Origin) -> None:
        """Take one message from the wire (called in the pump's thread)."""
        if not data.strip(b"\r\n\0"):
            return  # a keep-alive (RFC 5626 section 3.5.1, or one of a NAT)
        with self._news:
            self._news.notify_all()  # who waits looks when the lock is free again
            try:
                received = Received(parse(data), data, origin)
            except ValueError:
                self.unreadable.append((data, origin))
            else:
                self._sort(received)

    def _sort(self, received: Received) -> None:
        message = received.message
        if self.record:
            self.received.append(received)
        if not message.is_request:
            received.sent = self._sent.get((message.branch, message.method))
            if received.sent is not None:
                received.sent.answers.append(received)
                if received.sent.heard is not None:
                    received.sent.heard(received)
            else:
                self.on_stray(received)
            return
        key = (message.branch, message.method)
        received.repeated = key in self._answers
        if not received.repeated:
            self.seen[message.method] += 1
            self._remember(key, None)
            self.on_request(received)
        elif (answer := self._answers[key]) is not None:
            data, send = answer
            send(data)
        else:
            self.on_repeated(received)

    def _remember(self, key: tuple[str, str], answer: tuple[bytes, Send] | None) -> None:
        self._answers[key] = answer
        while len(self._answers) > self.max_answers:
            self._answers.popitem(last=False)

    def on_request(self, received: Received) -> None:
        """Treat a request that is new; the subclass says how."""
        raise NotImplementedError

    def on_repeated(self, received: Received) -> None:
        """Treat the copy of a request that was not answered; usually it says nothing new."""

    def on_stray(self, received: Received) -> None:
        """Treat an answer to something that this peer has not sent; usually it is ignored."""

    def answer(self, request: Message, response: Message, send: Send) -> None:
        """Send a response, and send it again whenever its request is repeated."""
        self.answer_with(request, response.to_bytes(), send)

    def answer_with(self, request: Message, data: bytes, send: Send) -> None:
        """``answer`` with a response that is octets already."""
        with self.lock:
            self._remember((request.branch, request.method), (data, send))
        send(data)
