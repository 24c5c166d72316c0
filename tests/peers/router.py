"""A core that routes between its phones: a record-routing proxy (RFC 3261 sections 16 and 16.11).

It is stateless but for the way back of answers. Its branch comes from the branch of
what it forwards, so that copies, CANCEL and ACK take the way of their request without
being known. Only an INVITE to several contacts (``forks``) has a response context.
"""

import hashlib
from collections import OrderedDict, deque
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from tests.peers.core import USUAL, Core, Reaction
from tests.peers.dialog import tag_of
from tests.peers.forking import Fork
from tests.peers.lines import Lines, without_top_via
from tests.peers.peer import Received, Sent
from tests.peers.text import (
    Address,
    Message,
    host_port,
    make_response,
    parse,
    uri_of,
    uri_parameters,
)
from tests.peers.wire import Origin, Send

MAX_RETURNS = 10_000  # ways back that are known at a time; the oldest go first
RECORDED = {"INVITE", "SUBSCRIBE", "REFER"}  # they open dialogs, in which we stay
FOLLOWING = {"ACK", "CANCEL"}  # they belong to a request before them and share its fate
IOI = "home.example"


class Hop(NamedTuple):
    """Where a request goes: ``uri`` and ``route`` are new where a contact was looked up."""

    next: str
    uri: str = ""
    route: tuple[str, ...] = ()


