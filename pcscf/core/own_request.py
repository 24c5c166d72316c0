"""A request of our own to the core: next hops in order, then word to its sender in any case."""

from collections.abc import Sequence
from math import inf

from pcscf.core.client_transactions import ClientTransaction, TransactionUser
from pcscf.core.policy import NextHop
from pcscf.core.wire import Wire
from pcscf.sip.message import Request, Response

_OVERLOADED = 503  # RFC 3263 4.3: as if the next hop were not there


class OwnRequest:
    """Sends ``request`` for ``user``, who is told what comes of it as by a transaction."""

    def __init__(
        self, wire: Wire, request: Request, user: TransactionUser, hops: Sequence[NextHop]
    ) -> None:
        self._wire = wire
        self._request = request
        self._user = user
        self._hops = list(hops)

    def start(self) -> None:
        """Try the first next hop; there must be one."""
        patience = self._wire.context.policy.next_hop_timeout if self._hops[1:] else inf
        self._wire.ask_core(self._hops.pop(0), self._request.copy(), self, patience=patience)

    def on_response(self, response: Response) -> None:
        """Take a response, or another next hop; our Via goes."""
        if response.status == _OVERLOADED and self._hops:
            self.start()
            return
        response.pop_element("via")
        self._user.on_response(response)

    def may_send_again(self) -> bool:
        """As long as the sender wants it."""
        return self._user.may_send_again()

    def on_no_response(self, client: ClientTransaction, reason: str) -> None:
        """Silence or a refused connection: the next hop, while the sender wants one."""
        if client.fallback is not None and reason != "no answer":
            self._wire.fall_back(client)
        elif self._hops and self._user.may_send_again():
            self.start()
        else:
            self._user.on_no_response(client, reason)

    def on_over(self) -> None:
        """That is of INVITE alone."""
