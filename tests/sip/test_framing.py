import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcscf.errors import ParseError
from pcscf.sip.framing import Ping, StreamFramer
from pcscf.sip.limits import DEFAULT, Limits
from pcscf.sip.message import parse
from tests.garbage import no_garbage
from tests.sip import samples
from tests.sip.strategies import messages

Items = list[bytes | Ping]

between = st.sampled_from([b"", b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n", b"\r\n\r\n\r\n\r\n"])


def drain(parts: list[bytes], limits: Limits = DEFAULT) -> tuple[Items, str]:
    """Feed parts; give what came and the error, "" without one."""
    framer = StreamFramer(limits)
    items: Items = []
    try:
        for part in (*parts, b"", b""):
            items += framer.feed(part)
    except ParseError as error:
        return items, f"{error} {error.head!r}"
    return items, ""


def expected(stream: list[tuple[bytes, bytes]]) -> Items:
    items: Items = []
    for gap, message in stream:
        items += [Ping()] * (len(gap) // 4)
        items.append(message)
    return items


streams = st.lists(st.tuples(between, messages(length=True)), max_size=4)


@settings(max_examples=100)
@given(streams, st.data())
def test_the_same_messages_however_the_stream_is_cut(
    stream: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    whole = b"".join(gap + message for gap, message in stream)
    wanted = expected(stream)
    assert drain([whole]) == (wanted, "")
    assert drain([bytes([octet]) for octet in whole]) == (wanted, "")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert drain(parts) == (wanted, "")


@given(messages(length=True))
def test_what_is_framed_is_what_the_parser_reads(data: bytes) -> None:
    (framed,) = StreamFramer().feed(data)
    assert isinstance(framed, bytes)
    assert parse(framed).to_bytes() == framed


def test_trailing_data_waits() -> None:
    framer = StreamFramer()
    assert framer.feed(samples.REGISTER + samples.INVITE[:-1]) == [samples.REGISTER]
    assert framer.pending == len(samples.INVITE) - 1
    assert framer.feed(samples.INVITE[-1:]) == [samples.INVITE]
    assert framer.pending == 0


def test_pings_and_lone_line_ends() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n") == []
    assert framer.feed(b"\r\n") == [Ping()]
    assert framer.feed(b"\r\n" + samples.REGISTER) == [samples.REGISTER]
    assert framer.feed(b"\r\n\r\n" * 3) == [Ping()] * 3


BROKEN = [
    (b"OPTIONS sip:b SIP/2.0\r\nVia: x\r\n\r\n", "400 Missing Content-Length"),
    (b"OPTIONS sip:b SIP/2.0\r\nl: x\r\n\r\n", "400 Bad Content-Length"),
    (b"OPTIONS sip:b SIP/2.0\r\nl: 1, 1\r\n\r\n", "400 Bad Content-Length"),
    (b"OPTIONS sip:b SIP/2.0\r\nl:\r\nVia: 5\r\n\r\n", "400 Bad Content-Length"),
    (b"OPTIONS sip:b SIP/2.0\r\nl: -1\r\n\r\n", "400 Bad Content-Length"),
    (b"OPTIONS sip:b SIP/2.0\r\nl: 1\r\nContent-length: 2\r\n\r\n", "400 Conflicting"),
    (b"OPTIONS sip:b SIP/2.0\r\nl: " + b"9" * 5000 + b"\r\n\r\n", "400 Content-Length Out"),
    (b"OPTIONS sip:b SIP/2.0\r\nl: 57345\r\n\r\n", "413 Request Entity Too Large"),
    (
        b"OPTIONS sip:b SIP/2.0\r\nSubject: " + b"x" * 9000 + b"\r\nl: 57000\r\n\r\n",
        "513 Message Too Large",
    ),
    (b"x" * 40000, "513 Header Too Large"),
]


@pytest.mark.parametrize(("data", "error"), BROKEN)
def test_a_stream_that_cannot_be_followed(data: bytes, error: str) -> None:
    head = data[: DEFAULT.max_head].partition(b"\r\n\r\n")[0]
    for parts in ([data], [data[i : i + 1] for i in range(len(data))]):
        items, text = drain([samples.REGISTER, *parts])
        assert items == [samples.REGISTER]
        assert text.startswith(error)
        assert text.endswith(repr(head))


def test_what_was_whole_before_an_error_is_given_first() -> None:
    framer = StreamFramer()
    assert framer.feed(samples.REGISTER + BROKEN[0][0]) == [samples.REGISTER]
    for _ in range(2):
        with pytest.raises(ParseError, match="Missing Content-Length"):
            framer.feed(b"")
    assert framer.pending == 0


def test_a_broken_stream_is_let_go_with_its_error() -> None:
    with no_garbage():
        framer = StreamFramer()
        for data in (b"x" * 40000, b""):
            with pytest.raises(ParseError):
                framer.feed(data)
        del framer


@pytest.mark.parametrize("over", [0, 1])
def test_the_head_limit_is_the_same_however_cut(over: int) -> None:
    head = b"OPTIONS sip:b SIP/2.0\r\nl: 0\r\nSubject: " + b"x" * 100
    data = head + b"\r\n\r\n"
    limits = Limits(max_head=len(head) - over)
    whole = drain([data], limits)
    assert whole == drain([bytes([octet]) for octet in data], limits)
    assert whole[1].startswith("513 Header Too Large" if over else "")
    assert (whole[0] == [data]) is not bool(over)


def test_a_length_in_a_folded_line_or_the_body_is_none() -> None:
    text = b"OPTIONS sip:b SIP/2.0\r\nSubject: a\r\n l: 9\r\nX-l: 8\r\nl: 5\r\n\r\nl: 7\n"
    assert StreamFramer().feed(text) == [text]


def test_the_work_grows_with_the_stream_alone() -> None:
    slow = b"OPTIONS sip:b SIP/2.0\r\nSubject: " + b"x" * 30000
    big = b"OPTIONS sip:b SIP/2.0\r\nl: 50000\r\n\r\n" + b"x" * 50000
    began = time.process_time()
    for data in (slow, big, b"\r\n\r\n" * 20000, samples.REGISTER * 50):
        framer = StreamFramer()
        for place in range(0, len(data), 7):
            framer.feed(data[place : place + 7])
    StreamFramer().feed(samples.REGISTER * 1000)
    assert time.process_time() - began < 2
