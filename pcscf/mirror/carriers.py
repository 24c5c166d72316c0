"""How packets get to a collector: UDP or TCP, without ever waiting for it.

A carrier keeps itself up: it looks the collector's name up, connects, and does so again when
that failed or the connection broke. What it cannot take at once is lost, with a reason.
"""

import asyncio
import contextlib
import socket
from abc import ABC, abstractmethod
from typing import Final

from pcscf.core.flow import Endpoint, Transport

_BUFFER: Final = 1 << 20  # octets that may wait in a connection
_PATIENCE: Final = 10.0  # seconds for one attempt to connect
_PAUSE: Final = 5.0  # seconds between two
_RENEWED: Final = 60.0  # seconds until a name is looked up again for datagrams


class Carrier(ABC):
    """One way to the collector at ``to``, whose host may be a name."""

    def __init__(self, to: Endpoint, *, pause: float = _PAUSE) -> None:
        self._to = to
        self._pause = pause
        self._trouble = "not connected yet"
        self._task = asyncio.get_running_loop().create_task(self._keep_up())

    @abstractmethod
    def send(self, packet: bytes) -> str:
        """Send a packet. Return the reason if it is lost, else an empty string."""

    @abstractmethod
    async def _connect(self) -> None:
        """Make a connection. Raises OSError."""

    @abstractmethod
    async def _broken(self) -> None:
        """Wait until the connection is of no use any more."""

    async def close(self) -> None:
        """Close; what waits is lost."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _keep_up(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._connect()
            except TimeoutError:
                self._trouble = "no answer to the connection request"
            except OSError as error:
                self._trouble = error.strerror or str(error)
            else:
                self._trouble = "connection lost"
                await self._broken()
            await asyncio.sleep(self._pause)


class UdpCarrier(Carrier):
    """Datagrams, fragmented by the kernel where they are larger than the way allows."""

    _socket: socket.socket | None = None

    def send(self, packet: bytes) -> str:
        """Send a packet. Return the reason if it is lost, else an empty string."""
        if self._socket is None:
            return self._trouble
        try:
            self._socket.send(packet)
        except BlockingIOError:
            return "send buffer is full"
        except OSError as error:  # that nobody listens is told by the packet after
            return error.strerror or str(error)
        return ""

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        family, kind, protocol, _, address = (
            await loop.getaddrinfo(*self._to, type=socket.SOCK_DGRAM)
        )[0]
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            sock.connect(address)
        except OSError:
            sock.close()
            raise
        self._forget()
        self._socket = sock

    async def _broken(self) -> None:
        """Nothing breaks; but the name may mean another address by and by."""
        await asyncio.sleep(_RENEWED)

    async def close(self) -> None:
        """Close; what waits is lost."""
        await super().close()
        self._forget()

    def _forget(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class TcpCarrier(Carrier):
    """A connection with packets one behind the other; each says how long it is."""

    _transport: asyncio.Transport | None = None

    def send(self, packet: bytes) -> str:
        """Send a packet. Return the reason if it is lost, else an empty string."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return self._trouble
        if transport.get_write_buffer_size() + len(packet) > _BUFFER:
            return "send buffer is full"
        transport.write(packet)
        return ""

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, self._ends = await loop.create_connection(_Ends, *self._to)

    async def _broken(self) -> None:
        try:
            await self._ends.lost.wait()
        finally:
            if self._transport is not None:
                self._transport.abort()
            self._transport = None


class _Ends(asyncio.Protocol):
    """Takes note of the end of a connection; collectors say nothing that we have to hear."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self.lost.set()


CARRIERS: Final[dict[Transport, type[Carrier]]] = {
    Transport.UDP: UdpCarrier,
    Transport.TCP: TcpCarrier,
}
