import pytest

from pcscf.core.granted import (
    Grant,
    contact_key,
    grants,
    identity_key,
    removes_all,
    service_route,
)
from pcscf.sip.message import Request, Response, parse

CONTACT = "sip:ue@192.0.2.10:40002"


def register(*lines: str) -> Request:
    message = parse("\r\n".join(["REGISTER sip:r SIP/2.0", *lines, "", ""]).encode())
    assert isinstance(message, Request)
    return message


def ok(*lines: str) -> Response:
    message = parse("\r\n".join(["SIP/2.0 200 OK", *lines, "", ""]).encode())
    assert isinstance(message, Response)
    return message


@pytest.mark.parametrize(
    ("asked", "given", "seconds"),
    [
        ([f"Contact: <{CONTACT}>;expires=600"], [f"Contact: <{CONTACT}>;expires=300"], 300),
        ([f"Contact: <{CONTACT}>;expires=600"], [f"Contact: <{CONTACT};x=y>;expires=300"], 300),
        ([f"Contact: <{CONTACT}>;expires=600"], ["Expires: 300"], 300),
        (
            [f"Contact: <{CONTACT}>;expires=600"],
            [f"Contact: <{CONTACT}>;expires=30", "Expires: 99"],
            30,
        ),
        ([f"Contact: <{CONTACT}>;expires=600"], [], 600),
        ([f"Contact: <{CONTACT}>", "Expires: 600"], [], 600),
        ([f"Contact: <{CONTACT}>;expires=600", "Expires: 5"], [], 600),
        ([f"Contact: <{CONTACT}>"], [], 3600),
        ([f"Contact: <{CONTACT}>;expires=soon"], [], 3600),
        ([f"Contact: <{CONTACT}>;expires=99999999999999999999"], [], 2**31),
        ([f"Contact: <{CONTACT}>;expires=0"], [f"Contact: <{CONTACT}>;expires=300"], 0),
        ([f"Contact: <{CONTACT}>", "Expires: 0"], ["Expires: 300"], 0),
    ],
)
def test_the_core_has_the_last_word_but_not_on_leaving(
    asked: list[str], given: list[str], seconds: int
) -> None:
    assert grants(register(*asked), ok(*given)) == [Grant(CONTACT, seconds)]


def test_each_contact_has_its_own_grant() -> None:
    other = "sip:ue@192.0.2.10:40004"
    asked = register(f"Contact: <{CONTACT}>;expires=0, <{other}>;expires=600")
    assert grants(asked, ok(f"Contact: <{other}>;expires=60")) == [
        Grant(CONTACT, 0),
        Grant(other, 60),
    ]


def test_a_star_grants_nothing() -> None:
    asked = register("Contact: *", "Expires: 0")
    assert removes_all(asked)
    assert grants(asked, ok()) == []
    assert not removes_all(register(f"Contact: <{CONTACT}>"))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sip:ue@192.0.2.10:40002", "sip:ue@192.0.2.10:40002;transport=tcp;ob", True),
        ("sip:u%65@HOST", "sip:ue@host", True),
        ("sip:ue@[2001:db8::1]", "sip:ue@[2001:DB8:0::1]", True),
        ("sip:ue@192.0.2.10:40002", "sip:ue@192.0.2.10:40004", False),
        ("sip:ue@192.0.2.10", "sip:ue@192.0.2.10:5060", False),
        ("sip:a@h", "sip:b@h", False),
        ("urn:x:1", "urn:x:1", True),
    ],
)
def test_contacts_compare_by_user_host_and_port(one: str, other: str, *, same: bool) -> None:
    assert (contact_key(one) == contact_key(other)) is same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('"A" <sip:a@EXAMPLE.net;x=y>', "sip:a@example.net"),
        ("<tel:+49-170-1>", "tel:+491701"),
        ("<<broken", "<<broken"),
    ],
)
def test_identities_compare_by_what_they_name(one: str, other: str) -> None:
    assert identity_key(one) == identity_key(other)


def test_phones_with_the_same_service_route_share_it() -> None:
    one = service_route(ok("Service-Route: <sip:a;lr>, <sip:b;lr>"))
    assert one == ("<sip:a;lr>", "<sip:b;lr>")
    assert service_route(ok("Service-Route: <sip:a;lr>", "Service-Route: <sip:b;lr>")) is one
    assert service_route(ok()) == ()
