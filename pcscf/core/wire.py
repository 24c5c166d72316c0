"""How the procedures send: answers by the rules of the flow, requests through transactions."""

from collections.abc import Iterable
from math import inf
from typing import NamedTuple

from pcscf.core import rewrite
from pcscf.core.client_transactions import (
    ClientTransaction,
    ClientTransactions,
    InviteClient,
    TransactionUser,
)
from pcscf.core.context import Context
from pcscf.core.effects import PutOff, SendSip
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.core.gate import Gate
from pcscf.core.next_hops import NextHops
from pcscf.core.policy import NextHop
from pcscf.core.sa_table import SaRow
from pcscf.core.server_transactions import ServerTransaction, ServerTransactions
from pcscf.core.state import Registration
from pcscf.errors import ParseError, SipError
from pcscf.sip.message import Message, Request, Response, parse
from pcscf.sip.response import make_response
from pcscf.sip.via import Via

Headers = Iterable[tuple[str, str]]
_SIP_PORT = 5060
_MOST_REMEMBERED = 1024  # servers of the core
_REFUSAL_LASTS = 600.0  # seconds; then a server may have learnt TCP


def to_phone(row: SaRow, transport: Transport) -> Flow:
    """Our client port to the phone's server port: SA 3 (TS 33.203 7.1)."""
    sa_set = row.sa_set
    return Flow(
        transport,
        Side.PROTECTED,
        Endpoint(sa_set.pcscf, sa_set.port_pc),
        Endpoint(sa_set.ue, sa_set.port_us),
    )


