from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcscf.errors import ParseError
from pcscf.sip.limits import Limits
from pcscf.sip.message import Request, Response, content_length, new_request, parse
from tests.sip import samples
from tests.sip.strategies import messages

SMALL = samples.wire("""
OPTIONS sip:b@example.org SIP/2.0
v: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2
Route: <sip:one@x,y;lr>  ,  <sip:two;lr>
SUBJECT :  hello
  world\t
Via: SIP/2.0/TCP c
route: "a, b" <sip:three;lr>
""")


def request(data: bytes = SMALL) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def lines(data: bytes) -> list[bytes]:
    return data.split(b"\r\n")


# reading


def test_reads_values_of_any_spelling() -> None:
    message = request()
    assert (message.method, message.uri) == ("OPTIONS", "sip:b@example.org")
    assert message.get("subject") == "hello world"
    assert message.get("x-none") is None
    assert message.values("via") == [
        "SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2",
        "SIP/2.0/TCP c",
    ]
    assert message.elements("route") == [
        "<sip:one@x,y;lr>",
        "<sip:two;lr>",
        '"a, b" <sip:three;lr>',
    ]
    assert "route" in message
    assert "contact" not in message
    assert set(message.names()) == {"via", "route", "subject"}


def test_reads_a_response() -> None:
    response = parse(samples.CHALLENGE)
    assert isinstance(response, Response)
    assert (response.status, response.reason) == (401, "Unauthorized")


@pytest.mark.parametrize("data", samples.ALL)
def test_samples_keep_their_bytes(data: bytes) -> None:
    assert parse(data).to_bytes() == data


@settings(max_examples=200)
@given(messages())
def test_any_message_keeps_its_bytes(data: bytes) -> None:
    assert parse(data).to_bytes() == data


@given(messages(length=True), st.binary(max_size=20))
def test_octets_behind_the_body_are_dropped(data: bytes, more: bytes) -> None:
    assert parse(data + more).to_bytes() == data


@given(messages(length=True))
def test_a_body_shorter_than_it_says_is_refused(data: bytes) -> None:
    if len(parse(data).body) > 0:
        with pytest.raises(ParseError, match="400 Body Shorter"):
            parse(data[:-1])


def test_line_ends_before_the_start_line_are_dropped() -> None:
    assert parse(b"\r\n\r\n" + SMALL).to_bytes() == SMALL


# refusing


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"OPTIONS sip:b SIP/2.0\r\n",  # no empty line
        b"OPTIONS sip:b SIP/2.0\nVia: x\r\n\r\n",
        b"OPTIONS sip:b SIP/2.0\r\nSubject: a\nVia: x\r\n\r\n",
        b"OPTIONS sip:b SIP/2.0\r\nSubject: a\rVia: x\r\n\r\n",
        b"OPTIONS sip:b SIP/2.0\r\n Via: x\r\n\r\n",  # folded start line
        b"OPTIONS sip:b SIP/2.0\r\nSubject\r\n\r\n",
        b"OPTIONS sip:b SIP/2.0\r\n: x\r\n\r\n",
        b"OPTIONS sip:b SIP/2.0\r\nSub ject: x\r\n\r\n",
        b"OPTIONS sip:b SIP/2.0\r\n\xe2\x84\xaa: kelvin sign is no k\r\n\r\n",
        b"OPTIONS  SIP/2.0\r\n\r\n",
        b"OPT(IONS sip:b SIP/2.0\r\n\r\n",
        b"OPTIONS sip:b HTTP/1.1\r\n\r\n",
        b"SIP/2.0 99 x\r\n\r\n",
        b"SIP/2.0 700 x\r\n\r\n",
        b"SIP/2.0 2x0 x\r\n\r\n",
        b"SIP/3.0 200 x\r\n\r\n",
        b"OPTIONS sip:b SIP/2.0\r\nl: -1\r\n\r\n",
        b"OPTIONS sip:b SIP/2.0\r\nl: \xd9\xa1\r\n\r\n",  # ARABIC-INDIC DIGIT ONE
        b"OPTIONS sip:b SIP/2.0\r\nl: 0\r\nContent-Length: 1\r\n\r\nx",
        b"OPTIONS sip:b SIP/2.0\r\nl: " + b"9" * 5000 + b"\r\n\r\n",
    ],
)
def test_malformed_is_refused_with_400_and_its_head(data: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        parse(data)
    assert caught.value.status == 400
    assert caught.value.head == data.lstrip(b"\r\n").partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    "limits",
    [Limits(max_message=len(SMALL) - 1), Limits(max_headers=4), Limits(max_line=60)],
    ids=["message", "headers", "line"],
)
def test_more_than_the_limits_is_refused_with_513(limits: Limits) -> None:
    parse(SMALL)
    with pytest.raises(ParseError) as caught:
        parse(SMALL, limits)
    assert caught.value.status == 513


def test_the_limits_themselves_pass() -> None:
    longest = max(map(len, SMALL.decode().split("\r\n")))
    parse(SMALL, Limits(max_message=len(SMALL), max_headers=5, max_line=longest))


