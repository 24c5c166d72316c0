"""Requests from a registered phone."""

import pytest

from pcscf.core.flow import Endpoint, Transport
from tests.core.phone import Phone
from tests.core.stage import S_CSCF, UE, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def phone(stage: Stage) -> Phone:
    phone = Phone(stage)
    phone.registered()
    return phone


def test_what_the_core_sees(stage: Stage, phone: Phone) -> None:
    phone.says(
        phone.message(
            "MESSAGE",
            "sip:b@example.net",
            "Route: <sip:evil@203.0.113.66;lr>",
            "P-Asserted-Identity: <sip:boss@example.net>",
            "P-Charging-Vector: icid-value=mine",
            "P-Access-Network-Info: x;network-provided",
            "Require: sec-agree",
            f"Security-Verify: {phone.verify}",
        )
    )
    request = stage.last_to_core()
    assert request.elements("route") == ["<sip:orig@203.0.113.9:5060;lr>"]
    assert request.values("p-asserted-identity") == [f"<{phone.impu}>"]
    assert "mine" not in (request.get("p-charging-vector") or "")
    for name in ("require", "security-verify", "p-access-network-info"):
        assert name not in request
    assert stage.to_core[-1].flow.remote == S_CSCF


def test_the_charging_functions_of_the_registration_go_with_its_requests(stage: Stage) -> None:
    """TS 24.229 5.2.2, 5.2.6.3: the phone neither sees them nor names others."""
    phone = Phone(stage)
    phone.challenged()
    phone.says(phone.answer())
    contact = f"Contact: <sip:ue@{UE}:40002>;expires=600"
    charging = "P-Charging-Function-Addresses: ccf=192.0.2.99"
    stage.core_says(stage.last_to_core(), 200, contact, charging)
    assert "p-charging-function-addresses" not in stage.last_to_phone()
    own = "P-Charging-Function-Addresses: ccf=evil"
    phone.says(phone.message("MESSAGE", "sip:b@example.net", own))
    assert stage.last_to_core().values("p-charging-function-addresses") == ["ccf=192.0.2.99"]


@pytest.mark.parametrize(
    ("preferred", "asserted"),
    [
        ("<tel:+49-170-1234567>", "<tel:+491701234567>"),
        ("<sip:stranger@example.net>", None),
        ("broken<", None),
    ],
)
def test_the_preferred_identity_counts_if_it_is_registered(
    stage: Stage, phone: Phone, preferred: str, asserted: str | None
) -> None:
    phone.says(phone.message("MESSAGE", "sip:b@x", f"P-Preferred-Identity: {preferred}"))
    request = stage.last_to_core()
    assert request.values("p-asserted-identity") == [asserted or f"<{phone.impu}>"]
    assert "p-preferred-identity" not in request


@pytest.mark.parametrize(
    ("route", "remote", "transport"),
    [
        ("<sip:orig@203.0.113.77:5070;lr>", Endpoint("203.0.113.77", 5070), Transport.UDP),
        ("<sip:203.0.113.77;transport=TCP;lr>", Endpoint("203.0.113.77", 5060), Transport.TCP),
        ("<sip:[2001:db8:c::9];lr>", Endpoint("2001:db8:c::9", 5060), Transport.UDP),
        ("<sip:scscf.example.net;lr>", S_CSCF, Transport.UDP),
    ],
)
def test_the_service_route_names_the_next_hop(
    stage: Stage, route: str, remote: Endpoint, transport: Transport
) -> None:
    phone = Phone(stage)
    phone.challenged()
    phone.says(phone.answer())
    contact = f"Contact: <sip:ue@{UE}:40002>;expires=600"
    stage.core_says(stage.last_to_core(), 200, contact, f"Service-Route: {route}")
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.to_core[-1].flow.remote == remote
    assert stage.to_core[-1].flow.transport is transport


def test_a_set_that_is_not_confirmed_carries_no_requests(stage: Stage) -> None:
    phone = Phone(stage, impi="new@x", port_uc=50001, port_us=50002, spi_uc=900, spi_us=901)
    phone.challenged()
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    assert stage.last_to_phone().status == 403
