"""Datagrams in bulk: one system call for many where ``_datagrams.c`` is built, else one for each.

Neither function waits. Sockets are non-blocking.
"""

from collections.abc import Sequence
from socket import socket

try:
    from pcscf.net import _datagrams
except ImportError:  # scripts/compile builds it
    IN_BULK = False
else:
    IN_BULK = True

MOST = 64  # datagrams a call
Address = tuple[str, int] | tuple[str, int, int, int]
"""As ``socket.recvfrom`` gives it: host, port; for IPv6 flow information and scope as well."""


def receive(sock: socket, size: int) -> list[tuple[bytes, Address]]:
    """Take what is there, each datagram cut after ``size`` octets.

    Raises OSError for what comes first, BlockingIOError if nothing is there.
    """
    if IN_BULK:
        return _datagrams.receive(sock.fileno(), MOST, size)
    taken = [sock.recvfrom(size)]
    try:
        while len(taken) < MOST:
            taken.append(sock.recvfrom(size))
    except OSError:
        pass  # nothing more is there; an error of the network concerns no datagram that is
    return taken


def send(sock: socket, datagrams: Sequence[tuple[bytes, tuple[str, int]]]) -> int:
    """Send some of the datagrams, from the first on; give how many have gone.

    Raises OSError if the first one cannot be sent, BlockingIOError if there is no room now.
    """
    if IN_BULK and not any("%" in host for _, (host, _) in datagrams):  # a scope
        return _datagrams.send(sock.fileno(), list(datagrams[:MOST]))
    data, remote = datagrams[0]
    sock.sendto(data, remote)
    return 1
