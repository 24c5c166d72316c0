"""Lines of a trace, read again."""

import io

import pytest

from pcscf.decode.model import Endpoint, Sa, SipMessage
from pcscf.decode.output.jsonl import Jsonl
from pcscf.errors import PcscfError
from pcscf.mirror.reader import Lost, Reader
from tests.decode.samples import START, sip

TEXT = sip("MESSAGE sip:b@c SIP/2.0", "Call-ID: one", "Subject: \u00fc", body=b"\xff\0")


def line(message: SipMessage) -> bytes:
    sink = io.BytesIO()
    Jsonl(sink).message(message)
    return sink.getvalue()


def message(sa: Sa | None = None, host: str = "192.0.2.1", number: int = 1) -> SipMessage:
    return SipMessage(number, START, Endpoint(host, 5060), Endpoint("::1", 1), "TCP", sa, TEXT)


def test_what_was_written_is_read_to_the_octet_and_the_nanosecond() -> None:
    assert Reader().read(line(message())) == message()


def test_messages_of_one_sa_share_it() -> None:
    reader = Reader()
    texts = [line(message(Sa(spi, "192.0.2.1", "::1"))) for spi in (7, 7, 8)]
    first, again, other = (reader.read(text) for text in texts)
    assert isinstance(first, SipMessage)
    assert isinstance(again, SipMessage)
    assert isinstance(other, SipMessage)
    assert first.sa is again.sa is not other.sa
    assert first.sa is not None
    assert (first.sa.spi, first.sa.src, first.sa.dst) == (7, "192.0.2.1", "::1")
    assert first.sa.ports == (5060, 1)
    assert [first.number, again.number, other.number] == [1, 2, 3]


def test_other_lines() -> None:
    reader = Reader()
    assert reader.read(b'{"type": "lost", "count": 3}\n') == Lost(3)
    assert reader.read(b"\n") is None
    assert reader.read(b'{"type": "summary", "schema": 1}') is None


@pytest.mark.parametrize(
    "text",
    [
        b"<html>",
        b"[]",
        b"7",
        b"{}",
        b"\xff",
        b'{"type": "message"}',
        b'{"type": "lost", "count": "many"}',
        line(message()).replace(b'"src": "192.0.2.1:5060"', b'"src": 7'),
        line(message()).replace(b":5060", b""),
        line(message()).replace(b'"time": ', b'"time": Infinity, "x": '),
        line(message()).replace(b'"raw": "', b'"raw": "!'),
        line(message()).replace(b'"spi": null', b'"spi": {}'),
    ],
)
def test_what_is_no_line_of_a_trace_is_told_in_a_line(text: bytes) -> None:
    with pytest.raises(PcscfError, match=r"^not a line of a trace: [A-Za-z]+$"):
        Reader().read(text)
