import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcscf.errors import ParseError
from pcscf.sip.uri import SipUri, TelUri, canonical_host, canonical_uri, scheme_of


def test_all_parts() -> None:
    uri = SipUri.parse("sips:al%69ce:secret@Example.org:5061;transport=tcp;lr?Subject=a&To=b")
    assert (uri.scheme, uri.user, uri.password) == ("sips", "al%69ce", "secret")
    assert (uri.host, uri.port, uri.hostport) == ("Example.org", 5061, "Example.org:5061")
    assert uri.params.get("Transport") == "tcp"
    assert "lr" in uri.params
    assert uri.headers == "Subject=a&To=b"


@pytest.mark.parametrize(
    "text",
    [
        "sip:example.org",
        "sip:a@example.org",
        "sip:a:@example.org",
        "sip:user;par=u%40example.net@example.com",
        "sip:a@[2001:db8::1]:5060;lr",
        "sip:[::ffff:192.0.2.10]",
        "sip:192.0.2.1:40002;transport=udp",
        "sip:+1555-12(34)@gw;user=phone?h=",
        "sip:p_cscf-1.example.org.;x=[1]:/",
        "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too"
        ".(doesn't-it)@example.com",
    ],
)
def test_prints_what_it_read(text: str) -> None:
    assert str(SipUri.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:@example.org",
        "sip:a b@example.org",
        "sip:a@b@example.org",
        "sip:a%4@example.org",
        "sip:example.org:",
        "sip:example.org:65536",
        "sip:example.org:99999999999",
        "sip:example..org",
        "sip:-example.org",
        "sip:2001:db8::1",
        "sip:[2001:db8::1",
        "sip:[host]",
        "sip:example.org;",
        "sip:example.org;a=b=c",
        'sip:example.org;a="b"',
        "sip:example.org?",
        "sip:example.org?novalue",
        "sip:example.org\r\n",
        "sip:example.org\n",
        "\u017fip:example.org",  # LATIN SMALL LETTER LONG S folds to s
        "sip:ex\u00e4mple.org",
        "tel:+1555",
        "http://example.org",
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        SipUri.parse(text)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@Example.ORG;transport=tcp", "sip:alice@example.org"),
        ("SIP:alice:pw@example.org:5070", "sip:alice@example.org"),
        ("sip:a%40b@example.org.", "sip:a%40b@EXAMPLE.org"),
        ("sip:a%2fb@h", "sip:a/b@h"),
        ("sip:a%3ab@h", "sip:a%3Ab@h"),
        ("sip:[2001:DB8:0:0::1]", "sip:[2001:db8::1]"),
        ("sip:u@[2001:db8:::192.0.2.1]", "sip:u@[2001:db8::192.0.2.1]"),
    ],
)
def test_equal_addresses_of_record(one: str, other: str) -> None:
    assert canonical_uri(one) == canonical_uri(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:Alice@example.org", "sip:alice@example.org"),
        ("sips:alice@example.org", "sip:alice@example.org"),
        ("sip:alice@example.org", "sip:alice@example.com"),
        ("sip:null-%00-null@h", "sip:null-@h"),
        ("sip:a%3Ab@h", "sip:a:b@h"),
        ("sip:v%2561lue@h", "sip:v%61lue@h"),
        ("sip:example.org", "sip:a@example.org"),
        ("tel:+1555", "tel:1555;phone-context=+1"),
        ("tel:1555;phone-context=a", "tel:1555;phone-context=b"),
    ],
)
def test_different_addresses_of_record(one: str, other: str) -> None:
    assert canonical_uri(one) != canonical_uri(other)


@given(st.from_regex(r"sip:([a-z0-9]|%[0-9A-Fa-f]{2}){1,9}@[a-z]{1,3}\.[a-z]{2}", fullmatch=True))
def test_canonical_form_is_a_uri_and_stays(text: str) -> None:
    canonical = SipUri.parse(text).aor()
    assert SipUri.parse(canonical).aor() == canonical


def test_tel() -> None:
    uri = TelUri.parse("tel:+1-555-(12).34;isub=1")
    assert str(uri) == "tel:+1-555-(12).34;isub=1"
    assert uri.aor() == "tel:+15551234"
    local = TelUri.parse("TEL:*31#;phone-context=Home.net")
    assert local.aor() == "tel:*31#;phone-context=home.net"


@pytest.mark.parametrize("text", ["tel:", "tel:+", "tel:call me", "tel:1;", "sip:a@b", "tel:1\n"])
def test_tel_refuses(text: str) -> None:
    with pytest.raises(ParseError):
        TelUri.parse(text)


def test_other_schemes_compare_as_they_are() -> None:
    assert canonical_uri("urn:service:sos") == "urn:service:sos"
    assert scheme_of("URN:service:sos") == "urn"
    assert scheme_of("soap.beep://192.0.2.103:3002") == "soap.beep"


@pytest.mark.parametrize("text", ["", ":", "1a:b", "a b:c", "sip", "<sip:a>", "sip:a\x00"])
def test_no_scheme(text: str) -> None:
    with pytest.raises(ParseError):
        scheme_of(text)


@pytest.mark.parametrize(
    ("host", "canonical"),
    [
        ("Example.ORG.", "example.org"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::0001]", "2001:db8::1"),
        ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
        ("[:::]", "::"),
        ("[1:2]", "1:2"),
    ],
)
def test_canonical_host(host: str, canonical: str) -> None:
    assert canonical_host(host) == canonical