class Wire:
    """Sends for the procedures. Nothing it sends to Gm carries keys, or leaves its protection."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.servers = ServerTransactions(context)
        self.clients = ClientTransactions(context)
        self.next_hops = NextHops(context)
        self.gate = Gate(context)
        self._ways: dict[NextHop, _Ways] = {}
        self._refuse_tcp: dict[Endpoint, float] = {}  # servers of the core, and until when

    # --- requests that come ---

    def receive(self, request: Request, flow: Flow, row: SaRow | None) -> ServerTransaction | None:
        """Open a transaction for a new request; answer a retransmission again and give None.

        Raises SipError 503 where there is no room for a new one.
        """
        key = self.servers.known(request, flow, row)
        if key is None:
            return None
        if self.context.is_deaf:
            self.context.emit(PutOff())
            return None
        self._check_room(flow.side)
        return self.servers.open(key, request, flow, row)

    def _check_room(self, side: Side) -> None:
        """Strangers get half of what there is: the other half is for phones with SAs."""
        room = self.context.policy.max_transactions
        held = len(self.servers) + len(self.clients)
        if held >= (room // 2 if side is Side.CLEAR else room):
            raise SipError(503, "Service Unavailable")

    # --- answers ---

    def answer(
        self,
        transaction: ServerTransaction,
        response: Response,
        registration: Registration | None = None,
    ) -> None:
        """Pass a response on to where the request came from.

        ``registration`` is that of the phone at either end, where the caller knows it.
        """
        if transaction.flow.side is not Side.CORE:
            rewrite.strip_keys(response)
        hooks = self.context.hooks
        if hooks is None:
            self._send_back(transaction, response)
        else:
            self.gate.pass_response(hooks, transaction, response, registration, self._send_back)

    def _send_back(self, transaction: ServerTransaction, response: Response) -> None:
        rewrite.restore_vias(response, transaction.vias)
        flow = self._reply_flow(transaction)
        if flow is None:
            self.context.report(
                "warning",
                "answer_dropped",
                response,
                reason="its SAs are gone",
                status=response.status,
                **_concerned(transaction),
            )
            self.servers.forget(transaction)
            return
        anew = flow.transport is Transport.TCP and flow != transaction.flow
        effect = SendSip(flow, response.to_bytes(), ref=transaction.key, connect=anew)
        self.servers.answer(transaction, response.status, effect)

    def reject(
        self,
        transaction: ServerTransaction,
        status: int,
        reason: str | None = None,
        headers: Headers = (),
        body: bytes = b"",
    ) -> None:
        """Answer a request ourselves."""
        response = make_response(
            transaction.request,
            status,
            reason,
            to_tag=self.context.ids.tag(),
            headers=headers,
            body=body,
        )
        self.gate.overtake(transaction, status)
        self._send_back(transaction, response)

    def on_answer_failed(self, transaction: ServerTransaction, reason: str) -> None:
        """An answer that did not leave goes over a new connection, under the SAs, or not at all.

        RFC 3261 18.2.2 has the connection reopened; on Gm that is pc -> us (TS 33.203 7.1).
        """
        sent, row = transaction.sent, self._live_row(transaction)
        if (
            sent is not None
            and row is not None
            and not sent.connect
            and sent.flow.transport is Transport.TCP
        ):
            transaction.sent = SendSip(
                to_phone(row, Transport.TCP), sent.data, ref=sent.ref, connect=True
            )
            self.context.emit(transaction.sent)
            return
        self.context.report(
            "warning",
            "answer_dropped",
            self._answer(sent),
            reason=reason,
            peer=str(transaction.flow.remote),
            **_concerned(transaction),
        )

    def _answer(self, sent: SendSip | None) -> Message | None:
        """Read the answer again, of a request that may have been let go of."""
        try:
            return None if sent is None else parse(sent.data, self.context.policy.limits)
        except ParseError:  # it grew above the limits on its way through us
            return None

    def _reply_flow(self, transaction: ServerTransaction) -> Flow | None:
        flow = transaction.flow
        if transaction.row is not None:
            row = self._live_row(transaction)
            if row is None:
                return None
            if row is transaction.row and flow.transport is Transport.TCP:
                return flow
            return to_phone(row, flow.transport)
        if flow.transport is Transport.TCP:
            return flow
        if transaction.sent is not None:
            return transaction.sent.flow
        return flow._replace(remote=_udp_return(transaction.request.via, flow))

    def _live_row(self, transaction: ServerTransaction) -> SaRow | None:
        """Pick the set the request came under; once that is gone, the one in use for its phone."""
        row, sas = transaction.row, self.context.sas
        if row is None or sas.holds(row):
            return row
        sending = row.owner.sending if isinstance(row.owner, Registration) else None
        return sending if sending is not None and sas.holds(sending) else None

    # --- requests that go ---

    def ask_core(
        self,
        hop: NextHop,
        request: Request,
        user: TransactionUser,
        *,
        patience: float = inf,
        mark: str = "",
    ) -> ClientTransaction:
        """Send a request to the core, under a Via of our core side; ``mark`` as in ``loops``."""
        return self._ask(self._ways_to_core(hop), request, user, mark, patience)

    def ask_phone(
        self,
        registration: Registration,
        row: SaRow,
        request: Request,
        user: TransactionUser,
        mark: str,
    ) -> ClientTransaction:
        """Send a request to a phone under its SAs; our Via there names ps (TS 24.229 5.2.6)."""
        return self._ask(_ways_to_phone(registration, row), request, user, mark)

    def ask_clear(
        self, flow: Flow, request: Request, user: TransactionUser, mark: str
    ) -> ClientTransaction:
        """Send a request to a phone that registered without IPsec, as policy allowed."""
        return self._ask(_ways_in_clear(flow), request, user, mark)

    def ack_core(self, hop: NextHop, ack: Request) -> None:
        """Pass the ACK of a 2xx on, which no transaction waits for (RFC 3261 16.11)."""
        self._put(self._ways_to_core(hop), ack)

    def ack_phone(self, registration: Registration, row: SaRow, ack: Request) -> None:
        """Pass the ACK of a 2xx on to a phone."""
        self._put(_ways_to_phone(registration, row), ack)

    def ack_clear(self, flow: Flow, ack: Request) -> None:
        """Pass the ACK of a 2xx on to a phone that registered without IPsec."""
        self._put(_ways_in_clear(flow), ack)

    def ask_again(self, client: ClientTransaction, flow: Flow) -> None:
        """Send a request that was given up over a new connection.

        The same octets: should the first copy have arrived, its branch gives this one away.
        """
        effect = SendSip(flow, client.effect.data, ref=client.ref, connect=True)
        self.clients.ask_again(client, effect)

    def fall_back(self, client: ClientTransaction) -> None:
        """Return to UDP with a request that went over TCP for its size alone (RFC 3261 18.1.1)."""
        effect = client.fallback
        if effect is None:
            return
        if client.flow.side is Side.CORE:
            self._note_refusal(client.flow.remote)
        if isinstance(client, InviteClient):
            via = client.request.via
            client.request.pop_element("via")
            client.request.prepend("via", str(via._replace(transport=Transport.UDP)))
        self.clients.ask_again(client, effect)

    def _ask(
        self,
        ways: "_Ways",
        request: Request,
        user: TransactionUser,
        mark: str,
        patience: float = inf,
    ) -> ClientTransaction:
        branch = f"{self.context.ids.branch()}.{mark}" if mark else self.context.ids.branch()
        effect, fallback = self._written(ways, request, branch)
        client = self.clients.send(effect, request, user, patience=patience)
        client.fallback = fallback
        return client

    def _put(self, ways: "_Ways", request: Request) -> None:
        """Send what is not answered; nobody is told if it does not leave."""
        effect, _ = self._written(ways, request, self.context.ids.branch())
        self.context.emit(SendSip(effect.flow, effect.data, connect=effect.connect))

    def _written(
        self, ways: "_Ways", request: Request, branch: str
    ) -> tuple[SendSip, SendSip | None]:
        """Write a request under our Via; a large one for a stream, with its way back to UDP."""
        (flow, connect), large, sent_by = ways
        request.prepend("via", rewrite.via_value(flow.transport, sent_by, branch))
        effect = SendSip(flow, request.to_bytes(), ref=branch, connect=connect)
        if large is None or len(effect.data) <= self.context.policy.udp_limit:
            return effect, None
        request.pop_element("via")
        request.prepend("via", rewrite.via_value(Transport.TCP, sent_by, branch))
        over_tcp = SendSip(large.flow, request.to_bytes(), ref=branch, connect=large.connect)
        return over_tcp, effect

    def _ways_to_core(self, hop: NextHop) -> "_Ways":
        ways = self._ways.get(hop)
        if ways is None:
            if len(self._ways) >= _MOST_REMEMBERED:
                self._ways.clear()
            ways = self._ways[hop] = self._new_ways(hop)
        if ways.large is not None and self._refuse_tcp and self._refuses_tcp(hop.endpoint):
            return ways._replace(large=None)
        return ways

    def _new_ways(self, hop: NextHop) -> "_Ways":
        sent_by = self.context.core_endpoint(hop.endpoint.host)
        usual = _Way(
            Flow(hop.transport, Side.CORE, sent_by, hop.endpoint),
            connect=hop.transport is Transport.TCP,
        )
        if hop.transport is Transport.TCP:
            return _Ways(usual, None, sent_by)
        stream = _Way(usual.flow._replace(transport=Transport.TCP), connect=True)
        return _Ways(usual, stream, sent_by)

    def _refuses_tcp(self, endpoint: Endpoint) -> bool:
        return self._refuse_tcp.get(endpoint, 0.0) > self.context.now

    def _note_refusal(self, endpoint: Endpoint) -> None:
        if len(self._refuse_tcp) >= _MOST_REMEMBERED:
            self._refuse_tcp.clear()
        self._refuse_tcp[endpoint] = self.context.now + _REFUSAL_LASTS


class _Way(NamedTuple):
    """A flow, and whether a connection for it may be opened."""

    flow: Flow
    connect: bool


class _Ways(NamedTuple):
    """How a request goes as a rule, how if it is too large for a datagram, and what Via says."""

    usual: _Way
    large: _Way | None
    sent_by: Endpoint


def _ways_to_phone(registration: Registration, row: SaRow) -> _Ways:
    """TCP if the phone registered over it: its connection if it has one, else pc to us.

    A connection may be opened from pc to us only: TS 33.203 7.1 has no other.
    """
    sent_by = Endpoint(row.sa_set.pcscf, row.sa_set.port_ps)
    anew = to_phone(row, Transport.TCP)
    flow = row.connection or anew
    stream = _Way(flow, connect=flow == anew)
    if registration.transport is Transport.TCP:
        return _Ways(stream, None, sent_by)
    usual = _Way(to_phone(row, Transport.UDP), connect=False)
    return _Ways(usual, None if registration.udp_only else stream, sent_by)


def _concerned(transaction: ServerTransaction) -> dict[str, str]:
    """Tell whose request it is that was under SAs, as the fields of a report."""
    row = transaction.row
    return {} if row is None else {"impi": row.owner.impi, "ue": row.sa_set.ue}


def _ways_in_clear(flow: Flow) -> _Ways:
    return _Ways(_Way(flow, connect=False), None, flow.local)


def _udp_return(via: Via, flow: Flow) -> Endpoint:
    """RFC 3261 18.2.2, RFC 3581 4: the real address; rport if asked for, else sent-by's port."""
    if via.rport is not None:
        return flow.remote
    return Endpoint(flow.remote.host, via.port or _SIP_PORT)
