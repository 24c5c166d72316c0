"""Non-INVITE transactions, RFC 3261 17.1.2 and 17.2.2, as tables.

A table says, for a state and an input, the next state and what to do. One
deadline serves all timers of a transaction: a client's is the earlier of its
next retransmission and its end.
"""

from collections.abc import Callable
from enum import Enum, auto
from math import inf
from typing import Protocol

from pcscf.core.context import Context
from pcscf.core.deadlines import Timed
from pcscf.core.effects import SendSip
from pcscf.core.flow import Flow, Side, Transport
from pcscf.core.policy import Timers
from pcscf.core.sa_table import SaRow
from pcscf.errors import SipError
from pcscf.sip.message import Request, Response


class State(Enum):
    """States of both machines (RFC 3261 figures 6 and 8)."""

    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    TERMINATED = auto()


class Input(Enum):
    """What can happen to a transaction."""

    REQUEST = auto()  # the request again (server)
    PROVISIONAL = auto()  # a 1xx, from the user (server) or the network (client)
    FINAL = auto()
    RETRANSMIT = auto()  # timer E (client)
    TIMEOUT = auto()  # timer F (client), J (server) or K (client)
    FAILURE = auto()  # the request could not be sent (client)
    CLOSED = auto()  # the connection it was sent on has ended (client)


class Action(Enum):
    """What to do on the way to the next state."""

    NONE = auto()
    SEND = auto()  # send for the first time, or once more
    TELL = auto()  # hand the response to the transaction user
    GIVE_UP = auto()  # tell the transaction user that there will be none


T, P, C, X = State.TRYING, State.PROCEEDING, State.COMPLETED, State.TERMINATED

SERVER: dict[tuple[State, Input], tuple[State, Action]] = {
    (T, Input.PROVISIONAL): (P, Action.SEND),
    (T, Input.FINAL): (C, Action.SEND),
    (P, Input.REQUEST): (P, Action.SEND),
    (P, Input.PROVISIONAL): (P, Action.SEND),
    (P, Input.FINAL): (C, Action.SEND),
    (C, Input.REQUEST): (C, Action.SEND),
    (C, Input.TIMEOUT): (X, Action.NONE),
}

CLIENT: dict[tuple[State, Input], tuple[State, Action]] = {
    (T, Input.RETRANSMIT): (T, Action.SEND),
    (T, Input.PROVISIONAL): (P, Action.TELL),
    (T, Input.FINAL): (C, Action.TELL),
    (T, Input.TIMEOUT): (X, Action.GIVE_UP),
    (T, Input.FAILURE): (X, Action.GIVE_UP),
    # Not behind a 1xx: the request arrived, and its answer may open a connection (RFC 3261 18.2.2).
    (T, Input.CLOSED): (X, Action.GIVE_UP),
    (P, Input.RETRANSMIT): (P, Action.SEND),
    (P, Input.PROVISIONAL): (P, Action.TELL),
    (P, Input.FINAL): (C, Action.TELL),
    (P, Input.TIMEOUT): (X, Action.GIVE_UP),
    (P, Input.FAILURE): (X, Action.GIVE_UP),
    (C, Input.TIMEOUT): (X, Action.NONE),
}

ServerKey = tuple[str, ...]


def server_key(request: Request, flow: Flow, row: SaRow | None) -> ServerKey:
    """Match requests to transactions (RFC 3261 17.2.3), those of one peer only.

    Under SAs that is one set, whose number nobody else has: users at one address
    meet no transaction of each other, nor of a set that is gone.
    """
    via = request.via
    peer = (flow.side, flow.remote.host, str(row.sa_set.spi_ps) if row is not None else "")
    if via.branch is not None and via.branch.startswith("z9hG4bK"):
        return (*peer, via.branch, f"{via.host}:{via.port}".lower(), request.method)
    # A peer that does not know branches (RFC 2543): everything that a retransmission keeps.
    fields = (request.get(name) or "" for name in ("from", "to", "call-id", "cseq", "via"))
    return (*peer, request.method, request.uri, *fields)


class ServerTransaction(Timed):
    """A request we were sent. ``row`` is the SA set it came under, None if in clear.

    Once it is answered for good (``Transactions.settle``) it has no ``request`` any more.
    """

    __slots__ = ("flow", "key", "request", "row", "sent", "state")

    def __init__(self, key: ServerKey, flow: Flow, request: Request, row: SaRow | None) -> None:
        super().__init__()
        self.key = key
        self.flow = flow
        self.request = request
        self.row = row
        self.state = State.TRYING
        self.sent: SendSip | None = None

    @property
    def ref(self) -> str:
        """What a failed send of the answer comes back with."""
        return "\n".join(self.key)


