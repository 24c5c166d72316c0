import contextlib
import socket

from tests.demo.recorder import Record, recording
from tests.demo.wiretap import Flow
from tests.peers.text import Address

HOST = "127.0.0.1"


def test_datagrams_are_noted_both_ways() -> None:
    record: Record = []
    make = recording(contextlib.nullcontext, record)
    with (
        make(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(type=socket.SOCK_DGRAM) as two,
    ):
        one.bind((HOST, 0))
        two.bind((HOST, 0))
        ends = Address(*one.getsockname()), Address(*two.getsockname())
        one.sendto(b"out", two.getsockname())
        two.sendto(b"in", one.getsockname())
        assert one.recvfrom(100)[0] == b"in"
    assert [(said.flow, said.data) for said in record] == [
        (Flow("UDP", ends[0], ends[1]), b"out"),
        (Flow("UDP", ends[1], ends[0]), b"in"),
    ]


def test_connections_are_noted_whoever_opened_them() -> None:
    record: Record = []
    make = recording(contextlib.nullcontext, record)
    with make(socket.AF_INET, socket.SOCK_STREAM) as port:
        port.bind((HOST, 0))
        port.listen()
        with make(socket.AF_INET, socket.SOCK_STREAM) as one:
            one.connect(port.getsockname())
            two, _ = port.accept()
            with two:
                one.sendall(b"hello")
                assert two.recv(100) == b"hello"
                flow = Flow("TCP", Address(*one.getsockname()), Address(*two.getsockname()))
    assert [(said.flow, said.data) for said in record] == [(flow, b"hello"), (flow, b"hello")]
