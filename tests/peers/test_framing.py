"""Messages cut out of a stream: whole, octet by octet, with keep-alives between."""

import pytest

from tests.peers.framing import Framer

FIRST = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 2\r\n\r\nhi"
SECOND = b"SIP/2.0 200 OK\r\nl : 0\r\n\r\n"


def test_two_messages_at_once():
    assert Framer().feed(FIRST + SECOND) == [FIRST, SECOND]


def test_octet_by_octet():
    framer = Framer()
    found = [message for octet in FIRST + SECOND for message in framer.feed(bytes([octet]))]
    assert found == [FIRST, SECOND]


def test_keep_alives_are_counted():
    framer = Framer()
    assert framer.feed(b"\r\n\r\n" + FIRST + b"\r\n\r\n" + SECOND) == [FIRST, SECOND]
    assert framer.pings == 2
    assert framer.feed(b"\r\n") == []
    assert framer.feed(FIRST) == [FIRST]


def test_no_length():
    with pytest.raises(ValueError, match="Content-Length"):
        Framer().feed(b"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n")