class RoutingCore(Core):
    """An S-CSCF between phones. What ``answers`` names is answered here, as by ``Core``.

    ``troubles`` are met by the next requests, one each, whose copies share them:
    ``DROP``, ``Reaction(status=503)``, ``Reaction(delay=1)``. ``deaf`` hears nothing.
    ``ignored`` are methods that go nowhere as long as they are in it.
    ``forks`` sends an INVITE to all contacts of a user, else it goes to the newest.
    ``prefers`` is the transport to next hops whose URI names none. ``siblings`` are
    addresses of other cores, whose dialogs this one serves when they are dead.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.troubles: deque[Reaction] = deque()
        self.deaf = False
        self.ignored: set[str] = set()
        self.forks = False
        self.prefers = "UDP"
        self.siblings: set[Address] = set()
        self._held: set[tuple[str, str]] = set()
        self._returns: OrderedDict[str, Send] = OrderedDict()
        self._forks: OrderedDict[str, Fork] = OrderedDict()

    def deliver(self, data: bytes, origin: Origin) -> None:
        """Take one message from the wire, unless the core is deaf."""
        if not self.deaf:
            super().deliver(data, origin)

    # -- requests

    def on_request(self, received: Received) -> None:
        """Answer or forward a new request; called under the lock."""
        request = received.message
        if request.method in self.ignored:
            return
        if self._is_for_us(request):
            super().on_request(received)
        elif request.method in FOLLOWING:
            self._follow(received)
        else:
            self._meet(received, self.troubles.popleft() if self.troubles else USUAL)

    def on_repeated(self, received: Received) -> None:
        """Forward a copy as its original was."""
        request = received.message
        if (request.branch, request.method) in self._held or request.method in self.ignored:
            return
        if request.branch not in self._forks and not self._is_for_us(request):
            self._forward(received)

    def _is_for_us(self, request: Message) -> bool:
        method = request.method
        if method in {"REGISTER", "PUBLISH"} or (method in self.answers and method != "ACK"):
            return True
        if method == "SUBSCRIBE" and (request.get("event") or "").partition(";")[0] == "reg":
            return True
        return self._is_ours(request.uri) and not self._foreign_route(request)

    def _is_ours(self, uri: str) -> bool:
        return uri.startswith("sip:") and host_port(uri) in {self.address, *self.siblings}

    def _foreign_route(self, request: Message) -> list[str]:
        """The Route without our own entries on top."""
        routes = request.elements("route")
        while routes and self._is_ours(uri_of(routes[0])):
            routes = routes[1:]
        return routes

    def _meet(self, received: Received, trouble: Reaction) -> None:
        request = received.message
        key = request.branch, request.method
        if trouble.drop:
            self._held.add(key)
        elif trouble.delay:
            self._held.add(key)
            self.pump.later(trouble.delay, partial(self._release, received))
        elif trouble.status:
            self._refuse(received, trouble.status, trouble.reason, trouble.headers)
        else:
            self._forward(received)

    def _release(self, received: Received) -> None:
        with self.lock:
            self._held.discard((received.message.branch, received.message.method))
            self._forward(received)

    def _refuse(self, received: Received, status: int, reason: str, headers: Any = None) -> None:
        response = make_response(received.message, status, reason, headers, to_tag="core")
        self.answer(received.message, response, self._back(received))

    def _follow(self, received: Received) -> None:
        """Treat an ACK or a CANCEL as its INVITE was."""
        request = received.message
        fork = self._forks.get(request.branch)
        if fork is not None and request.method == "CANCEL":
            self._refuse(received, 200, "OK")
            fork.cancel()
        elif fork is not None:
            fork.on_ack()
        elif (request.branch, "INVITE") in self._held:
            return
        elif not self._answers.get((request.branch, "INVITE")):
            self._forward(received)

    def _forward(self, received: Received) -> None:
        request = received.message
        if request.get("max-forwards") == "0" and request.method != "ACK":
            self._refuse(received, 483, "Too Many Hops")
            return
        hops = list(self._hops(request))
        try:
            if self.forks and request.method == "INVITE" and len(hops) > 1:
                self._fork(received, hops)
            elif hops:
                sent = self.made(received, hops[-1])
                sent.repeat()
            elif request.method != "ACK":
                self._refuse(received, 404, "Not Found")
        except OSError:  # nobody takes the connection
            if request.method != "ACK":
                self._refuse(received, 503, "Service Unavailable")

    def _hops(self, request: Message) -> Iterator[Hop]:
        """By Route, else to the contacts of the Request-URI, the newest last."""
        routes = self._foreign_route(request)
        if routes:
            yield Hop(uri_of(routes[0]))
            return
        contacts = self.registrar.bindings(request.uri.partition(";")[0])
        for one in contacts:
            yield Hop(uri_of(one.path[0]) if one.path else one.uri, one.uri, tuple(one.path))
        if not contacts and tag_of(request.header("to")):
            yield Hop(request.uri)

    def _fork(self, received: Received, hops: list[Hop]) -> None:
        sents = [self.made(received, hop, number) for number, hop in enumerate(hops)]
        fork = Fork(self, received.message, self._back(received), sents)
        self._forks[received.message.branch] = fork
        while len(self._forks) > MAX_RETURNS:
            self._forks.popitem(last=False)
        fork.begin()

    def made(self, received: Received, hop: Hop, number: int = 0) -> Sent:
        """The request as it leaves here, not sent yet; ``number`` tells the branches of a fork."""
        request = received.message
        lines = Lines(received.data)
        for _ in range(len(request.elements("route")) - len(self._foreign_route(request))):
            lines.pop("route")
        lines.put("Max-Forwards", str(int(request.get("max-forwards") or 70) - 1))
        seed = f"{request.branch} {number} {self.address}"
        token = hashlib.sha256(seed.encode("utf-8", "surrogateescape")).hexdigest()[:24]
        if request.method not in FOLLOWING:
            lines.put("P-Charging-Vector", f"icid-value={token};orig-ioi={IOI}")
        if hop.uri:
            self._retarget(lines, request, hop)
        if request.method in RECORDED:
            lines.push("Record-Route", f"<sip:{self.address};lr>")
        transport = uri_parameters(hop.next).get("transport", self.prefers).upper()
        branch = f"z9hG4bK{token}"
        lines.push("Via", f"SIP/2.0/{transport} {self.address};branch={branch}")
        self._note_return(branch, received)
        data = lines.to_bytes()
        send, reliable = self._way(transport, host_port(hop.next))
        return Sent(parse(data), data, send, "core", reliable)

    @staticmethod
    def _retarget(lines: Lines, request: Message, hop: Hop) -> None:
        """To a contact by its Path (RFC 3327 5.3), with the old Request-URI (RFC 7315 4.2)."""
        lines.start = f"{request.method} {hop.uri} SIP/2.0"
        for one in reversed(hop.route):
            lines.push("Route", one)
        if request.method not in FOLLOWING:
            lines.put("P-Called-Party-ID", f"<{request.uri}>")

    def _note_return(self, branch: str, received: Received) -> None:
        self._returns[branch] = self._back(received)
        while len(self._returns) > MAX_RETURNS:
            self._returns.popitem(last=False)

    # -- responses

    def on_stray(self, received: Received) -> None:
        """Send an answer on the way that its request came (RFC 3261 16.7 and 18.2.2)."""
        back = self._returns.get(received.message.branch)
        if back is not None:
            back(without_top_via(received.data))
