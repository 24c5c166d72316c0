"""A REGISTER read: which phone it is from, which policy it meets."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from pcscf.core.policy import SecAgree
from pcscf.core.register_request import authorization, phone_of, policy_for
from pcscf.errors import SipError
from pcscf.sip.message import Request, parse
from tests.core.phone import Phone
from tests.core.stage import IMPI, POLICY, UE, UE6, Stage


def read(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


@pytest.fixture
def phone() -> Phone:
    return Phone(Stage())


def test_a_phone_is_a_user_an_address_an_instance_and_a_kind(phone: Phone) -> None:
    phone.instance, phone.contact_params = "<urn:gsma:imei:1>", ";sos"
    found = phone_of(read(phone.register()), phone.clear_flow())
    assert (found.impi, found.host) == (IMPI, UE)
    assert (found.instance, found.emergency) == ("<urn:gsma:imei:1>", True)


def test_without_a_username_the_public_identity_tells_the_user(phone: Phone) -> None:
    """TS 23.003 13.3."""
    for credentials in ("Authorization: Digest realm=x", "Subject: none"):
        request = read(phone.register())
        request.remove("authorization")
        request.append(*credentials.split(": "))
        assert phone_of(request, phone.clear_flow()).impi == IMPI


def test_credentials_of_another_scheme_name_nobody(phone: Phone) -> None:
    request = read(phone.register())
    request.set("authorization", 'Basic username="evil@example.net"')
    assert authorization(request) == {}


@pytest.mark.parametrize(
    "credentials",
    [
        ['Digest username="a"', 'Digest username="b"'],
        ['Digest username="a", username="b"'],
        ['Digest username="a", Digest username="b"'],
        ['Digest username="a", realm="x", USERNAME="b"'],
        ['Digest username="a', "x"],
        ["Digest"],
    ],
)
def test_credentials_that_can_be_read_two_ways_are_refused(
    phone: Phone, credentials: list[str]
) -> None:
    """What we take for A, protected, the core must not take for B."""
    request = read(phone.register())
    request.remove("authorization")
    for value in credentials:
        request.append("authorization", value)
    with pytest.raises(SipError) as refused:
        phone_of(request, phone.clear_flow())
    assert refused.value.status == 400


def test_ambiguous_credentials_never_reach_the_core(phone: Phone) -> None:
    phone.registered()
    before = len(phone.stage.to_core)
    phone.says(phone.register('Authorization: Digest username="victim@example.net", response="x"'))
    assert len(phone.stage.to_core) == before
    assert phone.stage.last_to_phone().status == 400


def test_a_number_in_from_is_no_matter_but_to_is_a_sip_uri(phone: Phone) -> None:
    phone.impu, phone.to = "tel:+491701234567", "sip:ue@example.net"
    assert phone_of(read(phone.register()), phone.clear_flow()).impi == IMPI
    phone.to = "tel:+491701234567"
    with pytest.raises(SipError) as refused:
        phone_of(read(phone.register()), phone.clear_flow())
    assert refused.value.status == 400


def test_an_endless_identity_is_refused(phone: Phone) -> None:
    phone.impi = "x" * 300
    with pytest.raises(SipError) as refused:
        phone_of(read(phone.register()), phone.clear_flow())
    assert refused.value.status == 400


def test_the_first_network_that_holds_the_source_decides() -> None:
    policy = replace(
        POLICY,
        sec_agree=SecAgree.REQUIRE,
        sec_agree_by_network=(
            (ip_network("192.0.2.0/28"), SecAgree.OFF),
            (ip_network("192.0.2.0/24"), SecAgree.PREFER),
            (ip_network("2001:db8:1::/48"), SecAgree.PREFER),
        ),
    )
    assert policy_for(policy, UE) is SecAgree.OFF
    assert policy_for(policy, "192.0.2.99") is SecAgree.PREFER
    assert policy_for(policy, UE6) is SecAgree.PREFER
    assert policy_for(policy, "198.51.100.1") is SecAgree.REQUIRE
