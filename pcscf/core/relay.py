"""A request on its way to the core: next hops in order, then an answer in any case."""

from pcscf.core import rewrite
from pcscf.core.flow import Endpoint, Flow, Side
from pcscf.core.policy import NextHop
from pcscf.core.transactions import ClientTransaction, ServerTransaction
from pcscf.core.wire import Wire
from pcscf.sip.message import Request, Response

_TRYING = 100
_FINAL = 200


class CoreRelay:
    """Passes one request to the core and its responses back.

    ``request`` is as the core is to see it, but for our Via. Procedures override
    ``final`` and ``exhausted``.
    """

    def __init__(self, wire: Wire, server: ServerTransaction, request: Request) -> None:
        self.wire = wire
        self.server = server
        self.request = request
        self._hops = list(wire.context.policy.next_hops)

    def start(self) -> None:
        """Try the first next hop."""
        self._try_next("no next hop")

    def go_by(self, hop: NextHop) -> None:
        """Go to this address alone, as a Route asks."""
        self._hops = [hop]

    def _try_next(self, reason: str) -> None:
        if not self._hops:
            self.exhausted(reason)
            return
        hop = self._hops.pop(0)
        # While there is another, silence is taken as an answer early.
        patience = self.wire.context.policy.next_hop_timeout if self._hops else None
        self.wire.ask_core(self._flow(hop), self.request.copy(), self, patience=patience)

    def _flow(self, hop: NextHop) -> Flow:
        local = self.wire.context.core_endpoint(hop.endpoint.host)
        return Flow(hop.transport, Side.CORE, Endpoint(local.host, local.port), hop.endpoint)

    def on_response(self, response: Response) -> None:
        """Take a response from the core; our Via goes."""
        response.pop_element("via")
        if response.status < _FINAL:
            # RFC 3261 16.7 step 5: a 100 is hop by hop.
            if response.status > _TRYING:
                self.provisional(response)
        elif self._hops and self.tries_another(response.status):
            self._try_next(str(response.status))
        else:
            self.final(response)

    def may_send_again(self) -> bool:
        """The core stays where it is."""
        return True

    def on_no_response(self, _client: ClientTransaction, reason: str) -> None:
        """Silence or a refused connection: the next hop."""
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
            "warning", "core_unreachable", reason=reason, method=self.request.method
        )
        self.wire.reject(self.server, 504, "Server Time-out")
