import time

import pytest

from pcscf.decode.input.pieces import Piece
from pcscf.decode.input.sip_stream import SipStream, find_sip, is_sip, sip_in

BODY = b"v=0\r\n"
INVITE = b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c\r\nContent-Length: 5\r\n\r\n" + BODY
OK = b"SIP/2.0 200 OK\r\nl: 0\r\n\r\n"
NOTIFY = b"NOTIFY sip:a SIP/2.0\r\nContent-Length: 24\r\n\r\nSIP/2.0 100 Trying\r\nx: y"


def read(*pieces: bytes, stream: SipStream | None = None) -> list[bytes]:
    """Read pieces that follow each other; b"" is a gap."""
    stream = stream or SipStream()
    place, messages = 0, []
    for data in pieces:
        messages += stream.add(Piece(place, place + len(data), data, 1, 1)) if data else []
        place += len(data) or 100
    return messages


@pytest.mark.parametrize(
    "data",
    [
        INVITE,
        OK,
        b"REGISTER sip:x SIP/2.0\nTo: y\n\n",
        b"SIP/2.0 404 \r\n",
        b"OPTIONS sip:a SIP/2.0",
    ],
)
def test_datagrams_of_sip(data: bytes) -> None:
    assert is_sip(data)
    assert sip_in(data) == data
    assert sip_in(b"\r\n\r\n" + data) == data


@pytest.mark.parametrize(
    "data",
    [
        b"INVITE sip:a SIP/2.0 SIP/2.0\r\n\r\n",
        b"INVITE sip:a SIP/2.0 x\r\n\r\n",
        b"",
        b"\r\n\r\n",
        b"\x80\x60\x00\x01" + bytes(40),
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"SIP/2.0\r\n",
        b"SIP/2.0 two hundred\r\n",
        b"SIP/2.0/UDP\r\n",
        b"INVITE SIP/2.0\r\n",
        b"INVITE sip:a b SIP/2.0\r\n",
        b"IN\x00ITE sip:a SIP/2.0\r\n",
        b"A" * 40 + b" sip:a SIP/2.0\r\n",
        b"INVITE sip:" + b"a" * 9000 + b" SIP/2.0\r\n",
        b"invite sip:a@b SIP/3.0\r\n",
    ],
)
def test_what_is_no_sip(data: bytes) -> None:
    assert sip_in(data) is None
    assert read(data) == []


def test_a_start_line_is_found_among_other_lines() -> None:
    assert find_sip(b"Via: SIP/2.0/TCP a\r\n\r\n" + OK) == 22
    assert find_sip(b"x SIP/2.0\r\n" + INVITE) == 11
    assert find_sip(INVITE) == 0
    assert find_sip(b"xx " + OK) == -1
    assert find_sip(b"SIP/2.0 200 OK") == -1
    assert find_sip(b"SIP/2.0" + b"x" * 20_000 + b"\n" + OK) == 20_008


def test_messages_of_a_stream() -> None:
    assert read(INVITE + OK) == [INVITE, OK]
    assert read(INVITE[:70], INVITE[70:] + OK[:5], OK[5:]) == [INVITE, OK]


def test_messages_octet_by_octet() -> None:
    data = INVITE + b"\r\n\r\n" + OK + NOTIFY
    assert read(*(bytes([octet]) for octet in data)) == [INVITE, OK, NOTIFY]


def test_keep_alives_are_dropped() -> None:
    assert read(b"\r\n\r\n", b"\r\n", INVITE, b"\r\n\r\n", OK, b"\r\n") == [INVITE, OK]


def test_a_stream_from_its_middle_on() -> None:
    for place in range(1, len(INVITE)):
        assert read(INVITE[place:] + OK) == [OK]


def test_a_gap_costs_the_message_it_is_in() -> None:
    stream = SipStream()
    assert read(OK + INVITE[:30], b"", INVITE[50:] + OK, stream=stream) == [OK, OK]
    assert stream.broken == 1


def test_a_gap_between_messages_costs_nothing() -> None:
    stream = SipStream()
    assert read(OK, b"", INVITE, b"", OK, stream=stream) == [OK, INVITE, OK]
    assert stream.broken == 0


def test_another_connection_does_not_join_the_one_before() -> None:
    assert read(INVITE[:-2], b"", OK) == [OK]


@pytest.mark.parametrize("bad", [b"", b"Content-Length: x\r\n", b"l: 1\r\nl: 2\r\n"])
def test_a_message_without_a_length_is_given_up_to_its_body(bad: bytes) -> None:
    head = b"OPTIONS sip:a SIP/2.0\r\nTo: b\r\n" + bad + b"\r\n"
    stream = SipStream()
    assert read(OK + head + b"body\r\n" + OK, stream=stream) == [OK, head, OK]
    assert stream.broken == 1
    assert read(head[:25], head[25:] + OK, OK) == [head, OK, OK]


def test_garbage_between_messages_is_passed_over() -> None:
    garbage = b"\x16\x03\x01 not a message\r\n\r\n"
    assert read(OK + garbage + INVITE + OK) == [OK, INVITE, OK]
    assert read(OK + b"not a message\r\nl: 4\r\n\r\nbody" + OK) == [OK, OK]


def test_a_head_without_an_end_is_given_up() -> None:
    stream = SipStream()
    endless = b"OPTIONS sip:a SIP/2.0\r\n" + b"x: y\r\n" * 6000
    assert read(endless, b"\r\n\r\n" + OK, stream=stream) == [OK]
    assert stream.broken == 1
    assert stream.held < 8192


@pytest.mark.parametrize(
    "hostile",
    [
        b"A b SIP/2.0\r\n\r\n" * 4000,
        b"SIP/2.0" * 9000 + b"\n",
        (b"SIP/2.0" * 100 + b"\n") * 90,
        b"x" * 65000,
        b"SIP/2.0 200 \n" * 5000,
        b"A b SIP/2.0\r\nl: 70000\r\n\r\n" * 2500,
    ],
)
def test_hostile_streams_cost_bounded_time_and_memory(hostile: bytes) -> None:
    stream = SipStream()
    began = time.process_time()
    read(*[hostile] * 5, stream=stream)
    assert time.process_time() - began < 2
    assert stream.held < 140_000
