"""Requests that we sent, from the first copy to the last response (RFC 3261 17.1, RFC 6026 7.2).

``machines`` has the tables. One deadline serves all timers of a transaction: the earlier of
its next retransmission and its end.
"""

from collections.abc import Callable, Iterable
from math import inf
from typing import Protocol

from pcscf.core.context import Context
from pcscf.core.deadlines import Timed
from pcscf.core.effects import SendSip
from pcscf.core.flow import Flow, Side, Transport
from pcscf.core.machines import CLIENT, INVITE_CLIENT, Action, Input, State, Table, kind_of
from pcscf.core.policy import Timers
from pcscf.sip.hop_by_hop import make_ack, make_cancel
from pcscf.sip.message import Request, Response

_TRYING = 100
_OVER = (State.COMPLETED, State.TERMINATED)  # nothing but copies may come, or not even those
_ANSWERED = (State.ACCEPTED, *_OVER)  # we have nothing more to send


class TransactionUser(Protocol):
    """Who sent a request through a client transaction."""

    def on_response(self, response: Response) -> None:
        """Take a response: any number of 1xx, then one final; an INVITE may have several 2xx."""

    def again(self, sent: SendSip) -> SendSip | None:
        """Give the request as it is to be sent again: the same octets, perhaps another way.

        None where what it went out under is no longer there.
        """

    def on_no_response(self, client: "ClientTransaction", reason: str) -> None:
        """Take note that no final response will come."""

    def on_over(self) -> None:
        """Take note that nothing more will come to an INVITE that had a final response."""


class ClientTransaction(Timed):
    """A request we sent. ``branch`` names it, on the wire and (as ``ref``) in failed sends.

    ``fallback`` is the same request for another way, should this one be refused. Once it
    is answered for good it has no ``effect`` and no ``fallback`` any more.
    """

    __slots__ = (
        "began", "effect", "ends", "fallback", "flow", "interval", "limit", "method", "ref",
        "resend", "state", "user",
    )  # fmt: skip
    __deletable__ = ["effect"]  # noqa: RUF012 - mypyc reads a list
    table: Table = CLIENT

    def __init__(self, effect: SendSip, method: str, user: TransactionUser) -> None:
        super().__init__()
        self.ref = effect.ref
        self.method = method
        self.flow = effect.flow
        self.effect = effect
        self.user = user
        self.fallback: SendSip | None = None
        self.state = State.TRYING
        self.began = 0.0  # when it left first, on the core's clock
        self.limit = inf  # when a 1xx no longer helps: timer C or F
        self.interval = 0.0
        self.resend = inf
        self.ends = inf

    def release(self) -> None:
        """Let go of what is no longer sent."""
        del self.effect
        self.fallback = None


class InviteClient(ClientTransaction):
    """An INVITE we sent. ``request`` is as it left, for its ACK and CANCEL."""

    __slots__ = ("ack", "reasons", "request")
    __deletable__ = ["request"]  # noqa: RUF012 - mypyc reads a list
    table = INVITE_CLIENT

    def __init__(self, effect: SendSip, request: Request, user: TransactionUser) -> None:
        super().__init__(effect, request.method, user)
        self.request = request
        self.reasons: tuple[str, ...] = ()
        self.ack: SendSip | None = None

    def release(self) -> None:
        """Let go of the request too: its ACK is made."""
        super().release()
        del self.request


class Cancelling:
    """The user of a CANCEL: its answer says nothing that the INVITE's does not.

    ``invite`` is the user of the INVITE; who may answer that one may answer this.
    """

    __slots__ = ("invite",)

    def __init__(self, invite: TransactionUser) -> None:
        self.invite = invite

    def on_response(self, response: Response) -> None:
        """Nothing follows from it."""

    def again(self, sent: SendSip) -> SendSip | None:
        """As long as the INVITE's way is there."""
        return self.invite.again(sent)

    def on_no_response(self, client: ClientTransaction, reason: str) -> None:
        """Nothing follows from it."""

    def on_over(self) -> None:
        """Nothing follows from it."""