class TransactionUser(Protocol):
    """Who sent a request through a client transaction."""

    def on_response(self, response: Response) -> None:
        """Take a response: any number of 1xx, then one final."""

    def may_send_again(self) -> bool:
        """Say whether what the request went out under is still there."""

    def on_no_response(self, client: "ClientTransaction", reason: str) -> None:
        """Take note that no final response will come."""


class ClientTransaction(Timed):
    """A request we sent. ``branch`` names it, on the wire and in failed sends."""

    __slots__ = (
        "branch",
        "effect",
        "ends",
        "interval",
        "limit",
        "method",
        "resend",
        "state",
        "timers",
        "user",
    )

    def __init__(
        self,
        method: str,
        effect: SendSip,
        timers: Timers,
        user: TransactionUser,
    ) -> None:
        super().__init__()
        self.branch = effect.ref
        self.method = method
        self.effect = effect
        self.timers = timers
        self.user = user
        self.state = State.TRYING
        self.limit = inf  # timer F, which no 1xx moves
        self.interval = timers.t1
        self.resend = inf
        self.ends = inf


class Transactions:
    """All transactions, found by message, by deadline, by failed send and by connection."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._servers: dict[ServerKey, ServerTransaction] = {}
        self._answered: set[ServerTransaction] = set()  # finally, by the event at hand
        self._clients: dict[str, ClientTransaction] = {}
        self._asked_on: dict[Flow, dict[str, ClientTransaction]] = {}  # by connection and branch
        self._act: dict[Action, Callable[[ClientTransaction, Response | None, str], None]] = {
            Action.NONE: lambda *_: None,
            Action.SEND: self._send_again,
            Action.TELL: self._tell,
            Action.GIVE_UP: self._give_up,
        }

    def __len__(self) -> int:
        """How many there are, both sides."""
        return len(self._servers) + len(self._clients)

    # --- server side ---

    def receive(self, request: Request, flow: Flow, row: SaRow | None) -> ServerTransaction | None:
        """Open a transaction for a new request; answer a retransmission again and give None.

        Raises SipError 503 where there is no room for a new one.
        """
        key = server_key(request, flow, row)
        known = self._servers.get(key)
        if known is not None:
            _, action = SERVER.get((known.state, Input.REQUEST), (known.state, Action.NONE))
            if action is Action.SEND and known.sent is not None:
                self._context.emit(known.sent)
            return None
        self._check_room(flow.side)
        transaction = ServerTransaction(key, flow, request, row)
        self._servers[key] = transaction
        return transaction

    def _check_room(self, side: Side) -> None:
        """Strangers get half of what there is: the other half is for phones with SAs."""
        room = self._context.policy.max_transactions
        if len(self) >= (room // 2 if side is Side.CLEAR else room):
            raise SipError(503, "Service Unavailable")

    def answer(self, transaction: ServerTransaction, status: int, effect: SendSip) -> None:
        """Send a response, and remember it for retransmissions of the request.

        A second final response replaces the first (it never left).
        """
        given = Input.PROVISIONAL if status < 200 else Input.FINAL
        state, action = SERVER.get((transaction.state, given), (transaction.state, Action.NONE))
        if action is Action.NONE and given is Input.PROVISIONAL:
            return
        transaction.state = state
        transaction.sent = effect
        self._context.emit(effect)
        if state is State.COMPLETED:
            self._answered.add(transaction)
            self._linger(transaction)

    def settle(self) -> None:
        """Take the last event's answers for sent: their requests go, which are most of the memory.

        A transaction over UDP lives for minutes yet, for copies of its request.
        """
        for transaction in self._answered:
            del transaction.request
        self._answered.clear()

    def _linger(self, transaction: ServerTransaction) -> None:
        """Timer J: as long as the peer may retransmit; none where the transport is reliable."""
        timers = self._timers(transaction.flow.side)
        reliable = transaction.flow.transport is Transport.TCP
        self._context.deadlines.set(
            transaction, self._context.now + (0 if reliable else timers.transaction)
        )

    def forget(self, transaction: ServerTransaction) -> None:
        """Drop a request that cannot be answered."""
        self._servers.pop(transaction.key, None)
        self._context.deadlines.cancel(transaction)

    def server_by_ref(self, ref: str) -> ServerTransaction | None:
        """Find the transaction of an answer that could not be sent."""
        return self._servers.get(tuple(ref.split("\n")))

    # --- client side ---

    def send(
        self,
        effect: SendSip,
        method: str,
        user: TransactionUser,
        *,
        patience: float | None = None,
    ) -> ClientTransaction:
        """Send a request; ``effect.ref`` is its branch.

        ``patience`` bounds the wait for the first sign of life, in seconds; timer F otherwise.
        """
        timers = self._timers(effect.flow.side)
        client = ClientTransaction(method, effect, timers, user)
        self._clients[client.branch] = client
        now = self._context.now
        client.limit = now + timers.transaction
        client.ends = min(now + (patience or inf), client.limit)
        if effect.flow.transport is Transport.UDP:
            client.resend = now + timers.t1
        else:
            self._asked_on.setdefault(effect.flow.connection_key, {})[client.branch] = client
        self._context.emit(effect)
        self._schedule(client)
        return client

    def client_for(self, response: Response, side: Side) -> ClientTransaction | None:
        """Match a response to its request (RFC 3261 17.1.3), on the side it was sent to."""
        branch = response.via.branch
        client = self._clients.get(branch) if branch else None
        if (
            client is None
            or client.method != response.cseq.method
            or client.effect.flow.side is not side
        ):
            return None
        return client

    def respond(self, client: ClientTransaction, response: Response) -> None:
        """Feed a response that ``client_for`` matched."""
        given = Input.PROVISIONAL if response.status < 200 else Input.FINAL
        if given is Input.PROVISIONAL and client.state is not State.COMPLETED:
            # RFC 3261 17.1.2.2: from now on every T2, until timer F.
            client.interval = client.timers.t2
            client.ends = client.limit
        self._step(client, given, response, "")

    def fail(self, ref: str, reason: str) -> bool:
        """Note that a request could not be sent. False if ``ref`` names no client transaction."""
        client = self._clients.get(ref)
        if client is not None:
            self._step(client, Input.FAILURE, None, reason)
        return client is not None

    def on_closed(self, flow: Flow) -> None:
        """Note that a connection ended: what was asked on it has lost its way back."""
        for client in self._asked_on.pop(flow.connection_key, {}).values():
            self._step(client, Input.CLOSED, None, "connection closed")

    # --- time ---

    def on_deadline(self, owner: ServerTransaction | ClientTransaction) -> None:
        """Act on the deadline of one transaction."""
        if isinstance(owner, ServerTransaction):
            self.forget(owner)
        elif self._context.now >= owner.ends:
            self._step(owner, Input.TIMEOUT, None, "no answer")
        elif not owner.user.may_send_again():
            self._step(owner, Input.FAILURE, None, "no longer there")
        else:
            self._step(owner, Input.RETRANSMIT, None, "")

    def _step(
        self, client: ClientTransaction, given: Input, response: Response | None, reason: str
    ) -> None:
        state, action = CLIENT.get((client.state, given), (client.state, Action.NONE))
        entered = state is not client.state
        client.state = state
        if state is State.TERMINATED:
            self._drop(client)
        elif state is State.COMPLETED and entered:
            self._complete(client)
        self._act[action](client, response, reason)
        if state is not State.TERMINATED:
            self._schedule(client)

    def _complete(self, client: ClientTransaction) -> None:
        """Timer K: absorb late copies of the response; not where the transport is reliable."""
        reliable = client.effect.flow.transport is Transport.TCP
        client.resend = inf
        client.ends = self._context.now + (0 if reliable else client.timers.t4)

    def _send_again(
        self, client: ClientTransaction, _response: Response | None, _reason: str
    ) -> None:
        self._context.emit(client.effect)
        client.interval = min(2 * client.interval, client.timers.t2)
        client.resend = self._context.now + client.interval

    def _tell(self, client: ClientTransaction, response: Response | None, _reason: str) -> None:
        if response is not None:
            client.user.on_response(response)

    def _give_up(self, client: ClientTransaction, _response: Response | None, reason: str) -> None:
        client.user.on_no_response(client, reason)

    def _drop(self, client: ClientTransaction) -> None:
        client.state = State.TERMINATED
        self._clients.pop(client.branch, None)
        self._context.deadlines.cancel(client)
        if client.effect.flow.transport is Transport.TCP:
            self._leave_connection(client)

    def _leave_connection(self, client: ClientTransaction) -> None:
        key = client.effect.flow.connection_key
        asked = self._asked_on.get(key, {})
        asked.pop(client.branch, None)
        if not asked:
            self._asked_on.pop(key, None)

    def _schedule(self, client: ClientTransaction) -> None:
        self._context.deadlines.set(client, min(client.resend, client.ends))

    def _timers(self, side: Side) -> Timers:
        return (
            self._context.policy.core_timers
            if side is Side.CORE
            else self._context.policy.gm_timers
        )
