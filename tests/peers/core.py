"""The IMS core of the tests: S-CSCF and HSS behind one address, UDP and TCP.

Run by itself: ``python -m tests.peers.core --bind HOST:PORT --subscribers FILE``.
"""

import argparse
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from tests.peers.peer import PATIENCE, T1_CORE, T2_CORE, Peer, Received, Sent
from tests.peers.registrar import Behaviour, Binding, Registrar, Spelling
from tests.peers.subscription import Subscription, load
from tests.peers.text import (
    Address,
    Headers,
    Message,
    host_port,
    make_response,
    parameters,
    sent_by,
    uri_of,
    uri_parameters,
)
from tests.peers.wire import Pump, Send, SocketFactory, TcpLink, TcpPort, UdpPort, connect

P = TypeVar("P", TcpPort, UdpPort)


@dataclass(frozen=True, slots=True)
class Reaction:
    """What the core does with one REGISTER instead of the usual.

    ``drop`` says nothing, ``delay`` seconds pass before the answer, ``challenge``
    forces (True) or forbids (False) a 401, ``status`` answers with just that.
    """

    drop: bool = False
    delay: float = 0.0
    challenge: bool | None = None
    status: int = 0
    reason: str = "As Told"
    headers: Headers = field(default_factory=list)


USUAL = Reaction()
DROP = Reaction(drop=True)


