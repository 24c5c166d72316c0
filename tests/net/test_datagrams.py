"""Datagrams in bulk and one by one: the same to see."""

import socket
from collections.abc import Iterator

import pytest

from pcscf.net import datagrams
from pcscf.net.datagrams import MOST, receive, send

LARGEST = 65507  # octets that UDP over IPv4 can carry


@pytest.fixture(params=[False, True], ids=["one by one", "in bulk"])
def in_bulk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """In bulk only where it is built: what is tested then is what there is."""
    wanted = bool(request.param) and datagrams.IN_BULK
    monkeypatch.setattr(datagrams, "IN_BULK", wanted)
    return wanted


def bound(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    made.bind((host, 0))
    return made


@pytest.fixture(params=["127.0.0.1", "::1"])
def pair(in_bulk: bool, request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, ...]]:
    with bound(request.param) as one, bound(request.param) as other:
        yield one, other


def test_all_arrive_in_order_with_their_source(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    texts = [b"%d" % number for number in range(2 * MOST)]
    left = [(text, other.getsockname()[:2]) for text in texts]
    while left:
        left = left[send(one, left) :]
    received = [*receive(other, 100), *receive(other, 100)]
    assert received == [(text, one.getsockname()) for text in texts]
    with pytest.raises(BlockingIOError):
        receive(other, 100)


def test_sizes_from_nothing_to_the_largest(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    for data in b"", b"x" * 1024, bytes(range(256)) * 255 + b"x" * 227:
        assert send(one, [(data, other.getsockname()[:2])]) == 1
        assert receive(other, LARGEST + 1) == [(data, one.getsockname())]
    assert send(one, [(b"0123456789", other.getsockname()[:2])]) == 1
    assert receive(other, 4) == [(b"0123", one.getsockname())]


def test_what_cannot_be_sent_is_an_error_once_it_is_the_first(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    one, other = pair
    to = other.getsockname()[:2]
    left = [(b"1", to), (b"x" * 70_000, to), (b"3", to)]
    assert send(one, left) == 1
    with pytest.raises(OSError, match="too long"):
        send(one, left[1:])
    assert send(one, left[2:]) == 1
    assert [data for data, _ in receive(other, 100)] == [b"1", b"3"]


def test_an_error_of_the_network_is_raised(in_bulk: bool) -> None:
    with bound("127.0.0.1") as one, bound("127.0.0.1") as gone:
        one.connect(gone.getsockname())
        gone.close()
        one.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            receive(one, 100)


def test_a_link_local_peer_is_named_with_its_scope(in_bulk: bool) -> None:
    """The bulk call takes numbers alone; the other one is used."""
    with bound("::1") as one, pytest.raises(OSError, match=r"not known|No such device"):
        send(one, [(b"x", ("fe80::1%no-such-interface", 5060))])
