"""What this machine's sockets cost: the yardstick, and a registration's own datagrams."""

import socket
from collections.abc import Callable

from tests.bench.timing import best

ECHO_SIZE = 1000  # octets, about as many as a REGISTER has
_LARGEST = 65535


def echo(rounds: int = 200, count: int = 50) -> float:
    """One datagram there and back, with nothing done in between."""
    data = bytes(ECHO_SIZE)

    def there_and_back(near: socket.socket, far: socket.socket) -> None:
        there = far.getsockname()
        for _ in range(count):
            near.sendto(data, there)
            received, back = far.recvfrom(_LARGEST)
            far.sendto(received, back)
            near.recvfrom(_LARGEST)

    return _between_sockets(rounds, there_and_back, count)


def carrying(messages: list[bytes], phones: int, rounds: int) -> float:
    """One phone's share of sending and receiving these messages."""

    def there(near: socket.socket, far: socket.socket) -> None:
        there = far.getsockname()
        for data in messages:
            near.sendto(data, there)
            far.recvfrom(_LARGEST)

    return _between_sockets(rounds, there, phones)


def _between_sockets(
    rounds: int, act: Callable[[socket.socket, socket.socket], None], count: int
) -> float:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        for end in near, far:
            end.bind(("127.0.0.1", 0))
        return best(rounds, lambda: act(near, far), count)
