"""Where messages wait for an operator's functions (``hooks``), and go on from.

A request waits with its transaction open: copies of it are absorbed, and a CANCEL is noted.
Responses to one request leave in the order in which they came, however long each one takes.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from pcscf.core.context import Context
from pcscf.core.events import HooksAnswered
from pcscf.core.flow import Side
from pcscf.core.hooks import Case, Hooks, PhoneInfo, Point, Verdict, phone_info
from pcscf.core.policy import NextHop
from pcscf.core.server_transactions import ServerTransaction
from pcscf.core.state import Registration
from pcscf.errors import SipError
from pcscf.sip.message import Request, Response

if TYPE_CHECKING:
    from pcscf.core.relay import Relay

_FINAL = 200
Then = Callable[[Verdict], None]
Answer = Callable[[ServerTransaction, Response], None]


class _Held:
    """A response that waits: for its functions, or for those of one before it."""

    def __init__(self) -> None:
        self.ready: Response | None = None


class Gate:
    """Asks, and lets go on."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tickets = 0
        self._waiting: dict[int, Then] = {}  # by ticket
        self._responses: dict[str, list[_Held]] = {}  # by the key of their transaction

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    # --- requests ---

    def pass_request(
        self, hooks: Hooks, point: Point, relay: "Relay", request: Request,
        *, phone: PhoneInfo, then: Then,
    ) -> None:  # fmt: skip
        """Ask about a request; ``then`` gets a verdict that refuses nothing, at once or later.

        What ``then`` raises as SipError is answered.
        """
        in_dialog = bool(request.to.tag)
        case = self._case(point, request, phone, in_dialog, towards_phone=point is Point.PHONE)
        verdict = hooks.ask(case)
        if verdict is not None:
            self._go_on(relay, phone, verdict, then)
            return
        relay.trying()
        self._waiting[case.ticket] = lambda verdict: self._resume(relay, phone, verdict, then)

    def _resume(self, relay: "Relay", phone: PhoneInfo, verdict: Verdict, then: Then) -> None:
        if relay.caller_gone:
            relay.no_final()
            return
        try:
            self._go_on(relay, phone, verdict, then)
        except SipError as error:
            relay.wire.reject(relay.server, error.status, error.reason, error.headers)

    def _go_on(self, relay: "Relay", phone: PhoneInfo, verdict: Verdict, then: Then) -> None:
        refusal = verdict.refusal
        if refusal is None:
            then(verdict)
            return
        self._context.report(
            "info",
            "refused_by_hook",
            relay.server.request,
            impi=phone.impi,
            ue=phone.address,
            method=relay.server.request.method,
            status=refusal.status,
            function=verdict.function,
        )
        relay.refused(refusal)

    def outside(self, hops: Sequence[NextHop]) -> list[NextHop]:
        """Leave out what is no next hop in the core: a phone with SAs, and our side of Gm.

        A phone would get past its SAs what an operator's function sent there.
        """
        context = self._context
        own = {address.host for address in context.policy.gm}
        kept = [
            hop
            for hop in hops
            if hop.endpoint.host not in own and not context.sas.serves(hop.endpoint.host)
        ]
        if len(kept) < len(hops):
            context.report("warning", "hook_route_refused", reason="leads to a phone, or to us")
        return kept

    # --- responses ---

    def pass_response(
        self, hooks: Hooks, transaction: ServerTransaction, response: Response,
        registration: Registration | None, answer: Answer,
    ) -> None:  # fmt: skip
        """Ask about a response; ``answer`` gets it when its turn has come."""
        towards_phone = transaction.flow.side is not Side.CORE
        phone = phone_info(registration) if registration is not None else _sender(transaction)
        case = self._case(Point.RESPONSE, response, phone, True, towards_phone)
        verdict = hooks.ask(case)
        if verdict is not None and transaction.key not in self._responses:
            answer(transaction, _response(verdict))
            return
        held = _Held()
        self._responses.setdefault(transaction.key, []).append(held)
        if verdict is not None:
            held.ready = _response(verdict)
        else:
            self._waiting[case.ticket] = lambda verdict: self._release(
                transaction, held, verdict, answer
            )

    def _release(
        self, transaction: ServerTransaction, held: _Held, verdict: Verdict, answer: Answer
    ) -> None:
        held.ready = _response(verdict)
        queue = self._responses.get(transaction.key, [])  # none if we have answered ourselves
        while queue and (response := queue[0].ready) is not None:
            del queue[0]
            if not queue:
                del self._responses[transaction.key]
            answer(transaction, response)

    def overtake(self, transaction: ServerTransaction, status: int) -> None:
        """Drop the responses that wait: a final one of our own is the answer."""
        if self._responses and status >= _FINAL:
            self._responses.pop(transaction.key, None)

    # --- both ---

    def on_answered(self, event: HooksAnswered) -> None:
        """Take a verdict that was waited for."""
        then = self._waiting.pop(event.ticket, None)
        if then is not None:
            then(event.verdict)

    def _case(
        self, point: Point, message: Request | Response, phone: PhoneInfo | None, in_dialog: bool,
        towards_phone: bool,
    ) -> Case:  # fmt: skip
        self._tickets += 1
        return Case(self._tickets, point, message, phone, in_dialog, towards_phone)


def _response(verdict: Verdict) -> Response:
    return cast(Response, verdict.message)


def _sender(transaction: ServerTransaction) -> PhoneInfo | None:
    """Describe the phone whose request is answered; None where only its address is known."""
    row = transaction.row
    if row is None:
        return None
    if isinstance(row.owner, Registration):
        return phone_info(row.owner)
    return PhoneInfo(row.owner.impi, row.sa_set.ue, (), True, row.owner.phone.emergency)
