"""The ports of one server: opened in two steps, written to, handed on, closed.

The unprotected ones come first, the protected ones when the kernel has its policies: no packet in
clear ever reaches one of them or leaves it.
"""

import asyncio
from collections.abc import Callable, Sequence
from socket import socket

from pcscf.config import Settings
from pcscf.core.effects import SendSip
from pcscf.core.events import Event, SendFailed
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.net import plan
from pcscf.net.connection import TcpLimits
from pcscf.net.handover import Handover
from pcscf.net.orphans import unacknowledged
from pcscf.net.sockets import BACKLOG, bound_at_start
from pcscf.net.tcp import TcpTable
from pcscf.net.udp import UdpSocket

_LOOK = 0.05  # seconds between two looks at what is not acknowledged


class Ports:
    """All sockets that carry SIP. ``emit`` takes what comes, ``may_act`` says if it may leave now.

    What a ``handover`` has of them is taken over, the rest of them is bound. ``ahead``: an address
    may not be here yet.
    """

    def __init__(
        self,
        settings: Settings,
        emit: Callable[[Sequence[Event]], None],
        *,
        may_act: Callable[[], bool],
        handover: Handover,
        ahead: bool,
    ) -> None:
        self._settings = settings
        self._emit = emit
        self._may_act = may_act
        self._before = handover
        self._ahead = ahead
        self._udp: dict[Endpoint, UdpSocket] = {}
        self._listeners: list[tuple[socket, Side]] = []  # bound, not accepting yet
        self._leaving: dict[Endpoint, list[SendSip]] = {}  # datagrams, by the socket
        self._tcp = self._tcp_table()

    @property
    def udp_count(self) -> int:
        """How many UDP sockets there are."""
        return len(self._udp)

    # -- from the start to the end ------------------------------------------------------------

    def bind_unprotected(self) -> None:
        """Bind what needs no policy; once is enough. Raises StartError."""
        if not self._udp:
            unprotected = plan.unprotected(self._settings)
            self._before.keep(unprotected + plan.protected(self._settings))
            self._bind(unprotected)

    def bind_protected(self) -> None:
        """Bind ps and pc. The policies are there by now. Raises StartError."""
        self._bind(plan.protected(self._settings))

    def listen(self) -> None:
        """Have connections wait until ``start``; none is refused."""
        for sock, _ in self._listeners:
            sock.listen(BACKLOG)

    async def go_on(self) -> None:
        """Serve the connections of the program before; let go of what of it was not taken."""
        connections = self._before.connections
        while connections:
            await self._tcp.adopt(connections.pop())
        self._before.close()

    async def start(self) -> None:
        """Receive and accept from now on."""
        for udp in self._udp.values():
            udp.start()
        while self._listeners:
            await self._tcp.listen(*self._listeners.pop())

    def change(self, settings: Settings) -> None:
        """Take other limits; addresses and ports have to be those of the start."""
        self._settings = settings
        limits = settings.limits
        self._tcp.change(
            settings.sip_limits(),
            _tcp_limits(settings),
            max_connections=limits.max_connections,
            max_per_source=limits.max_connections_per_source,
        )
        for udp in self._udp.values():
            udp.change(limits.max_message, limits.send_buffer)

    async def stop_accepting(self) -> None:
        """Have new connections wait for the next program; who is connected is served on."""
        await self._tcp.stop_accepting()
        await self._tcp.finish_opening()

    async def hand_over(self, to: Handover) -> None:
        """Read no more, and give all that can go on; ``close`` closes the rest."""
        self._tcp.pause()
        for udp in self._udp.values():
            to.add(*udp.hand_over())
        await self._tcp.hand_over(to)

    async def close(self) -> None:
        """Close all sockets; connections are reset, or go without a word if none may leave."""
        await self._tcp.close()
        for sock, _ in self._listeners:
            sock.close()
        self._before.close()
        for udp in self._udp.values():
            udp.close()

    async def acknowledged(self, seconds: float) -> bool:
        """Wait until no connection of a protected port sends anything again; False: one does.

        Call it when they are closed.
        """
        gm = self._settings.gm
        ports = {gm.port_ps, *gm.ports_pc}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while unacknowledged(ports):
            if loop.time() >= deadline:
                return False
            await asyncio.sleep(_LOOK)
        return True

    # -- what leaves --------------------------------------------------------------------------

    def send(self, effect: SendSip) -> None:
        """Send on the flow; a datagram leaves at the next ``flush``."""
        local = effect.flow.local
        if effect.flow.transport is Transport.TCP:
            self._tcp.send(effect)
        elif local in self._udp:
            self._leaving.setdefault(local, []).append(effect)
        elif effect.ref:
            self._emit_one(SendFailed(effect.flow, effect.ref, "no socket at the local address"))

    def flush(self) -> None:
        """Send the datagrams that were given since the last time, if anything may leave now."""
        if not self._may_act():
            return
        leaving, self._leaving = self._leaving, {}
        for local, effects in leaving.items():
            self._udp[local].send(effects)

    def close_flow(self, flow: Flow, *, at_once: bool) -> None:
        """Close a connection, after what was sent on it has left or at once."""
        self._tcp.close_flow(flow, at_once=at_once)

    # -- making -------------------------------------------------------------------------------

    def _bind(self, binds: list[plan.Bind]) -> None:
        limits = self._settings.limits
        for bind in binds:
            side, transport, local, shared = bind
            sock = self._before.take(bind)
            sock = sock or bound_at_start(transport, local, shared=shared, ahead=self._ahead)
            if transport is Transport.TCP:
                self._listeners.append((sock, side))
            else:
                self._udp[local] = UdpSocket(
                    sock,
                    side,
                    self._emit,
                    limits.max_message,
                    limits.send_buffer,
                    may_act=self._may_act,
                )

    def _tcp_table(self) -> TcpTable:
        limits = self._settings.limits
        return TcpTable(
            self._emit_one,
            self._settings.sip_limits(),
            _tcp_limits(self._settings),
            max_connections=limits.max_connections,
            max_per_source=limits.max_connections_per_source,
            shared_ports=plan.shared_ports(self._settings),
            may_act=self._may_act,
        )

    def _emit_one(self, event: Event) -> None:
        self._emit((event,))


def _tcp_limits(settings: Settings) -> TcpLimits:
    limits = settings.limits
    return TcpLimits(
        connect_timeout=limits.connect_timeout,
        message_timeout=limits.message_timeout,
        idle_timeout=limits.idle_timeout,
        send_buffer=limits.send_buffer,
    )
