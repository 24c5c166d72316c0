"""Who a phone speaks as."""

import pytest

from pcscf.core import identity
from pcscf.core.state import Binding, Phone, Registration
from pcscf.sip.message import Request, new_request

DEFAULT = '"Alice" <sip:alice@example.org>'
NUMBER = "<tel:+491701234567>"


def registered(*associated: str) -> Registration:
    registration = Registration(Phone("alice@example.org", "192.0.2.1", "", emergency=False), "t")
    registration.bindings = (
        Binding("sip:barred@example.org", "sip:a@192.0.2.1", 9.0, (), associated),
    )
    return registration


ALICE = registered(DEFAULT, NUMBER)


def asks(*headers: tuple[str, str]) -> Request:
    return new_request("MESSAGE", "sip:b@example.net", headers)


@pytest.mark.parametrize(
    ("preferred", "asserted"),
    [
        (["<tel:+49-170-1234567>"], NUMBER),
        (["sip:alice@EXAMPLE.org"], DEFAULT),
        (["<sip:stranger@example.net>, <tel:+491701234567>"], NUMBER),
        (["<sip:barred@example.org>"], DEFAULT),
        (["<sip:stranger@example.net>"], DEFAULT),
        (["broken<"], DEFAULT),
        ([], DEFAULT),
    ],
)
def test_the_first_preferred_identity_that_is_registered(
    preferred: list[str], asserted: str
) -> None:
    """With the network's display name, not the phone's; a barred one is none (24.229 5.2.6.3)."""
    headers = [("p-preferred-identity", value) for value in preferred]
    assert identity.preferred(asks(*headers), ALICE) == asserted


@pytest.mark.parametrize(
    ("called", "asserted"),
    [("<tel:+491701234567>", NUMBER), ("<sip:other@example.net>", DEFAULT), ("", DEFAULT)],
)
def test_an_answer_speaks_as_who_was_called(called: str, asserted: str) -> None:
    headers = [("p-called-party-id", called)] if called else []
    assert identity.called(asks(*headers), ALICE) == asserted


def test_without_a_binding_nobody_is_asserted() -> None:
    gone = registered()
    gone.bindings = ()
    assert identity.called(asks(), gone) == ""


def test_what_a_phone_states_itself_does_not_count() -> None:
    message = asks(
        ("p-asserted-identity", "<sip:boss@x>"), ("p-preferred-identity", "<sip:boss@x>")
    )
    identity.assert_identity(message, DEFAULT)
    assert message.values("p-asserted-identity") == [DEFAULT]
    assert "p-preferred-identity" not in message
    identity.assert_identity(message, "")
    assert "p-asserted-identity" not in message


@pytest.mark.parametrize(
    ("privacy", "kept"),
    [("id", False), ("header; ID ;critical", False), ("none", True), ("", True), ("idx", True)],
)
def test_an_identity_that_wants_privacy_does_not_reach_the_phone(
    privacy: str, *, kept: bool
) -> None:
    """RFC 3325 7."""
    headers = [("p-asserted-identity", "<sip:a@x>")]
    message = asks(*headers, *([("privacy", privacy)] if privacy else []))
    identity.keep_private(message)
    assert ("p-asserted-identity" in message) is kept