def test_content_length_given_twice_alike_is_one() -> None:
    assert content_length(["5", "005"]) == 5
    assert content_length([]) is None


# editing


def test_set_changes_the_first_line_and_drops_the_others() -> None:
    message = request()
    message.set("route", "<sip:new;lr>")
    expected = [line for line in lines(SMALL) if not line.startswith(b"route")]
    expected[2] = b"Route: <sip:new;lr>"
    assert lines(message.to_bytes()) == expected


def test_set_of_an_absent_header_is_the_last_line() -> None:
    message = request()
    message.set("p-charging-vector", "icid-value=1")
    assert message.to_bytes() == SMALL[:-2] + b"P-Charging-Vector: icid-value=1\r\n\r\n"


def test_replace_keeps_the_name_as_spelled() -> None:
    message = request()
    message.replace("via", 0, "new")
    message.replace("route", 1, "other")
    assert b"\r\nv: new\r\n" in message.to_bytes()
    assert b"\r\nroute: other\r\n" in message.to_bytes()
    with pytest.raises(IndexError):
        message.replace("via", 2, "x")
    with pytest.raises(KeyError):
        message.replace("x-none", 0, "x")


def test_prepend_and_append() -> None:
    message = request()
    message.prepend("via", "top")
    message.append("via", "bottom")
    message.prepend("record-route", "<sip:rr>")
    message.append("x-last", "1")
    assert message.values("via")[0] == "top"
    assert message.values("via")[-1] == "bottom"
    got = lines(message.to_bytes())
    assert got[1] == b"Record-Route: <sip:rr>"
    assert got[2:4] == [b"Via: top", lines(SMALL)[1]]
    assert got[got.index(b"Via: SIP/2.0/TCP c") + 1] == b"Via: bottom"
    assert got[-3] == b"X-Last: 1"


def test_remove_takes_the_folded_part_too() -> None:
    message = request()
    message.remove("subject")
    message.remove("subject")
    assert "subject" not in message
    assert b"hello" not in message.to_bytes()
    assert b"world" not in message.to_bytes()


def test_pop_element_to_the_end() -> None:
    message = request()
    assert [message.pop_element("route") for _ in range(3)] == [
        "<sip:one@x,y;lr>",
        "<sip:two;lr>",
        '"a, b" <sip:three;lr>',
    ]
    assert "route" not in message
    with pytest.raises(KeyError):
        message.pop_element("route")


def test_pop_element_leaves_the_rest_of_its_line() -> None:
    message = request()
    assert message.pop_element("via") == "SIP/2.0/UDP a;branch=z9hG4bK1"
    assert lines(message.to_bytes())[1] == b"v: SIP/2.0/UDP b;branch=z9hG4bK2"
    assert message.via.host == "b"


def test_pop_element_skips_empty_elements_and_lines() -> None:
    message = request(samples.wire("OPTIONS sip:b SIP/2.0\nRoute:\nRoute: , <sip:a>, ,"))
    assert message.pop_element("route") == "<sip:a>"
    assert "route" not in message


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nb", "a\r"])
@pytest.mark.parametrize("edit", ["set", "append", "prepend"])
def test_values_with_line_ends_are_not_taken(edit: str, value: str) -> None:
    message = request()
    for name in ("route", "x-new"):
        with pytest.raises(ValueError, match="line ends"):
            getattr(message, edit)(name, value)
    with pytest.raises(ValueError, match="line ends"):
        message.replace("route", 0, value)
    assert message.to_bytes() == SMALL


EDITS = st.tuples(
    st.sampled_from(["set", "prepend", "append", "remove", "pop", "replace"]),
    st.sampled_from(["via", "route", "contact", "subject", "x-own", "x-absent"]),
)


@settings(max_examples=200)
@given(messages(length=True), EDITS)
def test_an_edit_changes_its_own_line_only(data: bytes, edit: tuple[str, str]) -> None:
    verb, name = edit
    message = parse(data)
    before = {other: message.lines(other) for other in message.names() if other != name}
    order = _order(message.to_bytes(), before)
    if verb == "remove":
        message.remove(name)
    elif verb == "pop":
        if not message.elements(name):
            return
        message.pop_element(name)
    elif verb == "replace":
        if name not in message:
            return
        message.replace(name, 0, "changed")
    else:
        getattr(message, verb)(name, "changed")
    again = parse(message.to_bytes())
    assert {other: again.lines(other) for other in again.names() if other != name} == before
    assert again.lines(name) == message.lines(name)
    assert _order(message.to_bytes(), before) == order
    assert again.body == message.body
    assert again.start_line == message.start_line


def _order(data: bytes, kept: dict[str, list[str]]) -> list[str]:
    head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")
    return [line for line in head.split("\r\n") if any(line in group for group in kept.values())]


