"""Requests that we were sent, from the first copy to the last answer (RFC 3261 17.2, RFC 6026).

``machines`` has the tables. One deadline serves all timers of a transaction: an INVITE's is
the earlier of its answer's next retransmission and its end.
"""

from collections.abc import Iterable
from math import inf
from typing import Protocol

from pcscf.core.context import Context
from pcscf.core.deadlines import Timed
from pcscf.core.effects import SendSip
from pcscf.core.flow import Flow, Side, Transport
from pcscf.core.machines import INVITE_SERVER, SERVER, Action, Input, State, Table, kind_of
from pcscf.core.policy import Timers
from pcscf.core.sa_table import SaRow
from pcscf.sip.message import Request

_ANSWERED = (State.COMPLETED, State.ACCEPTED)


def server_key(request: Request, flow: Flow, row: SaRow | None, method: str = "") -> str:
    """Match requests to transactions (RFC 3261 17.2.3), those of one peer only.

    Under SAs that is one set, whose number nobody else has: users at one address
    meet no transaction of each other, nor of a set that is gone. ``method`` is that of
    the transaction looked for, if it is not the request's own (ACK, CANCEL).
    """
    via = request.via
    method = method or request.method
    peer = row.sa_set.spi_ps if row is not None else flow.remote.host
    if via.branch is not None and via.branch.startswith("z9hG4bK"):
        sent_by = f"{via.host}:{via.port}".lower()
        return f"{flow.side}\n{peer}\n{method}\n{via.branch}\n{sent_by}"
    # A peer that does not know branches (RFC 2543): everything that a retransmission keeps.
    cseq = f"{request.cseq.number}"
    fields = [request.get(name) or "" for name in ("from", "call-id", "via")]
    return "\n".join([f"{flow.side}", f"{peer}", method, request.uri, cseq, *fields])


class Cancellable(Protocol):
    """Who passes an INVITE on."""

    def cancel(self, reasons: Iterable[str]) -> None:
        """The caller has hung up; ``reasons`` are its lines of Reason (RFC 3326)."""


class ServerTransaction(Timed):
    """A request we were sent. ``row`` is the SA set it came under, None if in clear.

    Once it is answered for good (``ServerTransactions.settle``) it has no ``request`` any more.
    """

    __slots__ = ("began", "flow", "key", "request", "row", "sent", "state")
    __deletable__ = ["request"]  # noqa: RUF012 - mypyc reads a list
    table: Table = SERVER

    def __init__(self, key: str, flow: Flow, request: Request, row: SaRow | None) -> None:
        super().__init__()
        self.began = 0.0  # when it came, on the core's clock
        self.key = key
        self.flow = flow
        self.request = request
        self.row = row
        self.state = State.TRYING
        self.sent: SendSip | None = None  # the last answer; ``key`` is its ref

    @property
    def vias(self) -> list[str]:
        """The lines of Via that every answer repeats."""
        return self.request.lines("via")

    def release(self) -> None:
        """Let go of what an answered request needs no more, which is most of its memory."""
        del self.request


class InviteServer(ServerTransaction):
    """An INVITE we were sent. ``relay`` passes it on, until it is answered."""

    __slots__ = ("_vias", "ends", "interval", "relay", "resend")
    table = INVITE_SERVER

    def __init__(self, key: str, flow: Flow, request: Request, row: SaRow | None) -> None:
        super().__init__(key, flow, request, row)
        self.state = State.PROCEEDING
        self.relay: Cancellable | None = None
        self.interval = 0.0  # of timer G
        self.resend = inf
        self.ends = inf
        self._vias = request.lines("via")  # further 2xx repeat them too

    @property
    def vias(self) -> list[str]:
        """The lines of Via that every answer repeats."""
        return self._vias

    def release(self) -> None:
        """Let go of request and relay; the relay's client transaction keeps it for other 2xx."""
        super().release()
        self.relay = None


