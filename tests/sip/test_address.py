import pytest

from pcscf.errors import ParseError
from pcscf.sip.address import NameAddr


@pytest.mark.parametrize(
    ("text", "display", "uri", "params"),
    [
        ("<sip:a@b>", "", "sip:a@b", ""),
        ("<sip:a@b;lr>;tag=1", "", "sip:a@b;lr", ";tag=1"),
        ("sip:a@b;tag=1", "", "sip:a@b", ";tag=1"),
        ('"A, \\"B\\" <x>" <sip:a@b>', 'A, "B" <x>', "sip:a@b", ""),
        ("Alice B. <sip:a@b> ; tag = 1", "Alice B.", "sip:a@b", ";tag=1"),
        ("caller<sip:a@b>;tag=3", "caller", "sip:a@b", ";tag=3"),
        ("J\u00f6rg <sip:a@b>", "J\u00f6rg", "sip:a@b", ""),
        ('"" <sip:a@b>', "", "sip:a@b", ""),
        ("<tel:+1555;phone-context=a>;x", "", "tel:+1555;phone-context=a", ";x"),
        ("tel:+1555;tag=1", "", "tel:+1555", ";tag=1"),
        ("<urn:gsma:imei:1-2>", "", "urn:gsma:imei:1-2", ""),
        ('<sip:a@b>;+sip.instance="<urn:x, y>"', "", "sip:a@b", ';+sip.instance="<urn:x, y>"'),
        ("*", "", "*", ""),
        (" <sip:a@b>\t", "", "sip:a@b", ""),
    ],
)
def test_parse(text: str, display: str, uri: str, params: str) -> None:
    address = NameAddr.parse(text)
    assert (address.display, address.uri, str(address.params)) == (display, uri, params)
    assert NameAddr.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "<sip:a@b",
        "sip:a@b>",
        "< sip:a@b >",
        "<sip:a@b><sip:c@d>",
        "<sip:a@b>, <sip:c@d>",
        "<sip:a@b>;;",
        "<sip:a@b>;tag=1 x",
        "sip:a@b?Route=c",
        "sip:a@b,sip:c@d",
        "Bell, Alexander <sip:a@b>",
        '"Alice <sip:a@b>',
        'Al"ice <sip:a@b>',
        '<sip:a"@b>',
        "<>",
        "*;q=1",
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        NameAddr.parse(text)
    assert caught.value.status == 400


def test_many() -> None:
    text = '"A, B" <sip:a@b>;q=1,<sip:c,d@e> , sip:f@g'
    uris = ["sip:a@b", "sip:c,d@e", "sip:f@g"]
    assert [address.uri for address in NameAddr.parse_many(text)] == uris
    assert [address.uri for address in NameAddr.parse_many([text, "", "sip:h"])] == [*uris, "sip:h"]


def test_views() -> None:
    address = NameAddr.parse("<sip:a@b:5060;lr>;Tag=1")
    assert address.tag == "1"
    assert address.sip_uri.port == 5060
    with pytest.raises(ParseError):
        _ = NameAddr.parse("tel:+1").sip_uri