@given(st.lists(st.tuples(EDITS, st.text("abc", max_size=3)), max_size=12))
def test_many_edits_agree_with_a_plain_list(edits: list[tuple[tuple[str, str], str]]) -> None:
    message = request(samples.INVITE)
    model = [(name, value) for name in message.names() for value in message.values(name)]
    for (verb, name), value in edits:
        own = [old for key, old in model if key == name]
        others = [item for item in model if item[0] != name]
        if verb == "set":
            message.set(name, value)
            own = [value]
        elif verb == "prepend":
            message.prepend(name, value)
            own = [value, *own]
        elif verb == "append":
            message.append(name, value)
            own = [*own, value]
        elif verb == "remove":
            message.remove(name)
            own = []
        else:
            continue
        model = [*others, *((name, old) for old in own)]
        assert message.values(name) == own
    again = parse(message.to_bytes())
    for key in {key for key, _ in model}:
        assert again.values(key) == [old for own_key, old in model if own_key == key]


# views


def test_views_are_kept_until_their_header_is_edited() -> None:
    message = request(samples.REGISTER)
    via = message.via
    assert message.via is via
    message.set("expires", "1")
    assert message.via is via
    message.prepend("via", "SIP/2.0/TCP [2001:db8::1]:5060;branch=z9hG4bKx")
    assert message.via.host == "[2001:db8::1]"
    message.set("from", "<sip:other@example.org>;tag=2")
    assert message.from_.tag == "2"


def test_views_of_a_register() -> None:
    message = request(samples.REGISTER)
    assert (message.cseq.number, message.cseq.method) == (1, "REGISTER")
    assert message.to.tag is None
    assert message.call_id == "apb03a0s09dkjdfglkj49111@192.0.2.10"
    assert message.contacts[0].sip_uri.port == 5060


@pytest.mark.parametrize("name", ["via", "cseq", "from_", "to", "call_id"])
def test_a_missing_or_bad_header_raises(name: str) -> None:
    message = request()
    message.remove("via")
    with pytest.raises(ParseError, match="400 Missing"):
        getattr(message, name)
    message.set(name.rstrip("_").replace("_", "-"), "a b")
    with pytest.raises(ParseError, match="400 Bad"):
        getattr(message, name)


# the whole


def test_setting_the_body_sets_its_length() -> None:
    message = request(samples.INVITE)
    message.body = b"v=0\r\no=-\r\n"
    assert message.get("content-length") == "10"
    assert message.to_bytes().endswith(b"\r\nl: 10\r\n\r\nv=0\r\no=-\r\n")


def test_ensure_content_length_adds_it_once() -> None:
    message = request(SMALL + b"12345")
    message.ensure_content_length()
    message.ensure_content_length()
    assert message.values("content-length") == ["5"]


def test_setting_the_uri_changes_the_start_line_only() -> None:
    message = request()
    message.uri = "sip:192.0.2.1:40002"
    first, *rest = lines(message.to_bytes())
    assert first == b"OPTIONS sip:192.0.2.1:40002 SIP/2.0"
    assert rest == lines(SMALL)[1:]
    for bad in ("", "sip:a b", "sip:a\r\nx"):
        with pytest.raises(ValueError, match="Request-URI"):
            message.uri = bad


@pytest.mark.parametrize("data", samples.ALL)
def test_a_copy_is_independent(data: bytes) -> None:
    message = parse(data)
    via = message.via
    twin = message.copy()
    assert twin.via == via
    twin.set("via", "x")
    twin.append("x-new", "1")
    twin.body = b"other"
    assert message.to_bytes() == data
    assert "x-new" not in message
    assert message.via == via
    assert type(twin) is type(message)
    assert twin.start_line == message.start_line
    assert parse(twin.to_bytes()).body == b"other"


def test_repr_shows_no_header() -> None:
    assert "ck=" not in repr(parse(samples.CHALLENGE))


def test_new_request() -> None:
    made = new_request(
        "SUBSCRIBE", "sip:a@example.org", [("Via", "SIP/2.0/UDP h"), ("call-id", "1@h")], b"x"
    )
    assert made.to_bytes() == (
        b"SUBSCRIBE sip:a@example.org SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCall-ID: 1@h\r\n"
        b"Content-Length: 1\r\n\r\nx"
    )


def test_cutting_a_message_anywhere_is_refused_or_shorter_by_its_body() -> None:
    for data in samples.ALL:
        head = data.index(b"\r\n\r\n") + 4
        for end, _ in pairwise(range(head)):
            with pytest.raises(ParseError):
                parse(data[:end])


def test_a_response_is_given_another_status() -> None:
    response = Response("SIP/2.0 486 Busy Here", ["Via: SIP/2.0/UDP a"])
    twin = response.copy()
    response.restate(480, "Gone")
    assert (response.status, response.reason) == (480, "Gone")
    assert response.to_bytes() == b"SIP/2.0 480 Gone\r\nVia: SIP/2.0/UDP a\r\n\r\n"
    assert twin.start_line == "SIP/2.0 486 Busy Here"
    with pytest.raises(ValueError, match="line ends"):
        response.restate(480, "Gone\r\nX: y")
