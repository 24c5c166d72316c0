import pytest

from pcscf.errors import ParseError
from pcscf.sip.ims import PChargingVector, format_name_addrs, parse_name_addrs
from pcscf.sip.message import parse
from tests.sip import samples

VECTOR = 'icid-value="AyretyU0dm+6O2IrT5tAFrbHLso=-1";icid-generated-at=192.0.2.9'


def test_associated_uris_over_several_lines() -> None:
    values = parse(samples.OK).values("p-associated-uri")
    uris = parse_name_addrs(values)
    assert [address.uri for address in uris] == [
        "sip:alice@example.org", "sip:+15551234@example.org;user=phone", "tel:+15551234",
    ]  # fmt: skip
    assert uris[1].display == "Alice, at home"


def test_route_list_prints_as_it_was() -> None:
    text = "<sip:a@h:5060;lr>, <sip:b;lr>;x=1"
    assert format_name_addrs(parse_name_addrs([text])) == text


def test_a_star_is_no_route() -> None:
    with pytest.raises(ParseError):
        parse_name_addrs(["*"])


def test_charging_vector() -> None:
    vector = PChargingVector.parse(f"{VECTOR}; Orig-IOI=home1.net;term-ioi=h2;transit-ioi=t.1")
    assert vector.icid_value == "AyretyU0dm+6O2IrT5tAFrbHLso=-1"
    assert vector.generated_at == "192.0.2.9"
    assert (vector.orig_ioi, vector.term_ioi) == ("home1.net", "h2")
    assert str(vector) == f"{VECTOR};orig-ioi=home1.net;term-ioi=h2;transit-ioi=t.1"


def test_charging_vector_of_our_own() -> None:
    assert str(PChargingVector("7-1", "[2001:db8::1]", "net")) == (
        "icid-value=7-1;icid-generated-at=[2001:db8::1];orig-ioi=net"
    )


@pytest.mark.parametrize("text", ["", "orig-ioi=a", "icid-value", 'icid-value="a', ";icid-value=1"])
def test_a_vector_without_icid_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        PChargingVector.parse(text)