class ClientTransactions:
    """All requests we sent, found by response, by failed send and by connection."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._by_ref: dict[str, ClientTransaction] = {}
        self._asked_on: dict[Flow, dict[str, ClientTransaction]] = {}  # by connection and ref
        self._act: dict[Action, Callable[[ClientTransaction, Response | None, str], None]] = {
            Action.NONE: lambda *_: None,
            Action.SEND: self._send_again,
            Action.TELL: self._tell,
            Action.CANCEL: self._send_cancel,
            Action.ACKNOWLEDGE: self._acknowledge,
            Action.ACKNOWLEDGE_AND_TELL: self._acknowledge_and_tell,
            Action.GIVE_UP: self._give_up,
        }

    def __len__(self) -> int:
        """How many there are."""
        return len(self._by_ref)

    # --- asking ---

    def send(
        self, effect: SendSip, request: Request, user: TransactionUser, *, patience: float = inf
    ) -> ClientTransaction:
        """Send a request; ``effect.ref`` is its branch.

        ``patience`` bounds the wait for the first sign of life, in seconds; timer B or F
        otherwise.
        """
        if request.method == "INVITE":
            client: ClientTransaction = InviteClient(effect, request, user)
        else:
            client = ClientTransaction(effect, request.method, user)
        self._begin(client, patience)
        return client

    def ask_again(self, client: ClientTransaction, effect: SendSip) -> None:
        """Send the request of a transaction that was given up another way."""
        if isinstance(client, InviteClient):
            self._begin(InviteClient(effect, client.request, client.user), inf)
        else:
            self._begin(ClientTransaction(effect, client.method, client.user), inf)

    def cancel(self, branch: str, reasons: Iterable[str] = ()) -> None:
        """Cancel an INVITE, at once or as soon as a 1xx has come (RFC 3261 9.1)."""
        client = self._by_ref.get(branch)
        if isinstance(client, InviteClient):
            client.reasons = tuple(reasons)
            self._step(client, Input.CANCEL, None, "")

    def _begin(self, client: ClientTransaction, patience: float) -> None:
        now, timers = self._context.now, self._timers(client)
        self._by_ref[client.ref] = client
        client.began = now
        client.ends = client.limit = now + timers.transaction
        if isinstance(client, InviteClient):
            client.limit = now + self._context.policy.timer_c
        client.ends = min(now + patience, client.ends)
        client.interval = timers.t1
        if client.flow.transport is Transport.UDP:
            client.resend = now + timers.t1
        else:
            self._asked_on.setdefault(client.flow.connection_key, {})[client.ref] = client
        self._context.emit(client.effect)
        self._schedule(client)

    # --- what happens ---

    def find(self, response: Response, side: Side) -> ClientTransaction | None:
        """Match a response to its request (RFC 3261 17.1.3), on the side it was sent to."""
        branch, method = response.via.branch, response.cseq.method
        if not branch:
            return None
        client = self._by_ref.get(_cancel_ref(branch) if method == "CANCEL" else branch)
        if client is None or client.method != method or client.flow.side is not side:
            return None
        return client

    def respond(self, client: ClientTransaction, response: Response) -> None:
        """Feed a response that ``find`` matched."""
        given = kind_of(response.status)
        if client.state is State.TRYING:
            seconds = self._context.now - client.began
            self._context.measures.responded(client.flow.side, client.method, seconds)
        if isinstance(client, InviteClient) and _TRYING < response.status < 200:
            client.limit = self._context.now + self._context.policy.timer_c  # RFC 3261 16.7 step 2
            if client.state is State.PROCEEDING:
                client.ends = client.limit
        self._step(client, given, response, "")

    def fail(self, ref: str, reason: str) -> bool:
        """Note that a request could not be sent. False if ``ref`` names no client transaction."""
        client = self._by_ref.get(ref)
        if client is not None:
            self._step(client, Input.UNSENT, None, reason)
        return client is not None

    def on_closed(self, flow: Flow) -> None:
        """Note that a connection ended: what was asked on it has lost its way back."""
        for client in self._asked_on.pop(flow.connection_key, {}).values():
            self._step(client, Input.CLOSED, None, "connection closed")

    def on_deadline(self, client: ClientTransaction) -> None:
        """Timers A to F, K and M."""
        if self._context.now >= client.ends:
            self._step(client, Input.TIMEOUT, None, "no answer")
        elif (again := client.user.again(client.effect)) is not None:
            client.effect = again
            self._step(client, Input.RETRANSMIT, None, "")
        else:
            self._step(client, Input.UNSENT, None, "no longer there")

    # --- the machine ---

    def _step(
        self, client: ClientTransaction, given: Input, response: Response | None, reason: str
    ) -> None:
        here = client.state
        state, action = client.table.get((here, given), (here, Action.NONE))
        client.state = state
        if state is not here:
            self._enter(client, state)
        self._act[action](client, response, reason)
        if state in _ANSWERED and here not in _ANSWERED:
            client.release()
        if state in _OVER and here not in _OVER and isinstance(client, InviteClient):
            client.user.on_over()
        if state is not State.TERMINATED:
            self._schedule(client)

    def _enter(self, client: ClientTransaction, state: State) -> None:
        """Set the timers of a new state."""
        now, timers = self._context.now, self._timers(client)
        if state is State.TERMINATED:
            self._drop(client)
        elif state is State.PROCEEDING:
            client.ends = client.limit
            # Behind a 1xx others are sent again every T2, an INVITE is not (RFC 3261 17.1.2.2).
            client.interval = timers.t2
            if isinstance(client, InviteClient):
                client.resend = inf
        elif state in (State.CANCELLED, State.ACCEPTED):
            client.resend = inf
            client.ends = now + timers.transaction  # RFC 3261 9.1; timer M
        elif state is State.COMPLETED:
            client.resend = inf
            client.ends = now + self._copies_come_for(client)

    def _copies_come_for(self, client: ClientTransaction) -> float:
        """Timers D and K; none where the transport is reliable."""
        if client.flow.transport is Transport.TCP:
            return 0
        timers = self._timers(client)
        return timers.transaction if isinstance(client, InviteClient) else timers.t4

    def _send_again(self, client: ClientTransaction, _: Response | None, __: str) -> None:
        self._context.emit(client.effect)
        client.interval *= 2
        if not isinstance(client, InviteClient):  # timer A has no upper bound but B
            client.interval = min(client.interval, self._timers(client).t2)
        client.resend = self._context.now + client.interval

    def _tell(self, client: ClientTransaction, response: Response | None, _: str) -> None:
        if response is not None:
            client.user.on_response(response)

    def _give_up(self, client: ClientTransaction, _: Response | None, reason: str) -> None:
        client.user.on_no_response(client, reason)

    def _send_cancel(self, client: ClientTransaction, _: Response | None, __: str) -> None:
        if not isinstance(client, InviteClient):
            return
        again = client.user.again(client.effect)
        if again is None:
            return
        cancel = make_cancel(client.request, client.reasons)
        effect = SendSip(again.flow, cancel.to_bytes(), ref=_cancel_ref(client.ref))
        self.send(effect, cancel, Cancelling(client.user))

    def _acknowledge(
        self, client: ClientTransaction, response: Response | None, _: str = ""
    ) -> None:
        if not isinstance(client, InviteClient) or response is None:
            return
        if client.ack is None:
            ack = make_ack(client.request, response)
            client.ack = SendSip(client.flow, ack.to_bytes())
        if self._way_is_there(client):
            self._context.emit(client.ack)

    def _acknowledge_and_tell(
        self, client: ClientTransaction, response: Response | None, reason: str
    ) -> None:
        self._acknowledge(client, response)
        self._tell(client, response, reason)

    def _way_is_there(self, client: ClientTransaction) -> bool:
        return client.flow.side is not Side.PROTECTED or (
            self._context.sas.find(client.flow) is not None
        )

    # --- the tables ---

    def _drop(self, client: ClientTransaction) -> None:
        client.state = State.TERMINATED
        if self._by_ref.get(client.ref) is client:
            del self._by_ref[client.ref]
        self._context.deadlines.cancel(client)
        if client.flow.transport is Transport.TCP:
            self._leave_connection(client)

    def _leave_connection(self, client: ClientTransaction) -> None:
        key = client.flow.connection_key
        asked = self._asked_on.get(key, {})
        asked.pop(client.ref, None)
        if not asked:
            self._asked_on.pop(key, None)

    def _schedule(self, client: ClientTransaction) -> None:
        self._context.deadlines.set(client, min(client.resend, client.ends))

    def _timers(self, client: ClientTransaction) -> Timers:
        return self._context.policy.timers_of(client.flow.side)


def _cancel_ref(branch: str) -> str:
    """Name the CANCEL of an INVITE, which has the same branch."""
    return f"CANCEL {branch}"
