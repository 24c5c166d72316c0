import pytest

from pcscf.errors import ParseError
from pcscf.sip.via import Via


def test_parse() -> None:
    via = Via.parse("SIP/2.0/TCP [2001:db8::1]:5060;rport=4;branch=z9hG4bK1;received=192.0.2.1")
    assert (via.transport, via.host, via.port) == ("TCP", "[2001:db8::1]", 5060)
    assert (via.branch, via.rport, via.received) == ("z9hG4bK1", "4", "192.0.2.1")


def test_blanks_and_flags() -> None:
    via = Via.parse("SIP / 2.0\t/ UDP  host.example.org : 5070 ;rport")
    assert str(via) == "SIP/2.0/UDP host.example.org:5070;rport"
    assert (via.rport, via.branch, via.received) == ("", None, None)
    assert Via.parse("SIP/2.0/UDP h").rport is None


def test_prints_what_it_reads() -> None:
    for text in ("SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1", "SIP/7.0/X-Y h"):
        assert str(Via.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0 h",
        "SIP/2.0/UDPh",
        "SIP/2.0/UDP h:",
        "SIP/2.0/UDP h:x",
        "SIP/2.0/UDP h:65536",
        "SIP/2.0/UDP 2001:db8::1",
        "SIP/2.0/UDP h i",
        "SIP/2.0/UDP h;;",
        "SIP/2.0/UDP h;branch=a b",
        "SIP/2.0/UDP h, SIP/2.0/UDP i",
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        Via.parse(text)
    assert caught.value.status == 400
