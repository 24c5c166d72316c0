"""Bound sockets, and what is said of those that cannot be."""

import socket

import pytest

from pcscf.core.flow import Endpoint, Transport
from pcscf.errors import StartError
from pcscf.net.sockets import bound, bound_at_start, endpoint, reset_on_close
from tests.net.support import HOST, PATIENCE, free_port


@pytest.mark.parametrize("transport", list(Transport))
@pytest.mark.parametrize("host", [HOST, "::1"])
def test_a_socket_is_bound_where_it_was_asked_to_be(transport, host):
    with bound(transport, Endpoint(host, 0)) as sock:
        assert endpoint(sock.getsockname()).host == host
        assert not sock.getblocking()


def test_the_receive_buffer_holds_a_burst():
    with bound(Transport.UDP, Endpoint(HOST, 0)) as sock, socket.socket(type=sock.type) as plain:
        size = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert size >= plain.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


@pytest.mark.parametrize("transport", list(Transport))
def test_a_port_in_use_is_named(transport):
    with bound(transport, Endpoint(HOST, 0)) as taken:
        if transport is Transport.TCP:
            taken.listen()
        local = endpoint(taken.getsockname())
        with pytest.raises(StartError) as caught:
            bound_at_start(transport, local)
    assert str(caught.value) == f"{transport} {local} is in use by another program"


@pytest.mark.parametrize("host", ["192.0.2.77", "2001:db8::77"])
def test_an_address_of_another_machine_is_named(host):
    with pytest.raises(StartError) as caught:
        bound_at_start(Transport.UDP, Endpoint(host, 5060))
    assert str(caught.value).startswith(f"UDP {Endpoint(host, 5060)} is no address of this machine")


def test_connections_share_a_port_with_a_listener_only_where_both_say_so():
    local = Endpoint(HOST, free_port())
    with bound(Transport.TCP, local, shared=True) as listener:
        listener.listen()
        with bound(Transport.TCP, local, shared=True):
            pass
        with pytest.raises(OSError, match="in use"):
            bound(Transport.TCP, local)


def test_one_port_connects_to_many_remotes():
    with bound(Transport.TCP, Endpoint(HOST, 0)) as first, socket.create_server((HOST, 0)) as one:
        first.setblocking(True)
        first.connect(one.getsockname())
        with (
            bound(Transport.TCP, endpoint(first.getsockname())) as second,
            socket.create_server((HOST, 0)) as other,
        ):
            second.setblocking(True)
            second.connect(other.getsockname())
            assert second.getsockname() == first.getsockname()


def test_a_reset_tells_the_peer_at_once():
    with socket.create_server((HOST, 0)) as listener:
        peer = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    peer.settimeout(PATIENCE)
    with peer:
        reset_on_close(ours)
        ours.close()
        with pytest.raises(ConnectionResetError):
            peer.recv(1)


def test_a_link_local_peer_keeps_its_interface():
    assert endpoint(("fe80::1", 5060, 0, 2)) == Endpoint("fe80::1%2", 5060)
    assert endpoint(("2001:db8::1", 5060, 0, 0)) == Endpoint("2001:db8::1", 5060)
