"""A request of our own to the core: next hops in order, then word to its sender in any case."""

from collections.abc import Sequence
from math import inf
from typing import Protocol

from pcscf.core.client_transactions import ClientTransaction
from pcscf.core.effects import SendSip
from pcscf.core.policy import NextHop
from pcscf.core.routing import Targets
from pcscf.core.wire import Wire
from pcscf.sip.message import Request, Response

_OVERLOADED = 503  # RFC 3263 4.3: as if the next hop were not there


class Sender(Protocol):
    """Who wants a request sent."""

    def on_response(self, response: Response) -> None:
        """Take a response: any number of 1xx, then one final."""

    def on_no_answer(self, reason: str) -> None:
        """Take note that no final response will come."""

    def may_send_again(self) -> bool:
        """Say whether it is still wanted."""


class OwnRequest:
    """Sends ``request`` for ``sender``, who is told what comes of it in any case."""

    def __init__(self, wire: Wire, request: Request, sender: Sender) -> None:
        self._wire = wire
        self._request = request
        self._sender = sender
        self._hops: list[NextHop] = []

    def start(self, targets: Targets) -> None:
        """Find the next hops and try the first."""
        self._wire.next_hops.find(targets, self._go)

    def _go(self, hops: Sequence[NextHop]) -> None:
        self._hops = list(hops)
        if self._hops:
            self._ask()
        else:
            self._sender.on_no_answer("no next hop")

    def _ask(self) -> None:
        patience = self._wire.context.policy.next_hop_timeout if self._hops[1:] else inf
        self._wire.ask_core(self._hops.pop(0), self._request.copy(), self, patience=patience)

    def on_response(self, response: Response) -> None:
        """Take a response, or another next hop; our Via goes."""
        if response.status == _OVERLOADED and self._hops:
            self._ask()
            return
        response.pop_element("via")
        self._sender.on_response(response)

    def again(self, sent: SendSip) -> SendSip | None:
        """As long as the sender wants it."""
        return sent if self._sender.may_send_again() else None

    def on_no_response(self, client: ClientTransaction, reason: str) -> None:
        """Silence or a refused connection: the next hop, while the sender wants one."""
        if client.fallback is not None and reason != "no answer":
            self._wire.fall_back(client)
        elif self._hops and self._sender.may_send_again():
            self._ask()
        else:
            self._sender.on_no_answer(reason)

    def on_over(self) -> None:
        """That is of INVITE alone."""
