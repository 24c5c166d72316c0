import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcscf.errors import ParseError
from pcscf.sip.sdp import Attribute, Sdp

OFFER = b"""v=0
o=- 1 1 IN IP4 192.0.2.10
s=-
c=IN IP4 192.0.2.10
t=0 0
a=sendrecv
m=audio 49120/2 RTP/AVP 97  0 8
b=AS:49
a=rtpmap:97 AMR/8000/1
a=maxptime:240
m=message 7654 TCP/MSRP *
a=path:msrp://192.0.2.10:7654/s1;tcp
""".replace(b"\n", b"\r\n")

ends = st.sampled_from([b"\r\n", b"\n", b"\r\r\n", b""])
lines = st.sampled_from(
    [b"a=x", b"m=audio 1 RTP/AVP 0", b"a=\xff:\xc3\x28", b"", b"\r", b"m=", b"x"]
)
bodies = st.lists(st.tuples(lines | st.binary(max_size=9), ends), max_size=12).map(
    lambda parts: b"v=0\r\n" + b"".join(text + end for text, end in parts)
)


def test_sections_are_found() -> None:
    sdp = Sdp.parse(OFFER)
    assert sdp.session == [Attribute(5, "sendrecv", "")]
    audio, message = sdp.media
    assert (audio.place, audio.media, audio.port, audio.proto) == (6, "audio", "49120/2", "RTP/AVP")
    assert audio.formats == ("97", "0", "8")
    assert audio.attributes == [
        Attribute(8, "rtpmap", "97 AMR/8000/1"),
        Attribute(9, "maxptime", "240"),
    ]
    assert (message.media, message.proto, message.formats) == ("message", "TCP/MSRP", ("*",))
    assert message.attributes == [Attribute(11, "path", "msrp://192.0.2.10:7654/s1;tcp")]


def test_an_edit_touches_one_line() -> None:
    sdp = Sdp.parse(OFFER)
    audio = sdp.media[0]
    sdp.replace(audio.place, audio.line_without({"0", "49120/2"}))
    sdp.remove(audio.attributes[0].place)
    sdp.replace(audio.attributes[1].place, "a=maxptime:40")
    assert sdp.to_bytes() == (
        OFFER.replace(b"97  0 8", b"97  8")
        .replace(b"a=rtpmap:97 AMR/8000/1\r\n", b"")
        .replace(b":240", b":40")
    )


@pytest.mark.parametrize("text", ["a=x\r\nm=audio 1 RTP/AVP 0", "a=\n", "a=\r"])
def test_an_edit_makes_no_further_line(text: str) -> None:
    with pytest.raises(ValueError, match="line ends"):
        Sdp.parse(OFFER).replace(3, text)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r\r\n"])
def test_an_edited_line_keeps_its_end(end: bytes) -> None:
    sdp = Sdp.parse(b"v=0\na=ptime:40" + end)
    sdp.replace(1, "a=ptime:20")
    assert sdp.to_bytes() == b"v=0\na=ptime:20" + end


def test_a_cr_by_itself_ends_no_line() -> None:
    sdp = Sdp.parse(b"v=0\r\na=x:1\rm=audio 1 RTP/AVP 0\r\na=y")
    assert sdp.media == []
    assert [a.name for a in sdp.session] == ["x", "y"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"m=", ("", "", "", ())),
        (b"m=audio", ("audio", "", "", ())),
        (b"m=audio 1", ("audio", "1", "", ())),
        (b"m=audio 0 RTP/AVP", ("audio", "0", "RTP/AVP", ())),
        (b"m= audio 1 RTP/AVP 0", ("", "audio", "1", ("RTP/AVP", "0"))),
        (b"m=audio 1 RTP/AVP 0 ", ("audio", "1", "RTP/AVP", ("0",))),
        (b"m=audio\t1 RTP/AVP 0", ("audio\t1", "RTP/AVP", "0", ())),
    ],
)
def test_what_an_m_line_lacks_is_empty(line: bytes, found: tuple[object, ...]) -> None:
    (section,) = Sdp.parse(b"v=0\r\n" + line).media
    assert (section.media, section.port, section.proto, section.formats) == found
    assert section.line_without(set()).encode() == line


@pytest.mark.parametrize("body", [b"", b"\r\nv=0\r\n", b"<xml/>", b"V=0", b"v", b"o=-\r\nv=0"])
def test_other_bodies_are_no_sdp(body: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        Sdp.parse(body)
    assert caught.value.status == 400


def test_the_number_of_lines_is_bounded() -> None:
    assert len(Sdp.parse(b"v=0\n" + b"m=\n" * 2047).media) == 2047
    with pytest.raises(ParseError, match="Too Many"):
        Sdp.parse(b"v=0\n" + b"m=\n" * 2048)


@given(bodies)
def test_what_is_not_edited_is_the_same_bytes(body: bytes) -> None:
    assert Sdp.parse(body).to_bytes() == body


@given(bodies)
def test_removing_a_line_leaves_the_others(body: bytes) -> None:
    whole = body.split(b"\n")
    places = [place for place, line in enumerate(whole) if line.startswith(b"a=")]
    sdp = Sdp.parse(body)
    found = [a.place for list_ in (sdp.session, *(m.attributes for m in sdp.media)) for a in list_]
    assert found == places
    for place in places:
        sdp.remove(place)
    with_ends = [line + b"\n" for line in whole[:-1]] + whole[-1:]
    kept = [line for place, line in enumerate(with_ends) if place not in places]
    assert sdp.to_bytes() == b"".join(kept)
