"""CPU of one registration, in microseconds: SIP work, sending, and the machine's yardstick."""

import socket
import time
from collections.abc import Callable

from pcscf.sip.message import parse
from tests.bench.players import Player, best, register

PHONES = 400
ROUNDS = 5
_SENDS = 4  # two REGISTERs up, a 401 and a 200 down


def decide() -> float:
    """All of ``Edge.handle`` for the four messages of a registration, parsing included."""

    def measure() -> float:
        player = Player()
        register(player, PHONES)
        return player.seconds / PHONES * 1e6

    return best(ROUNDS, measure)


def parsing() -> float:
    """The part of ``decide`` that turns the four messages' octets into lines."""
    player = Player(keep=True)
    register(player, PHONES)

    def read() -> None:
        for data in player.inputs:
            parse(data)

    return best(ROUNDS, lambda: _seconds(read)) / PHONES * 1e6


def sending() -> float:
    """Four datagrams of a registration's size through a socket."""
    return _SENDS * _per_datagram(lambda near, far, data: near.sendto(data, far.getsockname()))


def echo() -> float:
    """A bare UDP echo, one datagram there and back: what this machine's sockets cost."""

    def both_ways(near: socket.socket, far: socket.socket, data: bytes) -> None:
        near.sendto(data, far.getsockname())
        received, peer = far.recvfrom(65535)
        far.sendto(received, peer)
        near.recvfrom(65535)

    return _per_datagram(both_ways)


def _per_datagram(act: Callable[[socket.socket, socket.socket, bytes], object]) -> float:
    count, data = 2000, b"x" * 1000

    def measure() -> float:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
        ):
            near.bind(("127.0.0.1", 0))
            far.bind(("127.0.0.1", 0))
            return _seconds(lambda: [act(near, far, data) for _ in range(count)])

    return best(ROUNDS, measure) / count * 1e6


def _seconds(act: Callable[[], object]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start
