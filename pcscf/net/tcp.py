"""The TCP connections of all sides: accepted, opened on demand, found by flow."""

import asyncio
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from socket import socket

from pcscf.core.effects import SendSip
from pcscf.core.events import Event, FlowClosed, SendFailed
from pcscf.core.flow import Flow, Side, Transport
from pcscf.net.admission import Admission
from pcscf.net.connection import Connection, TcpLimits
from pcscf.net.handover import Handover, OpenConnection, is_alive
from pcscf.net.sockets import BACKLOG, bound, reset_on_close, vanish_on_close
from pcscf.sip.limits import Limits

_PAUSE = 0.05  # seconds
_TURNS_TO_ACCEPT = 2  # of the loop: one makes the transport, one calls connection_made
_OPENED = 1.0  # seconds, in which connections that are being opened may still come about
_AT_ONCE = 64  # connections handed over in one turn of the loop


class _PairInUseError(Exception):
    """A connection of the same two ends still waits for the peer's last ACK."""


@dataclass(slots=True)
class _Opening:
    """A connection that is being opened, and what waits for it."""

    key: Flow
    task: asyncio.Task[None] | None = None
    effects: list[SendSip] = field(default_factory=list)
    octets: int = 0


class TcpTable:
    """Listeners, connections and connections to be.

    ``shared_ports``: local ports that have a listener and from which connections
    are opened too. ``max_connections`` and ``max_per_source`` are for each side;
    connections that we open are not counted, the core's own limits bound them.
    ``may_act``: whether anything may be sent now.
    """

    def __init__(
        self,
        emit: Callable[[Event], None],
        sip: Limits,
        tcp: TcpLimits,
        *,
        max_connections: int,
        max_per_source: int,
        shared_ports: range = range(0),
        may_act: Callable[[], bool] = lambda: True,
    ) -> None:
        self.emit = emit
        self.may_act = may_act
        self._sip = sip
        self._limits = tcp
        self._shared_ports = shared_ports
        self._loop = asyncio.get_running_loop()
        self._listeners: list[tuple[asyncio.Server, Side]] = []
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._by_key: dict[Flow, Connection] = {}
        self._opening: dict[Flow, _Opening] = {}
        self.admissions = {
            Side.CLEAR: Admission(max_connections, max_per_source),
            Side.PROTECTED: Admission(max_connections, max_per_source),
            # The core is a few servers that each carry many phones.
            Side.CORE: Admission(max_connections, max_connections),
        }

    def change(
        self, sip: Limits, tcp: TcpLimits, *, max_connections: int, max_per_source: int
    ) -> None:
        """Take other limits, for connections that are opened or accepted from now on."""
        self._sip = sip
        self._limits = tcp
        for side, admission in self.admissions.items():
            of_one = max_connections if side is Side.CORE else max_per_source
            admission.change(max_connections, of_one)

    async def listen(self, sock: socket, side: Side) -> None:
        """Accept connections on a bound socket."""
        server = await self._loop.create_server(
            lambda: self._connection(side, accepted=True),
            sock=sock,
            backlog=BACKLOG,
            start_serving=False,
        )
        self._listeners.append((server, side))
        await server.start_serving()

    async def stop_accepting(self) -> None:
        """Accept nothing more. Who was accepted is connected then, who comes later waits."""
        for server, _ in self._listeners:
            for sock in server.sockets:
                self._loop.remove_reader(sock)
        for _ in range(_TURNS_TO_ACCEPT):
            await asyncio.sleep(0)

    async def finish_opening(self) -> None:
        """Wait a moment for connections that are being opened: something is to leave on them."""
        if tasks := self._opening_tasks():
            await asyncio.wait(tasks, timeout=_OPENED)

    async def adopt(self, one: OpenConnection) -> None:
        """Go on with a connection of the program before; with none that has ended meanwhile."""
        if not is_alive(one.sock):
            one.sock.close()
            return
        connection = self._connection(one.side, accepted=one.accepted)
        connection.go_on_with(one.begun)
        try:
            await self._loop.connect_accepted_socket(lambda: connection, one.sock)
        except BaseException:
            self._drop(one.sock)
            raise

    def pause(self) -> None:
        """Read no connection any more."""
        for connection in self._connections:
            connection.pause()

    async def hand_over(self, to: Handover) -> None:
        """Let go of all that can go on in the next program; nothing is accepted or read now."""
        for server, side in self._listeners:
            for sock in server.sockets:
                to.add(side, sock.dup())
            server.close()  # short of descriptors, asyncio would accept again after a second
        await self._stop_opening()
        for number, connection in enumerate(tuple(self._connections)):
            if one := connection.hand_over():
                self._connections.discard(connection)  # nothing is to be reset
                to.connections.append(one)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)  # their descriptors are free then: so no limit is in the way

    def send(self, effect: SendSip) -> None:
        """Send on the flow's connection, or on the one that is being opened, or open it."""
        key = effect.flow.connection_key
        connection = self._by_key.get(key)
        if connection is not None and not connection.is_closing:
            self._failed(effect, connection.send(effect.data))
        elif key in self._opening:
            self._wait(self._opening[key], effect)
        elif effect.connect:
            self._open(key, effect)
        else:
            self._failed(effect, "no connection")

    def close_flow(self, flow: Flow, *, at_once: bool = False) -> None:
        """Close a connection, after what was sent on it has left or at once; none is no error."""
        connection = self._by_key.get(flow.connection_key)
        if connection is None:
            return
        if at_once:
            connection.reset()
        else:
            connection.close()

    async def close(self) -> None:
        """Accept nothing more, reset all connections, and close what listens.

        Where nothing may be sent any more connections go without a word.
        """
        await self.stop_accepting()  # nothing would reset a connection that is half made
        for server, _ in self._listeners:
            server.close()
        await self._stop_opening()
        self._empty.clear()
        for connection in self._connections:
            connection.reset()
        if self._connections:
            await self._empty.wait()
        await asyncio.sleep(0)  # the socket of one that was turned away closes a turn later

    # -- connection.Owner ---------------------------------------------------------------------

    def opened(self, connection: Connection) -> bool:
        """Take a connection that is up, if there is room."""
        flow = connection.flow
        if connection.accepted and not self.admissions[flow.side].admit(flow.remote.host):
            return False
        self._connections.add(connection)
        self._by_key[flow.connection_key] = connection
        return True

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        flow = connection.flow
        if connection.accepted:
            self.admissions[flow.side].release(flow.remote.host)
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()
        if self._by_key.get(flow.connection_key) is connection:
            del self._by_key[flow.connection_key]
        self.emit(FlowClosed(flow))

    # -- opening ------------------------------------------------------------------------------

    def _connection(self, side: Side, *, accepted: bool) -> Connection:
        return Connection(self, side, self._sip, self._limits, accepted=accepted)

    def _open(self, key: Flow, effect: SendSip) -> None:
        opening = self._opening[key] = _Opening(key)
        self._wait(opening, effect)
        opening.task = self._loop.create_task(self._connect(opening))

    def _wait(self, opening: _Opening, effect: SendSip) -> None:
        if opening.octets + len(effect.data) > self._limits.send_buffer:
            self._failed(effect, "send buffer is full")
            return
        opening.effects.append(effect)
        opening.octets += len(effect.data)

    async def _connect(self, opening: _Opening) -> None:
        key = opening.key
        try:
            async with asyncio.timeout(self._limits.connect_timeout):
                connection = await self._connected(key)
        except TimeoutError:
            self._abandon(opening, "no answer to the connection request")
        except OSError as error:
            self._abandon(opening, os.strerror(error.errno or 0))
        else:
            del self._opening[key]
            for effect in opening.effects:
                self._failed(effect, connection.send(effect.data))

    async def _connected(self, key: Flow) -> Connection:
        """Connect, once the connection before of this very pair of ports is quite gone."""
        while True:
            try:
                return await self._connected_at_once(key)
            except _PairInUseError:
                await asyncio.sleep(_PAUSE)

    async def _connected_at_once(self, key: Flow) -> Connection:
        sock = bound(Transport.TCP, key.local, shared=key.local.port in self._shared_ports)
        try:
            await self._loop.sock_connect(sock, key.remote)
            _, connection = await self._loop.create_connection(
                lambda: self._connection(key.side, accepted=False), sock=sock
            )
        except BaseException as error:
            self._drop(sock)
            if isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL:
                raise _PairInUseError from None
            raise
        return connection

    def _drop(self, sock: socket) -> None:
        """Close without a FIN: that would come again, maybe when its SA and policy are gone."""
        end = reset_on_close if self.may_act() else vanish_on_close
        end(sock)
        sock.close()

    def _opening_tasks(self) -> list[asyncio.Task[None]]:
        return [opening.task for opening in self._opening.values() if opening.task]

    async def _stop_opening(self) -> None:
        tasks = self._opening_tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _abandon(self, opening: _Opening, reason: str) -> None:
        del self._opening[opening.key]
        for effect in opening.effects:
            self._failed(effect, reason)

    def _failed(self, effect: SendSip, reason: str) -> None:
        """Tell the core that a message did not leave, if there is a reason and it wants to know."""
        if reason and effect.ref:
            self.emit(SendFailed(effect.flow, effect.ref, reason))
