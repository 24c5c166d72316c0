"""Numbers drawn, and the protected ports that two sets share."""

import socket

import pytest

from tests.peers.agreement import Agreement, ProtectedPorts, draw
from tests.peers.registering import Knobs
from tests.peers.sas import Numbers
from tests.peers.wire import Pump

HOST = "127.35.0.1"


def test_drawn_numbers_are_fit_for_use():
    for _ in range(200):
        numbers = draw(None)
        assert numbers.spi_c != numbers.spi_s
        assert all(255 < spi < 1 << 32 for spi in numbers[:2])
        assert 1024 < numbers.port_c < 32768
        assert numbers.port_s == numbers.port_c + 1


def test_no_port_is_drawn_twice_in_a_row_of_draws():
    drawn = [port for _ in range(1000) for port in draw(None)[2:]]
    assert len(set(drawn)) == 2000


def test_server_port_is_kept_and_client_port_is_not():
    used = draw(None)
    for _ in range(50):
        again = draw(used)
        assert again.port_s == used.port_s
        assert again.port_c not in {used.port_c, used.port_s}


def test_shared_server_port_stays_open_until_its_last_user_goes():
    pump = Pump()
    ports = ProtectedPorts(pump, socket.socket, lambda data, origin: None)
    first, second = Numbers(1, 2, 21000, 21001), Numbers(3, 4, 21002, 21001)
    ports.open(HOST, first)
    ports.open(HOST, second)
    ports.close(first)

    def is_open(port: int, kind: socket.SocketKind) -> bool:
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                return True
        return False

    assert not is_open(21000, socket.SOCK_DGRAM)
    assert is_open(21001, socket.SOCK_DGRAM)
    assert is_open(21001, socket.SOCK_STREAM)
    ports.close(second)
    assert not is_open(21001, socket.SOCK_DGRAM)
    assert not is_open(21001, socket.SOCK_STREAM)
    pump.close()


def test_nothing_is_known_before_the_choice():
    fresh = Agreement(Numbers(1, 2, 3, 4), [], Knobs())
    with pytest.raises(ValueError, match="no mechanism"):
        fresh.make_sas("192.0.2.1", "192.0.2.2")
    with pytest.raises(ValueError, match="no mechanism"):
        _ = fresh.peer
