"""Sockets on loopback, and the thread that reads them."""

import contextlib
import queue
import socket

import pytest

from tests.peers.text import Address
from tests.peers.wire import Pump, TcpPort, UdpPort, connect, placed_in

ANY = Address("127.0.0.1", 0)
MESSAGE = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def pump():
    made = Pump()
    yield made
    made.close()


@pytest.fixture
def inbox():
    return queue.Queue()


@pytest.fixture
def deliver(inbox):
    return lambda data, origin: inbox.put((data, origin))


def test_datagram_and_its_reply(pump, inbox, deliver):
    one = UdpPort(pump, socket.socket, ANY, role="one", deliver=deliver)
    two = UdpPort(pump, socket.socket, ANY, role="two", deliver=deliver)
    one.send(MESSAGE, two.local)
    data, origin = inbox.get(timeout=5)
    assert (data, origin.role, origin.transport) == (MESSAGE, "two", "UDP")
    assert (origin.local, origin.remote) == (two.local, one.local)
    origin.reply(b"back")
    data, origin = inbox.get(timeout=5)
    assert (data, origin.role) == (b"back", "one")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_connection_both_ways(pump, inbox, deliver, host):
    port = TcpPort(pump, socket.socket, Address(host, 0), role="server", deliver=deliver)
    local = Address(host, 0)
    link = connect(pump, socket.socket, local, port.local, role="client", deliver=deliver)
    link.send(MESSAGE[:9])
    link.send(MESSAGE[9:])
    data, origin = inbox.get(timeout=5)
    assert (data, origin.role, origin.remote) == (MESSAGE, "server", link.origin.local)
    origin.reply(MESSAGE)
    assert inbox.get(timeout=5)[1].role == "client"
    port.close()
    assert link.closed.wait(5)


def test_unframeable_stream_is_delivered_and_closed(pump, inbox, deliver):
    port = TcpPort(pump, socket.socket, ANY, role="server", deliver=deliver)
    link = connect(pump, socket.socket, ANY, port.local, role="client", deliver=deliver)
    link.send(b"nonsense\r\n\r\n")
    assert inbox.get(timeout=5)[0] == b"nonsense\r\n\r\n"
    assert link.closed.wait(5)


def test_port_in_use(pump, deliver):
    taken = UdpPort(pump, socket.socket, ANY, role="one", deliver=deliver)
    with pytest.raises(OSError, match="in use"):
        UdpPort(pump, socket.socket, taken.local, role="two", deliver=deliver)


def test_nobody_listens(pump, deliver):
    with pytest.raises(ConnectionRefusedError):
        connect(pump, socket.socket, ANY, Address("127.0.0.1", 1), role="c", deliver=deliver)


def test_sockets_are_made_inside():
    steps = []

    @contextlib.contextmanager
    def entered():
        steps.append("in")
        yield
        steps.append("out")

    placed_in(entered)(socket.AF_INET, socket.SOCK_DGRAM).close()
    assert steps == ["in", "out"]
