from pathlib import Path

import pytest

from pcscf.decode.output import glance
from pcscf.errors import ParseError
from pcscf.sip.message import Request, parse
from tests.decode.samples import CHALLENGE, MESSAGE, OK, REGISTER, sip

TORTURE = sorted((Path(__file__).parents[2] / "sip" / "torture").glob("*/*.sip"))


@pytest.mark.parametrize(
    "line",
    ["Call-ID: a@b", "call-id:a@b", "i: a@b", "CALL-ID \t:  a@b  ", "Call-ID:\r\n  a@b"],
)
def test_the_call_id_however_it_is_spelled(line: str) -> None:
    assert glance.call_id(sip("OPTIONS sip:a SIP/2.0", "Via: x", line)) == "a@b"


def test_a_call_id_in_the_body_is_none() -> None:
    assert glance.call_id(sip("OPTIONS sip:a SIP/2.0", body=b"\r\nCall-ID: x\r\ni: y\r\n")) is None


def test_a_head_without_an_end_is_read_to_its_end() -> None:
    assert glance.call_id(b"OPTIONS sip:a SIP/2.0\r\nCall-ID: cut") == "cut"
    assert glance.call_id(b"OPTIONS sip:a SIP/2.0\r\nCall-ID: \xff") == "\N{REPLACEMENT CHARACTER}"


def test_the_method_of_requests_and_of_what_answers_them() -> None:
    assert [glance.method(one) for one in (REGISTER, CHALLENGE, MESSAGE)] == [
        "REGISTER", "REGISTER", "MESSAGE",
    ]  # fmt: skip
    assert glance.method(sip("SIP/2.0 200 OK")) == ""
    assert glance.method(sip("SIP/2.0 200 OK", "CSeq: 1")) == ""


def test_the_status() -> None:
    assert (glance.status(OK), glance.status(REGISTER)) == (200, None)
    assert glance.status(b"SIP/2.0 2x0 OK") is None
    assert glance.status(b"SIP/2.0 \xb2\xb2\xb2 OK") is None


@pytest.mark.parametrize("file", TORTURE, ids=lambda file: file.stem)
def test_a_glance_sees_what_the_parser_reads(file: Path) -> None:
    data = file.read_bytes().lstrip(b"\r\n")
    try:
        message = parse(data)
    except ParseError:
        glance.call_id(data), glance.method(data), glance.status(data)
        return
    expected = message.get("call-id")
    assert glance.call_id(data) == (expected and " ".join(expected.split()))
    if isinstance(message, Request):
        assert (glance.method(data), glance.status(data)) == (message.method, None)
    else:
        assert glance.status(data) == message.status
        assert glance.method(data) == (message.get("cseq") or "").split()[-1]