class ServerTransactions:
    """All requests we were sent and may be sent again."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._by_key: dict[str, ServerTransaction] = {}
        self._answered: list[ServerTransaction] = []  # for good, by the event at hand

    def __len__(self) -> int:
        """How many there are."""
        return len(self._by_key)

    def find(self, key: str) -> ServerTransaction | None:
        """Find a transaction by its key, which is the ``ref`` of its answers."""
        return self._by_key.get(key)

    def find_invite(self, request: Request, flow: Flow, row: SaRow | None) -> InviteServer | None:
        """Find the INVITE that an ACK or a CANCEL is about (RFC 3261 9.2, 17.2.3)."""
        found = self._by_key.get(server_key(request, flow, row, "INVITE"))
        return found if isinstance(found, InviteServer) else None

    def known(self, request: Request, flow: Flow, row: SaRow | None) -> str | None:
        """Answer a retransmission again and give None; give a new request's key."""
        key = server_key(request, flow, row)
        transaction = self._by_key.get(key)
        if transaction is None:
            return key
        if self._step(transaction, Input.REQUEST) is Action.SEND:
            self._send_again(transaction)
        return None

    def open(self, key: str, request: Request, flow: Flow, row: SaRow | None) -> ServerTransaction:
        """Begin a transaction for a request that is new."""
        kind = InviteServer if request.method == "INVITE" else ServerTransaction
        transaction = self._by_key[key] = kind(key, flow, request, row)
        transaction.began = self._context.now
        return transaction

    def answer(self, transaction: ServerTransaction, status: int, effect: SendSip) -> None:
        """Send a response, and remember it for retransmissions of the request.

        A second final response to a request that is not an INVITE replaces the first (it
        never left).
        """
        given = kind_of(status)
        before = transaction.state
        action = self._step(transaction, given)
        replaces = (
            before is State.COMPLETED
            and transaction.table is SERVER
            and given is not Input.PROVISIONAL
        )
        if action is Action.NONE and not replaces:
            return
        transaction.sent = effect
        self._context.emit(effect)
        if transaction.state in _ANSWERED and before is not State.ACCEPTED:
            self._answered.append(transaction)
            self._linger(transaction)
        if transaction.state in _ANSWERED and before not in _ANSWERED:
            context = self._context
            seconds = context.now - transaction.began
            context.measures.answered(transaction.flow.side, transaction.request.method, seconds)

    def settle(self) -> None:
        """Take the last event's answers for sent: their requests go, which are most of the memory.

        A transaction over UDP lives for minutes yet, for copies of its request.
        """
        for transaction in self._answered:
            if hasattr(transaction, "request"):
                transaction.release()
        self._answered.clear()

    def acknowledge(self, transaction: InviteServer) -> bool:
        """Take an ACK. False if it acknowledges a 2xx, and so is a request by itself."""
        if transaction.state is State.ACCEPTED:
            return False
        before = transaction.state
        self._step(transaction, Input.ACK)
        if transaction.state is State.CONFIRMED and before is not State.CONFIRMED:
            reliable = transaction.flow.transport is Transport.TCP
            t4 = self._timers(transaction.flow.side).t4
            self._until(transaction, self._context.now + (0 if reliable else t4))  # timer I
        return True

    def forget(self, transaction: ServerTransaction) -> None:
        """Drop a request that cannot be answered, or is over."""
        self._by_key.pop(transaction.key, None)
        transaction.state = State.TERMINATED
        if isinstance(transaction, InviteServer):
            transaction.relay = None  # they would keep each other
        self._context.deadlines.cancel(transaction)

    def on_deadline(self, transaction: ServerTransaction) -> None:
        """Timers G, H, I, J and L."""
        if isinstance(transaction, InviteServer) and self._context.now < transaction.ends:
            if self._step(transaction, Input.RETRANSMIT) is Action.SEND:
                self._send_again(transaction)
                t2 = self._timers(transaction.flow.side).t2
                transaction.interval = min(2 * transaction.interval, t2)
                transaction.resend = self._context.now + transaction.interval
                self._schedule(transaction)
            return
        self._step(transaction, Input.TIMEOUT)
        self.forget(transaction)

    def _step(self, transaction: ServerTransaction, given: Input) -> Action:
        """Go to the next state, and say what is to be done."""
        here = transaction.state
        transaction.state, action = transaction.table.get((here, given), (here, Action.NONE))
        return action

    def _send_again(self, transaction: ServerTransaction) -> None:
        if transaction.sent is not None and self._may_leave(transaction, transaction.sent.flow):
            self._context.emit(transaction.sent)

    def _may_leave(self, transaction: ServerTransaction, flow: Flow) -> bool:
        """Not under numbers that may be another user's by now."""
        if flow.side is not Side.PROTECTED or transaction.row is None:
            return True
        row = self._context.sas.find(flow)
        return row is not None and row.owner.impi == transaction.row.owner.impi

    def _linger(self, transaction: ServerTransaction) -> None:
        """Timers J, H and L: as long as the peer may send its request again.

        None for a request other than INVITE where the transport is reliable.
        """
        timers = self._timers(transaction.flow.side)
        reliable = transaction.flow.transport is Transport.TCP
        end = self._context.now + timers.transaction
        if not isinstance(transaction, InviteServer):
            self._context.deadlines.set(transaction, self._context.now if reliable else end)
            return
        if transaction.state is State.COMPLETED and not reliable:
            transaction.interval = timers.t1
            transaction.resend = self._context.now + timers.t1
        self._until(transaction, end)

    def _until(self, transaction: InviteServer, end: float) -> None:
        transaction.ends = end
        if transaction.state is State.CONFIRMED:
            transaction.resend = inf
        self._schedule(transaction)

    def _schedule(self, transaction: InviteServer) -> None:
        self._context.deadlines.set(transaction, min(transaction.resend, transaction.ends))

    def _timers(self, side: Side) -> Timers:
        return self._context.policy.timers_of(side)
