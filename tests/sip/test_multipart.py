import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcscf.errors import ParseError
from pcscf.sip.multipart import cut, media_type, read_part

MIXED = "multipart/mixed;boundary=b1"
BODY = (
    b"preamble --b1\r\n--b1x\r\n"
    b"--b1 \t\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"
    b"\r\n--b1\r\n\r\nplain --b1--\r\n--b10\r\n"
    b"\r\n--b1\r\nA: b\r\n\r\n"
    b"\r\n--b1--\r\nepilogue\r\n--b1\r\nnot a part\r\n--b1"
)
chunks = st.sampled_from(
    [
        b"--b1",
        b"--b1--",
        b"\r\n--b1\r\n",
        b"\r\n--b1--",
        b"\r\n",
        b" ",
        b"--",
        b"b1",
        b"\n",
        b"x: y",
    ]
)


def test_parts_are_found_between_delimiters() -> None:
    pieces = cut(BODY, MIXED)
    assert pieces[1::2] == [
        b"\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n",
        b"\r\n\r\nplain --b1--\r\n--b10\r\n",
        b"\r\nA: b\r\n\r\n",
    ]
    assert pieces[0] == b"preamble --b1\r\n--b1x\r\n--b1 \t"
    assert pieces[-1].startswith(b"\r\n--b1--\r\nepilogue")


def test_what_is_not_closed_is_no_part() -> None:
    assert cut(b"--b1\r\n\r\nv=0", MIXED) == [b"--b1\r\n\r\nv=0"]
    pieces = cut(b"--b1\r\n\r\nv=0\r\n--b1\r\n\r\nv=1", MIXED)
    assert pieces[1::2] == [b"\r\n\r\nv=0"]


@pytest.mark.parametrize(
    ("parameter", "delimiter"),
    [
        ('; Boundary="a b"', b"--a b"),
        (';charset=x; boundary=".*(?)+"', b"--.*(?)+"),
        (';boundary="a\\"b"', b'--a"b'),
        (";boundary=" + "x" * 70, b"--" + b"x" * 70),
        (";boundary=-", b"---"),
    ],
)
def test_a_boundary_is_taken_literally(parameter: str, delimiter: bytes) -> None:
    body = delimiter + b"\r\n\r\nyes\r\n" + delimiter + b"--"
    assert cut(body, "multipart/mixed" + parameter)[1] == b"\r\n\r\nyes"


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/mixed",
        "multipart/mixed;boundary",
        'multipart/mixed;boundary=""',
        "multipart/mixed;boundary=" + "x" * 71,
        "multipart/mixed;;",
    ],
)
def test_without_a_boundary_nothing_is_cut(content_type: str) -> None:
    with pytest.raises(ParseError):
        cut(BODY, content_type)


@given(st.lists(chunks).map(b"".join))
def test_pieces_join_to_the_body(body: bytes) -> None:
    pieces = cut(body, MIXED)
    assert b"".join(pieces) == body
    assert len(pieces) % 2 == 1
    for piece in pieces[1::2]:
        assert piece[:2] in {b"", b"\r\n"}


def test_a_part_is_read_and_printed_as_it_came() -> None:
    piece = b"\r\nCONTENT-TYPE:application/sdp\r\nX:\r\n y\r\n\r\nv=0\r\n\r\n"
    part = read_part(piece)
    assert part.get("content-type") == "application/sdp"
    assert part.body == b"v=0\r\n\r\n"
    assert part.to_bytes() == piece
    assert read_part(b"\r\n\r\ntext").to_bytes() == b"\r\n\r\ntext"


@pytest.mark.parametrize(
    "piece",
    [b"", b"\r\nA: b", b"\r\nA: b\nC: d\r\n\r\n", b"\r\nno colon\r\n\r\n", b"\r\n a: b\r\n\r\n"],
)
def test_a_malformed_part_is_refused(piece: bytes) -> None:
    with pytest.raises(ParseError):
        read_part(piece)


def test_the_header_of_a_part_is_bounded() -> None:
    read_part(b"\r\n" + b"a:\r\n" * 500 + b"\r\n")
    with pytest.raises(ParseError):
        read_part(b"\r\n" + b"a:\r\n" * 600 + b"\r\n")


def test_media_types_have_no_case() -> None:
    assert media_type(" Application/SDP ;charset=x") == "application/sdp"
    assert media_type("") == ""
