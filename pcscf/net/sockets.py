"""Non-blocking sockets bound to one address and port each."""

import asyncio
import contextlib
import errno
import socket
import struct
from typing import Any

from pcscf.core.flow import Endpoint, Transport
from pcscf.errors import StartError

# A burst of a few thousand REGISTERs after a radio outage waits here, not in the drain.
RECEIVE_BUFFER = 8 * 1024 * 1024
# The kernel cuts it to net.core.somaxconn.
BACKLOG = 1024
_TCP_REPAIR = 19  # linux/tcp.h; Python does not name it
_SO_RCVBUFFORCE = 33  # asm-generic/socket.h; likewise
_IP_FREEBIND, _IPV6_FREEBIND = 15, 78  # linux/in.h and linux/in6.h; likewise
_TYPES = {Transport.UDP: socket.SOCK_DGRAM, Transport.TCP: socket.SOCK_STREAM}
_RESET = struct.pack("ii", 1, 0)  # struct linger: on, zero seconds

_REASONS = {
    errno.EADDRINUSE: "is in use by another program",
    errno.EADDRNOTAVAIL: "is no address of this machine (or IPv6 still checks it for duplicates)",
    errno.EACCES: "needs the right to bind ports below 1024 (CAP_NET_BIND_SERVICE)",
    errno.EAFNOSUPPORT: "is of a family that this machine does not speak",
}


def endpoint(address: tuple[Any, ...]) -> Endpoint:
    """Read what the socket calls return; a link-local peer keeps its interface as %N."""
    if len(address) == 4 and address[3]:  # host, port, flow information, scope
        return Endpoint(f"{address[0]}%{address[3]}", address[1])
    return Endpoint(address[0], address[1])


def bound(
    transport: Transport, local: Endpoint, *, shared: bool = False, ahead: bool = False
) -> socket.socket:
    """Make a socket bound to ``local``; port 0 leaves the port to the kernel.

    ``shared``: a TCP listener and connections of ours start from the same port
    (the protected client ports in tolerant mode). ``ahead``: the address may be on its way
    here; until it comes nothing is received, and sending fails. Raises OSError.
    """
    family = socket.AF_INET6 if ":" in local.host else socket.AF_INET
    sock = socket.socket(family, _TYPES[transport] | socket.SOCK_NONBLOCK)
    try:
        if transport is Transport.TCP:
            # Connections of the run before may still be in TIME_WAIT; and connections
            # from one protected client port to many phones share that port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            _enlarge(sock)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if ahead and family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
        elif ahead:
            sock.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        sock.bind(local)
    except BaseException:
        sock.close()
        raise
    return sock


def bound_at_start(
    transport: Transport, local: Endpoint, *, shared: bool = False, ahead: bool = False
) -> socket.socket:
    """Make a socket the P-CSCF cannot do without. Raises StartError, which says what is wrong."""
    try:
        return bound(transport, local, shared=shared, ahead=ahead)
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, f"cannot be bound: {error.strerror}")
        raise StartError(f"{transport} {local} {reason}") from None


def reset_on_close(sock: socket.socket) -> None:
    """Have close() send RST and forget what is unsent: no TIME_WAIT, nothing sent later."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def vanish_on_close(sock: socket.socket) -> None:
    """Have close() send nothing at all: the other end finds out when it sends something.

    It takes CAP_NET_ADMIN; without it there is a RST.
    """
    reset_on_close(sock)
    with contextlib.suppress(PermissionError):
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)


def untie(transport: asyncio.BaseTransport) -> None:
    """Let a transport that is closed go at once.

    asyncio's keeps a method of its own, and so itself: a full garbage collection would
    have to find it, and those are rare (``pcscf.net.start``).
    """
    transport._read_ready_cb = None  # type: ignore[attr-defined] # noqa: SLF001


def _enlarge(sock: socket.socket) -> None:
    """Go above net.core.rmem_max where CAP_NET_ADMIN allows it."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
