"""A request on its way through us, and its responses back."""

from collections.abc import Iterable, Sequence
from math import inf

from pcscf.core import loops, media_policy, rewrite
from pcscf.core.client_transactions import ClientTransaction
from pcscf.core.effects import SendSip
from pcscf.core.policy import NextHop
from pcscf.core.routing import Targets
from pcscf.core.server_transactions import InviteServer, ServerTransaction
from pcscf.core.wire import Wire
from pcscf.sip.message import Message, Request, Response

_TRYING, _FINAL = 100, 200
SILENCE = "no answer"


class Relay:
    """What relays to the core and to phones have in common.

    ``branch`` names the client transaction under way, "" while there is none; it ends in
    ``mark``. ``caller_gone``
    is set by the CANCEL of an INVITE.
    """

    def __init__(self, wire: Wire, server: ServerTransaction) -> None:
        self.wire = wire
        self.server = server
        self.branch = ""
        self.mark = loops.mark(server.request, server.flow.side)
        self.caller_gone = False
        self._confirmed: tuple[str, ...] = ()  # To tags of the 2xx that have passed
        if isinstance(server, InviteServer):
            server.relay = self

    def begins(self, response: Response) -> bool:
        """Whether a response may begin a dialog, or confirm it.

        The copy of a 2xx may not: its dialog may be over by now.
        """
        tag = response.to.tag
        if not tag or response.status >= 300 or tag in self._confirmed:
            return False
        if response.status >= _FINAL:
            self._confirmed = (*self._confirmed, tag)
        return True

    def pass_media(self, message: Message) -> None:
        """Have the operator's media policy in what is offered and answered."""
        context = self.wire.context
        media_policy.apply(context.policy.media, message, context.count)

    def trying(self) -> None:
        """Tell the sender of an INVITE that it need not be sent again (RFC 3261 16.2)."""
        if isinstance(self.server, InviteServer):
            self.wire.reject(self.server, 100)

    def on_response(self, response: Response) -> None:
        """Take a response; our Via goes, and so does a 100, which is hop by hop (RFC 3261 16.7)."""
        response.pop_element("via")
        if response.status >= _FINAL:
            self.final(response)
        elif response.status > _TRYING:
            self.provisional(response)

    def provisional(self, response: Response) -> None:
        """Take a 1xx other than 100."""
        raise NotImplementedError

    def final(self, response: Response) -> None:
        """Take a final response."""
        raise NotImplementedError

    def cancel(self, reasons: Iterable[str]) -> None:
        """Pass the caller's CANCEL on (RFC 3261 16.10)."""
        self.caller_gone = True
        self.wire.clients.cancel(self.branch, reasons)

    def no_final(self) -> None:
        """Tell the caller that its INVITE or other request has found nobody in time."""
        if self.caller_gone:
            self.wire.reject(self.server, 487, "Request Terminated")
        else:
            self.wire.reject(self.server, 408, "Request Timeout")

    def on_over(self) -> None:
        """Nothing is kept for further 2xx."""


class CoreRelay(Relay):
    """Passes one request to the core: next hops in order, then an answer in any case.

    ``request`` is as the core is to see it, but for our Via; it is gone once a final
    response is. Procedures override ``provisional``, ``final`` and ``exhausted``.
    """

    __deletable__ = ["request"]  # noqa: RUF012 - mypyc reads a list

    def __init__(self, wire: Wire, server: ServerTransaction, request: Request) -> None:
        super().__init__(wire, server)
        self.request = request
        self.method = request.method
        self.hop: NextHop | None = None  # the one asked last
        self._heard = False  # whether it has given a sign of life
        self._hops: list[NextHop] = []

    def start(self, targets: Targets, last: NextHop | None = None) -> None:
        """Find the next hops and try the first; ``last`` is where the phone was served before."""
        self.trying()
        self.wire.next_hops.find(targets, self._go, last)

    def _go(self, hops: Sequence[NextHop]) -> None:
        self._hops = list(hops)
        self._try_next("no next hop")

    def _try_next(self, reason: str) -> None:
        if self.caller_gone:
            self.no_final()
            return
        if not self._hops:
            self.exhausted(reason)
            return
        self.hop = self._hops.pop(0)
        self._heard = False
        # While there is another, silence is taken as an answer early.
        patience = self.wire.context.policy.next_hop_timeout if self._hops else inf
        client = self.wire.ask_core(
            self.hop, self.request.copy(), self, patience=patience, mark=self.mark
        )
        self.branch = client.ref

    def on_response(self, response: Response) -> None:
        """Take a response, or another next hop."""
        self._heard = True
        if self.hop is not None and response.status >= _FINAL:
            self.wire.next_hops.on_answer(self.hop, response)
        if response.status >= _FINAL and self._hops and self.tries_another(response.status):
            self._try_next(str(response.status))
            return
        super().on_response(response)
        if response.status >= _FINAL and hasattr(self, "request"):
            del self.request  # most of what a transaction that absorbs copies would hold

    def again(self, sent: SendSip) -> SendSip | None:
        """The core stays where it is."""
        return sent

    def on_no_response(self, client: ClientTransaction, reason: str) -> None:
        """Silence or a refused connection: UDP if TCP was for the size alone, or the next hop."""
        if client.fallback is not None and reason != SILENCE:
            self.wire.fall_back(client)
            return
        if self.hop is not None and not self._heard:
            self.wire.next_hops.on_no_answer(self.hop, reason)
        if self.caller_gone:
            self.no_final()
        else:
            self._try_next(reason)

    def tries_another(self, status: int) -> bool:
        """Whether this answer sends us to another next hop (RFC 3263 4.3)."""
        return status == 503

    def provisional(self, response: Response) -> None:
        """Pass a 1xx back."""
        rewrite.response_downward(response)
        self.wire.answer(self.server, response)

    def final(self, response: Response) -> None:
        """Pass the final response back."""
        rewrite.response_downward(response)
        self.wire.answer(self.server, response)

    def exhausted(self, reason: str) -> None:
        """No next hop answered."""
        self.wire.context.report(
            "warning",
            "core_unreachable",
            self.server.request,
            reason=reason,
            method=self.method,
            **self.concerned(),
        )
        self.wire.reject(self.server, 504, "Server Time-out")

    def concerned(self) -> dict[str, str]:
        """Tell whose request it is, as the fields of a report."""
        return {"ue": self.server.flow.remote.host}