class Core(Peer):
    """One S-CSCF. ``registrar.behaviour`` and ``next`` steer its REGISTER answers.

    ``answers`` maps a method to the (status, reason, headers) sent back for other
    requests; what is not in it gets 200 OK. None as the value sends nothing.
    Cores that share a ``registrar`` share a pump too.
    """

    def __init__(
        self,
        bind: Address,
        subscriptions: Iterable[Subscription],
        behaviour: Behaviour | None = None,
        *,
        socket_factory: SocketFactory = socket.socket,
        pump: Pump | None = None,
        registrar: Registrar | None = None,
    ) -> None:
        super().__init__(pump, T1_CORE, T2_CORE)
        self._factory = socket_factory
        self._links: dict[Address, TcpLink] = {}
        self.next: deque[Reaction] = deque()
        self.answers: dict[str, tuple[int, str, Headers] | None] = {"ACK": None}
        with self.lock:  # nothing is answered before the registrar is there
            self._tcp_port = self._open(TcpPort, bind)
            # With port 0 the kernel has chosen one for TCP; UDP takes the same.
            self.address = self._tcp_port.local
            self._udp = self._open(UdpPort, self.address)
            self.registrar = registrar or Registrar(subscriptions, str(self.address), behaviour)

    def _open(self, kind: type[P], local: Address) -> P:
        return kind(self.pump, self._factory, local, role="core", deliver=self.deliver)

    def close(self) -> None:
        """Close every socket."""
        self._udp.close()
        self._tcp_port.close()
        for link in self._links.values():
            link.close()
        super().close()

    # -- answering

    def on_request(self, received: Received) -> None:
        """Answer a new request; called under the lock."""
        if received.message.method == "REGISTER":
            self._on_register(received)
        else:
            self._on_other(received)

    def _on_register(self, received: Received) -> None:
        reaction = self.next.popleft() if self.next else USUAL
        if reaction.drop:
            return
        if reaction.delay:
            self.pump.later(reaction.delay, partial(self._react, received, reaction))
        else:
            self._react(received, reaction)

    def _react(self, received: Received, reaction: Reaction) -> None:
        request = received.message
        with self.lock:
            if reaction.status:
                response = make_response(
                    request, reaction.status, reaction.reason, reaction.headers
                )
            else:
                response = self.registrar.answer(request, challenge=reaction.challenge)
            self.answer(request, response, self._back(received))

    def _on_other(self, received: Received) -> None:
        request = received.message
        planned = self.answers.get(request.method, (200, "OK", []))
        if planned is None:
            return
        status, reason, headers = planned
        if request.method == "SUBSCRIBE":
            headers = [*headers, ("Expires", request.get("expires") or "3600")]
            headers.append(("Contact", f"<sip:{self.address}>"))
        if request.method == "PUBLISH":  # RFC 3903 section 6
            headers = [*headers, ("SIP-ETag", self.new_id())]
            headers.append(("Expires", request.get("expires") or "3600"))
        headers = headers + [("Record-Route", value) for value in request.values("record-route")]
        self.answer(request, make_response(request, status, reason, headers), self._back(received))

    def _back(self, received: Received) -> Send:
        """RFC 3261 18.2.2: the connection, or the packet's source with the port of the Via."""
        if received.origin.transport == "TCP":
            return received.origin.reply
        top = received.message.elements("via")[0]
        port = sent_by(top)[1].port
        if "rport" in parameters(top):  # RFC 3581
            port = received.origin.remote.port
        return partial(self._udp.send, remote=Address(received.origin.remote.host, port))

    # -- asking

    def bindings(self, impu: str) -> list[Binding]:
        """The registered contacts of a public identity."""
        with self.lock:
            return self.registrar.bindings(impu)

    def start_request(
        self,
        impu: str,
        method: str = "MESSAGE",
        *,
        headers: Headers | None = None,
        body: bytes = b"",
        transport: str = "",
    ) -> Sent:
        """Send a terminating request to the first contact of a registered user.

        It follows the Path (RFC 3327 section 5.3), by the transport of its first
        URI unless ``transport`` says another. LookupError if nobody is registered.
        """
        contacts = self.bindings(impu)
        if not contacts:
            raise LookupError(f"{impu} is not registered")
        return self.send_along(
            method,
            contacts[0].uri,
            contacts[0].path,
            headers=[
                ("From", f"<sip:core@{self.address}>;tag={self.new_id()}"),
                ("To", f"<{impu}>"),
                ("Call-ID", self.new_id()),
                ("CSeq", f"1 {method}"),
                ("P-Called-Party-ID", f"<{impu}>"),
                ("P-Asserted-Identity", f"<sip:caller@{self.address}>"),
                ("P-Charging-Vector", f"icid-value={self.new_id()};orig-ioi=caller.example"),
                *(headers or []),
            ],
            body=body,
            transport=transport,
        )

    def request(
        self,
        impu: str,
        method: str = "MESSAGE",
        *,
        headers: Headers | None = None,
        body: bytes = b"",
        transport: str = "",
        timeout: float = PATIENCE,
    ) -> Received:
        """``start_request``, and wait for the final answer."""
        sent = self.start_request(impu, method, headers=headers, body=body, transport=transport)
        return self.finish(sent, timeout)

    def start_notify(
        self, subscribe: Received, body: bytes, state: str = "active;expires=3600", cseq: int = 1
    ) -> Sent:
        """Send a reg-event NOTIFY (RFC 3680) in the dialog of a SUBSCRIBE that was received."""
        request = subscribe.message
        return self.send_along(
            "NOTIFY",
            uri_of(request.header("contact")),
            request.elements("record-route"),
            headers=[
                ("From", f"{request.header('to')};tag=peer"),
                ("To", request.header("from")),
                ("Call-ID", request.header("call-id")),
                ("CSeq", f"{cseq} NOTIFY"),
                ("Event", request.header("event")),
                ("Subscription-State", state),
                ("Contact", f"<sip:{self.address}>"),
                ("Content-Type", "application/reginfo+xml"),
            ],
            body=body,
        )

    def send_along(
        self,
        method: str,
        uri: str,
        route: list[str],
        *,
        headers: Headers,
        body: bytes = b"",
        transport: str = "",
    ) -> Sent:
        """Send a request by a route set, or to its URI without one."""
        hop = uri_of(route[0]) if route else uri
        transport = (transport or uri_parameters(hop).get("transport", "udp")).upper()
        via = f"SIP/2.0/{transport} {self.address};branch={self.new_branch()}"
        request = Message(
            f"{method} {uri} SIP/2.0",
            [("Via", via), ("Max-Forwards", "69"), *(("Route", one) for one in route), *headers],
            body,
        )
        send, reliable = self._way(transport, host_port(hop))
        return self.start(request, send, role="core", reliable=reliable)

    def _way(self, transport: str, remote: Address) -> tuple[Send, bool]:
        if transport == "UDP":
            return partial(self._udp.send, remote=remote), False
        link = self._links.get(remote)
        if link is None or link.closed.is_set():
            local = Address(self.address.host, 0)
            link = connect(
                self.pump, self._factory, local, remote, role="core", deliver=self.deliver
            )
            self._links[remote] = link
        return link.send, True


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="An S-CSCF with HSS for tests.")
    parser.add_argument("--bind", type=host_port, required=True, help="HOST:PORT, UDP and TCP")
    parser.add_argument("--subscribers", type=Path, required=True, help="JSON, see subscription.py")
    parser.add_argument("--max-expires", type=int, default=Behaviour().max_expires)
    parser.add_argument(
        "--refresh-unchallenged", action="store_true", help="no 401 to a protected re-REGISTER"
    )
    parser.add_argument(
        "--keep-keys",
        action="store_true",
        help="no ck and ik in challenges: for phones with no P-CSCF before the core",
    )
    parser.add_argument("--quiet", action="store_true", help="no line for each request")
    return parser.parse_args()


class _Talking(Core):
    """Writes a line for each request."""

    def on_request(self, received: Received) -> None:
        sys.stdout.write(f"{received.origin.remote} {received.message.start}\n")
        sys.stdout.flush()
        super().on_request(received)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    given = _arguments()
    behaviour = Behaviour(
        spelling=Spelling("none" if given.keep_keys else "last"),
        max_expires=given.max_expires,
        challenge_refresh=not given.refresh_unchallenged,
    )
    kind = Core if given.quiet else _Talking
    core = kind(given.bind, load(given.subscribers), behaviour)
    core.record = False
    sys.stdout.write(f"core on {core.address}\n")
    sys.stdout.flush()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
    core.close()


if __name__ == "__main__":
    main()
