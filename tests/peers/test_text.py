"""The peers' own SIP text."""

import pytest

from tests.peers.text import (
    Address,
    Message,
    auth_parameters,
    host_port,
    make_response,
    parameters,
    parse,
    sent_by,
    split,
    uri_of,
    uri_parameters,
)

REQUEST = (
    b"MESSAGE sip:a@b SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1, SIP/2.0/TCP [2001:db8::1];branch=z9hG4bK2\r\n"
    b"f: <sip:x@y>;tag=1\r\n"
    b"t: <sip:a@b>\r\n"
    b"i: call\r\n"
    b"CSeq: 7 MESSAGE\r\n"
    b"Subject: one\r\n"
    b"  two\r\n"
    b"l: 2\r\n"
    b"\r\n"
    b"hi"
)


def test_request_is_read():
    message = parse(REQUEST)
    assert (message.method, message.uri, message.status) == ("MESSAGE", "sip:a@b", 0)
    assert message.branch == "z9hG4bK1"
    assert len(message.elements("via")) == 2
    assert message.header("subject") == "one two"
    assert message.cseq == (7, "MESSAGE")
    assert message.body == b"hi"
    assert "call-id" in message
    assert "route" not in message


def test_response_to_a_request_is_read_back():
    made = make_response(parse(REQUEST), 486, "Busy Here", [("Retry-After", "5")], to_tag="t")
    message = parse(made.to_bytes())
    assert (message.status, message.method) == (486, "MESSAGE")
    assert message.elements("via") == parse(REQUEST).elements("via")
    assert message.header("to") == "<sip:a@b>;tag=t"
    assert message.header("content-length") == "0"
    assert message.header("retry-after") == "5"


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"MESSAGE sip:a@b SIP/2.0\r\nno colon\r\n\r\n",
        b"MESSAGE sip:a@b SIP/2.0\r\nVia: x\r\n",
        b"MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_no_message(data):
    with pytest.raises(ValueError, match=r"no |Content-Length"):
        parse(data)


def test_odd_octets_survive():
    data = b"MESSAGE sip:a@b SIP/2.0\r\nSubject: \xff\xc3\xa4\r\nContent-Length: 0\r\n\r\n"
    assert parse(data).to_bytes() == data


def test_length_is_added_once():
    assert (
        Message("OPTIONS sip:a SIP/2.0", [("Content-Length", "9")]).to_bytes().count(b"ength") == 1
    )
    assert b"Content-Length: 2\r\n\r\nhi" in Message("OPTIONS sip:a SIP/2.0", [], b"hi").to_bytes()


def test_missing_header():
    with pytest.raises(KeyError, match="no call-id"):
        Message("OPTIONS sip:a SIP/2.0").header("call-id")


def test_split_respects_quotes_and_brackets():
    value = '"Last, First" <sip:a@b;c=d,e>;x=1, <sip:c@d> ,, sip:e@f'
    assert split(value) == ['"Last, First" <sip:a@b;c=d,e>;x=1', "<sip:c@d>", "sip:e@f"]
    assert split(r'a="\",";b', ";") == [r'a="\","', "b"]


def test_parameters():
    assert parameters('<sip:a@b;lr>;Tag=1; q="0.5" ;sos') == {"tag": "1", "q": "0.5", "sos": ""}
    assert uri_parameters("sip:a@b;lr;transport=TCP?x=y") == {"lr": "", "transport": "TCP"}


def test_auth_parameters_do_not_look_into_quotes():
    value = 'Digest realm="r, ck=\\"1\\"", CK = "aa",\tik=bb , nonce="a=b=="'
    assert auth_parameters(value) == {
        "realm": 'r, ck="1"',
        "ck": "aa",
        "ik": "bb",
        "nonce": "a=b==",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:u@192.0.2.1:5070;lr", Address("192.0.2.1", 5070)),
        ("sips:[2001:db8::1]", Address("2001:db8::1", 5060)),
        ("sip:user;x=1@host.example", Address("host.example", 5060)),
        ("localhost:1", Address("localhost", 1)),
    ],
)
def test_host_port(text, expected):
    assert host_port(text) == expected


def test_no_host():
    with pytest.raises(ValueError, match="no host"):
        host_port("sip:")


def test_addresses_print_as_in_a_uri():
    assert str(Address("2001:db8::1", 5060)) == "[2001:db8::1]:5060"
    assert str(Address("192.0.2.1", 5060)) == "192.0.2.1:5060"


def test_sent_by():
    assert sent_by("SIP / 2.0 / TCP [::1]:6; branch=x") == ("TCP", Address("::1", 6))
    assert sent_by("SIP/2.0/UDP h;branch=x") == ("UDP", Address("h", 5060))


def test_uri_of():
    assert uri_of('"A <b>" <sip:a@b>;x') == "sip:a@b"
    assert uri_of("sip:a@b;tag=1") == "sip:a@b"
