"""The load: a closed loop that notices what is lost and what is no 200."""

import contextlib
import socket
import threading

import pytest

from tests.bench.load import MARK, Load, LostError, ok

TEMPLATE = (
    f"MESSAGE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{MARK}\r\n"
    f"From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: {MARK}\r\nCSeq: 1 MESSAGE\r\n\r\nhi"
).encode()


def bound() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.settimeout(5)
    return made


def relayed(answer: bytes | None = None) -> Load:
    """A load through a proxy that passes everything on, or answers itself."""
    proxy, client, sink = bound(), bound(), bound()

    def relay() -> None:
        with proxy:
            pass_on()

    def pass_on() -> None:
        try:
            while True:
                data, source = proxy.recvfrom(65535)
                if answer is not None:
                    proxy.sendto(answer, source)
                elif source == client.getsockname():
                    proxy.sendto(data, sink.getsockname())
                else:
                    proxy.sendto(data, client.getsockname())
        except OSError:
            return

    threading.Thread(target=relay, daemon=True).start()
    return Load(TEMPLATE, proxy.getsockname(), client, client, sink)


def test_every_message_comes_back() -> None:
    with contextlib.closing(relayed()) as load:
        load.carry(100)


def test_another_answer_is_no_success() -> None:
    with (
        contextlib.closing(relayed(b"SIP/2.0 480 Gone\r\n\r\n")) as load,
        pytest.raises(LostError, match="480"),
    ):
        load.carry(1)


def test_an_answer_repeats_what_it_has_to() -> None:
    lines = ok(TEMPLATE).split(b"\r\n")
    assert lines[0] == b"SIP/2.0 200 OK"
    assert b"To: <sip:b@x>;tag=core" in lines
    assert lines[-3:] == [b"Content-Length: 0", b"", b""]
