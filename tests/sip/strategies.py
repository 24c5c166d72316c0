"""Hypothesis strategies for what stands on the wire."""

from hypothesis import strategies as st

TOKEN = "abcXYZ019-.!%*_+`'~"

tokens = st.text(TOKEN, min_size=1, max_size=12)
blanks = st.sampled_from(["", " ", "  ", "\t", "\r\n ", " \r\n\t"])
quoted = st.text('abc,;=<> \\"', max_size=12).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
# What a header line may hold without ending it, non-ASCII and bytes that are no UTF-8 included
free_text = st.text(
    st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30
).map(str.encode) | st.binary(max_size=20).map(
    lambda data: data.replace(b"\r", b"").replace(b"\n", b"")
)
names = st.sampled_from(
    ["Via", "v", "V", "ViA ", "Route", "Contact", "m", "Subject", "X-Own", "Supported", "k\t"]
)


@st.composite
def header_lines(draw: st.DrawFn) -> bytes:
    name = draw(names).encode()
    value = draw(st.lists(free_text, min_size=1, max_size=3))
    fold = draw(st.sampled_from([b"\r\n ", b"\r\n\t", b"\r\n  "]))
    return name + b":" + draw(st.sampled_from([b"", b" ", b"  \t"])) + fold.join(value)


@st.composite
def messages(draw: st.DrawFn, *, length: bool | None = None) -> bytes:
    """Draw a whole message; ``length`` says whether it has a Content-Length."""
    start = draw(
        st.sampled_from(
            [b"MESSAGE sip:b@example.org SIP/2.0", b"sip/2.0 200 Fine", b"SIP/2.0 404 "]
        )
    )
    lines = draw(st.lists(header_lines(), max_size=8))
    body = draw(st.binary(max_size=30))
    if draw(st.booleans()) if length is None else length:
        spelling = draw(st.sampled_from([b"Content-Length: ", b"l:", b"L : 00", b"l:\r\n  "]))
        lines.insert(draw(st.integers(0, len(lines))), spelling + str(len(body)).encode())
    return b"\r\n".join([start, *lines, b"", body])
