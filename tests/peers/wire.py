"""Sockets of the peers, and the one thread that reads them and keeps their timers.

Tests call blocking methods from their own thread; what arrives is handed to the
peer in the pump's thread, where timers fire too. Sockets come from a
``SocketFactory``, so that a test can place them in a network namespace.
"""

import contextlib
import errno
import heapq
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import count

from tests.peers.framing import Framer
from tests.peers.text import Address

MAX_DATAGRAM = 65535
CHUNK = 65536
CONNECT_SECONDS = 5.0

SocketFactory = Callable[[socket.AddressFamily, socket.SocketKind], socket.socket]
Send = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message came in: ``role`` is the peer's own word for the socket."""

    transport: str
    role: str
    local: Address
    remote: Address
    reply: Send = field(repr=False, compare=False)


Deliver = Callable[[bytes, Origin], None]


def placed_in(entered: Callable[[], AbstractContextManager[object]]) -> SocketFactory:
    """Make a factory of sockets that are created inside ``entered()``.

    With a context manager that moves the thread into a network namespace, the
    sockets belong to that namespace for good.
    """

    def factory(family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        with entered():
            return socket.socket(family, kind)

    return factory


class Timer:
    """A call that a pump makes later, unless it is cancelled before."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Let go of the call; one that was made already is fine."""
        self.call = None


class Pump:
    """A thread that waits for readable sockets and for time; several peers may share one."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake, waker = socket.socketpair()
        self._open = True
        self._selector.register(waker, selectors.EVENT_READ, lambda: waker.recv(CHUNK) and None)
        self._waker = waker
        self._timers: list[tuple[float, int, Timer]] = []
        self._timers_lock = threading.Lock()
        self._turns = count()
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)
        self._thread.start()

    def watch(self, sock: socket.socket, on_readable: Callable[[], None]) -> None:
        """Call ``on_readable`` in the pump's thread whenever there is something to read."""
        self._selector.register(sock, selectors.EVENT_READ, on_readable)

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Make ``call`` in the pump's thread after so many seconds."""
        timer = Timer(call)
        entry = (time.monotonic() + seconds, next(self._turns), timer)
        with self._timers_lock:
            heapq.heappush(self._timers, entry)
            is_first = self._timers[0] is entry
        if is_first and threading.current_thread() is not self._thread:
            with contextlib.suppress(OSError):  # the pump is closed
                self._wake.send(b"x")
        return timer

    def drop(self, sock: socket.socket) -> None:
        """Forget a socket and close it; one that is closed already is fine."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(sock)
        sock.close()

    def close(self) -> None:
        """Stop the thread and close every socket that is still watched; twice is fine."""
        if not self._open:
            return
        self._open = False
        self._wake.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            self.drop(key.fileobj)  # type: ignore[arg-type]  # only sockets are registered
        self._wake.close()
        self._selector.close()

    def _run(self) -> None:
        while self._open:
            for key, _events in self._selector.select(self._pause()):
                # The test's thread may have closed the socket since select() returned.
                with contextlib.suppress(OSError):
                    key.data()
            while (timer := self._due()) is not None:
                if timer.call is not None:
                    with contextlib.suppress(OSError):  # as above
                        timer.call()

    def _pause(self) -> float | None:
        with self._timers_lock:
            return self._timers[0][0] - time.monotonic() if self._timers else None

    def _due(self) -> Timer | None:
        with self._timers_lock:
            if self._timers and self._timers[0][0] <= time.monotonic():
                return heapq.heappop(self._timers)[2]
        return None


def _bound(
    factory: SocketFactory, kind: socket.SocketKind, local: Address
) -> tuple[socket.socket, Address]:
    family = socket.AF_INET6 if ":" in local.host else socket.AF_INET
    sock = factory(family, kind)
    try:
        # A port is used again as soon as its last connection has ended.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
        sock.bind((local.host, local.port))
    except OSError:
        sock.close()
        raise
    return sock, Address(*sock.getsockname()[:2])


class UdpPort:
    """A bound UDP socket. Port 0 takes any free port; ``local`` says which."""

    def __init__(
        self, pump: Pump, factory: SocketFactory, local: Address, *, role: str, deliver: Deliver
    ) -> None:
        self._sock, self.local = _bound(factory, socket.SOCK_DGRAM, local)
        self._sock.setblocking(False)
        self._pump, self._role, self._deliver = pump, role, deliver
        pump.watch(self._sock, self._read)

    def send(self, data: bytes, remote: Address) -> None:
        """Send one datagram."""
        self._sock.sendto(data, remote)

    def close(self) -> None:
        """Close the socket."""
        self._pump.drop(self._sock)

    def _read(self) -> None:
        data, peer = self._sock.recvfrom(MAX_DATAGRAM)
        remote = Address(*peer[:2])
        origin = Origin("UDP", self._role, self.local, remote, lambda out: self.send(out, remote))
        self._deliver(data, origin)


class TcpLink:
    """One TCP connection; ``closed`` is set when the other side has ended it.

    Then it is closed here too, with a reset unless it ``lingers``: where the other machine has
    gone, a FIN would keep the port from the next connection until it is answered.
    """

    def __init__(self, pump: Pump, sock: socket.socket, role: str, deliver: Deliver) -> None:
        sock.settimeout(CONNECT_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)  # messages do not wait
        self._sock, self._pump, self._deliver = sock, pump, deliver
        self.closed = threading.Event()
        self.lingers = True
        self.framer = Framer()
        local, remote = (Address(*name[:2]) for name in (sock.getsockname(), sock.getpeername()))
        self.origin = Origin("TCP", role, local, remote, self.send)
        pump.watch(sock, self._read)

    def send(self, data: bytes) -> None:
        """Write all of ``data``; any pieces of messages are allowed."""
        self._sock.sendall(data)

    def close(self) -> None:
        """End the connection. Its ports are free once ``closed`` is set."""
        self._pump.drop(self._sock)
        self.closed.set()

    def reset(self) -> None:
        """End the connection at once: nothing of it comes any more, from either side."""
        with contextlib.suppress(OSError):  # it is closed already
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def _read(self) -> None:
        try:
            data = self._sock.recv(CHUNK)
        except OSError:
            data = b""
        if not data:
            (self.close if self.lingers else self.reset)()
            return
        try:
            messages = self.framer.feed(data)
        except ValueError:
            self._deliver(data, self.origin)  # the peer records it as unreadable
            self.close()
            return
        for message in messages:
            self._deliver(message, self.origin)


def connect(
    pump: Pump,
    factory: SocketFactory,
    local: Address,
    remote: Address,
    *,
    role: str,
    deliver: Deliver,
) -> TcpLink:
    """Open a connection from ``local`` (port 0: any); OSError if it cannot be had.

    One between the same ports may be ending: its FIN waits for an answer of who has died.
    """
    patience = time.monotonic() + CONNECT_SECONDS
    while True:
        sock, _ = _bound(factory, socket.SOCK_STREAM, local)
        try:
            sock.settimeout(CONNECT_SECONDS)
            sock.connect((remote.host, remote.port))
        except OSError as error:
            sock.close()
            if error.errno != errno.EADDRNOTAVAIL or time.monotonic() > patience:
                raise
            time.sleep(0.05)
        else:
            return TcpLink(pump, sock, role, deliver)


class TcpPort:
    """A listening TCP socket; accepted connections deliver as this port does."""

    def __init__(
        self, pump: Pump, factory: SocketFactory, local: Address, *, role: str, deliver: Deliver
    ) -> None:
        self._sock, self.local = _bound(factory, socket.SOCK_STREAM, local)
        self._sock.listen(128)
        self._sock.setblocking(False)
        self._pump, self._role, self._deliver = pump, role, deliver
        self.links: list[TcpLink] = []
        pump.watch(self._sock, self._accept)

    def close(self) -> None:
        """Close the port and the connections it accepted."""
        self._pump.drop(self._sock)
        for link in self.links:
            link.close()

    def reset(self) -> None:
        """End the connections that were accepted at once."""
        for link in self.links:
            link.reset()

    def _accept(self) -> None:
        sock, _peer = self._sock.accept()
        self.links.append(TcpLink(self._pump, sock, self._role, self._deliver))
