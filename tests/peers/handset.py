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
from tests.peers.wire import Origin, Pump, Send, SocketFactory, TcpLink, TcpPort, UdpPort, connect

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
        self.instance = ""
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

    def refuse_tcp(self) -> None:
        """Be a phone that knows UDP alone, from now on: connections to it are refused."""
        self._ports.refuse_tcp()

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

    def own_contact(self, over: Agreement | None) -> str:
        """The Contact of a request or an answer, the one that the phone registers."""
        user = self.subscription.impus[0].removeprefix("sip:").partition("@")[0]
        parameter = ";transport=tcp" if self.transport == "TCP" else ""
        instance = f';+sip.instance="<{self.instance}>"' if self.instance else ""
        return f"<sip:{user}@{self.contact_at(over)}{parameter}>{instance}"

    @property
    def contact(self) -> str:
        """Its Contact now."""
        return self.own_contact(self.current)

    def send_over(self, over: Agreement | None, request: Message, transport: str) -> Sent:
        """Send a request under a set's SAs, or in clear."""
        role = "uc" if over else "clear"
        send = self.way(over, transport)
        return self.start(request, send, role=role, reliable=transport == "TCP")

    def way(self, over: Agreement | None, transport: str) -> Send:
        """How requests get to the P-CSCF under a set's SAs, or in clear."""
        if over is None:
            return self._clear_send(transport)
        return self._link(over).send if transport == "TCP" else self._from_uc(over)

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
        self.answer(request, response, self.way_back(received))

    def way_back(self, received: Received) -> Send:
        """How answers to a request get back, now or when its SAs or connection may be gone."""
        return partial(self._send_back, received.origin)

    def _send_back(self, origin: Origin, data: bytes) -> None:
        over = self._set_at(origin.local.port, origin.remote.port) or self._usable
        if origin.transport == "TCP":
            self._send_back_over_tcp(origin, data)
        elif over is None or origin.role == "clear" or self.answer_from_us:
            origin.reply(data)
        else:
            self._from_uc(over)(data)

    def _send_back_over_tcp(self, origin: Origin, data: bytes) -> None:
        """On its connection; when that is gone, on one to ps, as the Via says (RFC 3261 18.2.2)."""
        try:
            origin.reply(data)
        except OSError:
            if self._usable is None:
                raise
            self._link(self._usable).send(data)

    @property
    def _usable(self) -> Agreement | None:
        """The current set, while its SAs are there."""
        return self.current if self.current and self.current.sas else None

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
        lines: Headers = [
            ("From", f"<{self.identity}>;tag={self.new_id()}"),
            ("To", f"<{uri}>"),
            ("Call-ID", self.new_id()),
            ("CSeq", f"1 {method}"),
            ("P-Preferred-Identity", f"<{self.identity}>"),
        ]
        if over is not None:
            lines += secured(over, verify, sec_agree)
        lines += headers or []
        route = route or self._route(over)
        request = self.compose(method, uri, over, transport, route=route, headers=lines, body=body)
        return self.send_over(over, request, transport)

    def compose(
        self,
        method: str,
        uri: str,
        over: Agreement | None,
        transport: str,
        *,
        route: list[str],
        headers: Headers,
        body: bytes = b"",
    ) -> Message:
        """A request with a Via of its own, which names us."""
        via = f"SIP/2.0/{transport} {self.contact_at(over)};branch={self.new_branch()}"
        lines: Headers = [("Via", via), ("Max-Forwards", "70")]
        lines += [("Route", value) for value in route]
        return Message(f"{method} {uri} SIP/2.0", lines + headers, body)

    def _route(self, over: Agreement | None) -> list[str]:
        """TS 24.229 5.1.2A.1.1: the P-CSCF at its protected port, then the Service-Route."""
        port = over.peer.port_s if over else self.pcscf.port
        return [f"<sip:{Address(self.pcscf.host, port)};lr>", *self.service_route]

    def message(
        self,
        uri: str,
        text: str | bytes = "hello",
        *,
        content_type: str = "text/plain",
        transport: str = "",
        timeout: float = PATIENCE,
    ) -> Received:
        """Send a MESSAGE (RFC 3428) of text or of any octets, and wait for its answer."""
        sent = self.start_request(
            "MESSAGE",
            uri,
            transport=transport,
            headers=[("Content-Type", content_type)],
            body=text if isinstance(text, bytes) else text.encode(),
        )
        return self.finish(sent, timeout)


def secured(
    over: Agreement, verify: Verify = mirrored, sec_agree: tuple[str, ...] = SEC_AGREE
) -> Headers:
    """What every request under SAs has but CANCEL and ACK (RFC 3329 section 2.3.1)."""
    lines: Headers = [(name, "sec-agree") for name in sec_agree]
    return lines + [("Security-Verify", value) for value in verify(over.server)]
