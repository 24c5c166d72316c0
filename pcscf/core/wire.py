"""How the procedures send: answers by the rules of the flow, requests through transactions."""

from collections.abc import Iterable

from pcscf.core import rewrite
from pcscf.core.context import Context
from pcscf.core.effects import SendSip
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.core.sa_table import SaRow
from pcscf.core.state import Registration
from pcscf.core.transactions import (
    ClientTransaction,
    ServerTransaction,
    Transactions,
    TransactionUser,
)
from pcscf.sip.message import Request, Response
from pcscf.sip.response import make_response
from pcscf.sip.via import Via

Headers = Iterable[tuple[str, str]]
_SIP_PORT = 5060


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
        self.transactions = Transactions(context)

    # --- answers ---

    def answer(self, transaction: ServerTransaction, response: Response) -> None:
        """Send a response to where the request came from."""
        if transaction.flow.side is not Side.CORE:
            rewrite.strip_keys(response)
        rewrite.restore_vias(response, transaction.request)
        flow = self._reply_flow(transaction)
        if flow is None:
            self.context.report(
                "warning", "answer_dropped", reason="its SAs are gone", status=response.status
            )
            self.transactions.forget(transaction)
            return
        anew = flow.transport is Transport.TCP and flow != transaction.flow
        effect = SendSip(flow, response.to_bytes(), ref=transaction.ref, connect=anew)
        self.transactions.answer(transaction, response.status, effect)

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
        self.answer(transaction, response)

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
            "warning", "answer_dropped", reason=reason, peer=str(transaction.flow.remote)
        )

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
        return flow._replace(remote=_udp_return(transaction.request.via, flow))

    def _live_row(self, transaction: ServerTransaction) -> SaRow | None:
        """Pick the set the request came under; once that is gone, the one in use for its phone."""
        row, sas = transaction.row, self.context.sas
        if row is None or sas.holds(row):
            return row
        sending = row.owner.sending if isinstance(row.owner, Registration) else None
        return sending if sending is not None and sas.holds(sending) else None

    # --- requests ---

    def ask_core(
        self, flow: Flow, request: Request, user: TransactionUser, *, patience: float | None = None
    ) -> ClientTransaction:
        """Send a request to the core, under a Via of our core side."""
        sent_by = self.context.core_endpoint(flow.remote.host)
        connect = flow.transport is Transport.TCP
        return self._ask(flow, sent_by, request, user, connect=connect, patience=patience)

    def ask_phone(
        self, row: SaRow, flow: Flow, request: Request, user: TransactionUser
    ) -> ClientTransaction:
        """Send a request to a phone under its SAs; our Via there names ps (TS 24.229 5.2.6).

        A connection may be opened from pc to us only: TS 33.203 7.1 has no other.
        """
        sent_by = Endpoint(row.sa_set.pcscf, row.sa_set.port_ps)
        connect = flow == to_phone(row, Transport.TCP)
        return self._ask(flow, sent_by, request, user, connect=connect)

    def ask_clear(self, flow: Flow, request: Request, user: TransactionUser) -> ClientTransaction:
        """Send a request to a phone that registered without IPsec, as policy allowed."""
        return self._ask(flow, flow.local, request, user)

    def ask_again(self, client: ClientTransaction, flow: Flow) -> None:
        """Send a request that was given up over a new connection.

        The same octets: should the first copy have arrived, its branch gives this one away.
        """
        effect = SendSip(flow, client.effect.data, ref=client.branch, connect=True)
        self.transactions.send(effect, client.method, client.user)

    def _ask(
        self,
        flow: Flow,
        sent_by: Endpoint,
        request: Request,
        user: TransactionUser,
        *,
        connect: bool = False,
        patience: float | None = None,
    ) -> ClientTransaction:
        branch = self.context.ids.branch()
        request.prepend("via", rewrite.via_value(flow.transport, sent_by, branch))
        effect = SendSip(flow, request.to_bytes(), ref=branch, connect=connect)
        return self.transactions.send(effect, request.method, user, patience=patience)


def _udp_return(via: Via, flow: Flow) -> Endpoint:
    """RFC 3261 18.2.2, RFC 3581 4: the real address; rport if asked for, else sent-by's port."""
    if via.rport is not None:
        return flow.remote
    return Endpoint(flow.remote.host, via.port or _SIP_PORT)
