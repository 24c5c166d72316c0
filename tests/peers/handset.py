"""A phone's sockets and SA sets, and the requests that run over them both ways.

Registration, which brings the sets about, is in ``phone``.
"""

import socket
from functools import partial
from typing import TypeVar

from tests.peers.agreement import Agreement, ProtectedPorts
from tests.peers.aka import AkaResult
from tests.peers.offers import Verify, mirrored
from tests.peers.peer import PATIENCE, T1_GM, T2_GM, Peer, Received, Sent
from tests.peers.registering import SEC_AGREE
from tests.peers.sas import SaInstaller
from tests.peers.subscription import Subscription
from tests.peers.text import Address, Headers, Message, make_response
from tests.peers.wire import Pump, Send, SocketFactory, TcpLink, TcpPort, UdpPort, connect

CLEAR_PORT = 5060

P = TypeVar("P", UdpPort, TcpPort)


class Handset(Peer):
    """What a phone is apart from registering. See ``phone.Phone`` for the arguments."""

    def __init__(
        self,
        subscription: Subscription,
        address: str,
        pcscf: Address,
        *,
        sas: SaInstaller,
        transport: str = "UDP",
        clear_port: int = CLEAR_PORT,
        socket_factory: SocketFactory = socket.socket,
        pump: Pump | None = None,
    ) -> None:
        super().__init__(pump, T1_GM, T2_GM)
        self.subscription, self.address, self.pcscf = subscription, address, pcscf
        self.installer = sas
        self.transport = transport
        self.answers: dict[str, tuple[int, str, Headers] | None] = {"ACK": None}
        self.answer_from_us = False
        self._factory, self._clear_port = socket_factory, clear_port
        self._ports = ProtectedPorts(self.pump, socket_factory, self.deliver)
        # Every agreement that ever had SAs, and every AKA run: what came is checked by them.
        self.agreements: list[Agreement] = []
        self.aka_runs: list[AkaResult] = []
        self.current: Agreement | None = None
        self.service_route: list[str] = []
        self.identities: list[str] = []
        self._open_clear()

    # -- sockets and sets

    @property
    def sets(self) -> list[Agreement]:
        """The agreements whose SAs are installed, oldest first."""
        return [one for one in self.agreements if one.sas is not None]

    @property
    def identity(self) -> str:
        """The default public identity: the network's first, else the card's (TS 24.229 5.1.2A)."""
        return (self.identities or self.subscription.impus)[0]

    def close(self) -> None:
        """Remove all SAs and close all sockets.

        Connections are reset while their SAs are there: a FIN would be repeated without them.
        """
        for one in self.sets:
            if one.link:
                one.link.reset()
        self._ports.reset()
        self.drop(*self.sets)
        self._close_clear()
        super().close()

    def drop(self, *agreements: Agreement) -> None:
        """Close the ports of these sets and remove their SAs."""
        for one in agreements:
            if one.link:
                one.link.close()
            self._ports.close(one.own)
            if one.sas:
                self.installer.remove(one.sas)
                one.sas = None

    def bring_up(self, agreement: Agreement) -> None:
        """Open an agreement's ports and install its SAs."""
        sas = agreement.make_sas(self.address, self.pcscf.host)
        self._ports.open(self.address, agreement.own)
        self.installer.install(sas)
        agreement.sas = sas
        self.agreements.append(agreement)

    def _open_clear(self) -> None:
        """UDP and TCP on the unprotected port: what a P-CSCF sends there must be noticed."""
        local = Address(self.address, self._clear_port)
        self._clear_tcp = self._open(TcpPort, local)
        self._clear = self._open(UdpPort, self._clear_tcp.local)
        self._clear_link: TcpLink | None = None

    def _open(self, kind: type[P], local: Address) -> P:
        return kind(self.pump, self._factory, local, role="clear", deliver=self.deliver)

    def _close_clear(self) -> None:
        for opened in (self._clear, self._clear_tcp, self._clear_link):
            if opened:
                opened.close()

    # -- ways to send

    def contact_at(self, over: Agreement | None) -> Address:
        """Where the phone waits for requests: us, or in clear the unprotected port."""
        return Address(self.address, over.own.port_s) if over else self._clear.local

    def send_over(self, over: Agreement | None, request: Message, transport: str) -> Sent:
        """Send a request under a set's SAs, or in clear."""
        if over is None:
            send = self._clear_send(transport)
            return self.start(request, send, role="clear", reliable=transport == "TCP")
        send = self._link(over).send if transport == "TCP" else self._from_uc(over)
        return self.start(request, send, role="uc", reliable=transport == "TCP")

    def _clear_send(self, transport: str) -> Send:
        if transport == "UDP":
            return partial(self._clear.send, remote=self.pcscf)
        if self._clear_link is None or self._clear_link.closed.is_set():
            # From any port, as phones do; the port in Via is still the clear port.
            local = Address(self.address, 0)
            self._clear_link = connect(
                self.pump, self._factory, local, self.pcscf, role="clear", deliver=self.deliver
            )
        return self._clear_link.send

    def _from_uc(self, over: Agreement) -> Send:
        """UDP uc -> ps: requests, and answers too (TS 33.203 section 7.1)."""
        return self._ports.udp(over.own.port_c, Address(self.pcscf.host, over.peer.port_s))

    def _link(self, over: Agreement) -> TcpLink:
        """The set's connection uc -> ps, opened on first use."""
        if over.link is None or over.link.closed.is_set():
            local = Address(self.address, over.own.port_c)
            over.link = self._ports.connect(local, Address(self.pcscf.host, over.peer.port_s))
        return over.link

    # -- requests to the phone

    def on_request(self, received: Received) -> None:
        """Answer a request; called in the pump's thread, under the lock."""
        request = received.message
        planned = self.answers.get(request.method, (200, "OK", []))
        if planned is None:
            return
        status, reason, headers = planned
        copied = [("Record-Route", value) for value in request.values("record-route")]
        response = make_response(request, status, reason, [*copied, *headers], to_tag="phone")
        self.answer(request, response, self._way_back(received))

    def _way_back(self, received: Received) -> Send:
        origin = received.origin
        over = self._set_at(origin.local.port, origin.remote.port)
        if origin.transport == "TCP" or over is None or self.answer_from_us:
            return origin.reply
        return self._from_uc(over)

    def _set_at(self, own_port: int, peer_port: int) -> Agreement | None:
        """The set whose SA us <- pc a datagram came by."""
        found = (own_port, peer_port)
        return next((s for s in self.sets if (s.own.port_s, s.peer.port_c) == found), None)

    # -- requests from the phone

    def start_request(
        self,
        method: str,
        uri: str,
        *,
        over: Agreement | None = None,
        transport: str = "",
        route: list[str] | None = None,
        verify: Verify = mirrored,
        sec_agree: tuple[str, ...] = SEC_AGREE,
        headers: Headers | None = None,
        body: bytes = b"",
    ) -> Sent:
        """Send a request outside any dialog, under the current set unless ``over`` is another.

        ``route`` replaces the P-CSCF's own URI and the Service-Route; ``verify``
        rewrites Security-Verify; without SAs it goes out in clear.
        """
        over = over or self.current
        transport = transport or self.transport
        at = self.contact_at(over)
        via = f"SIP/2.0/{transport} {at};branch={self.new_branch()}"
        lines: Headers = [("Via", via), ("Max-Forwards", "70")]
        lines += [("Route", value) for value in (route or self._route(over))]
        lines += [
            ("From", f"<{self.identity}>;tag={self.new_id()}"),
            ("To", f"<{uri}>"),
            ("Call-ID", self.new_id()),
            ("CSeq", f"1 {method}"),
            ("P-Preferred-Identity", f"<{self.identity}>"),
        ]
        if over is not None:
            lines += [(name, "sec-agree") for name in sec_agree]
            lines += [("Security-Verify", value) for value in verify(over.server)]
        request = Message(f"{method} {uri} SIP/2.0", lines + (headers or []), body)
        return self.send_over(over, request, transport)

    def _route(self, over: Agreement | None) -> list[str]:
        """TS 24.229 5.1.2A.1.1: the P-CSCF at its protected port, then the Service-Route."""
        port = over.peer.port_s if over else self.pcscf.port
        return [f"<sip:{Address(self.pcscf.host, port)};lr>", *self.service_route]

    def message(
        self, uri: str, text: str = "hello", *, transport: str = "", timeout: float = PATIENCE
    ) -> Received:
        """Send a MESSAGE (RFC 3428), and wait for its answer."""
        sent = self.start_request(
            "MESSAGE",
            uri,
            transport=transport,
            headers=[("Content-Type", "text/plain")],
            body=text.encode(),
        )
        return self.finish(sent, timeout)
