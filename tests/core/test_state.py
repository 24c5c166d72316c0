import pytest

from pcscf.core.agreement import Offer
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.core.state import Attempt, Binding, Phone, Registration, Registry, attempt_key
from tests.core.stage import AES, GM, UE

HOME = Phone("a@x", UE, "", emergency=False)
CLEAR = Flow(Transport.UDP, Side.CLEAR, Endpoint(GM, 5060), Endpoint(UE, 5060))


def moved(instance: str = "", host: str = "192.0.2.99") -> Phone:
    return Phone("a@x", host, instance, emergency=False)


def registry_of(*registrations: Registration) -> Registry:
    registry = Registry()
    for registration in registrations:
        registry.add(registration)
    return registry


@pytest.mark.parametrize(
    ("known", "asks", "same"),
    [
        (moved("i", UE), moved("i"), True),
        (moved("i", UE), moved("j"), False),
        (moved("i", UE), moved("j", UE), False),
        (moved("i", UE), moved("", UE), True),
        (moved("", UE), moved("j", UE), True),
        (moved("", UE), moved("", UE), True),
        (moved("", UE), moved(""), False),
        (HOME, Phone("a@x", UE, "", emergency=True), False),
        (HOME, Phone("b@x", UE, "", emergency=False), False),
    ],
)
def test_an_instance_or_else_the_address_tells_a_phone(
    known: Phone, asks: Phone, *, same: bool
) -> None:
    registration = Registration(known, "t")
    assert registry_of(registration).find(asks) is (registration if same else None)


def test_a_removed_registration_is_in_no_index() -> None:
    registration = Registration(HOME, "t")
    registry = registry_of(registration)
    registry.set_clear_flow(registration, CLEAR)
    registry.remove(registration)
    registry.remove(registration)
    assert len(registry) == 0
    assert registry.by_token("t") is None
    assert registry.of_user("a@x") == ()
    assert registry.by_clear_flow(CLEAR) is None


def test_a_new_token_replaces_the_old() -> None:
    registration = Registration(HOME, "old")
    registry = registry_of(registration)
    registry.rename(registration, "new")
    assert registry.by_token("old") is None
    assert registry.by_token("new") is registration


def test_an_address_in_clear_is_of_the_one_who_registered_there_last() -> None:
    one, other = Registration(HOME, "1"), Registration(moved(), "2")
    registry = registry_of(one, other)
    registry.set_clear_flow(one, CLEAR)
    registry.set_clear_flow(other, CLEAR)
    registry.set_clear_flow(one, None)
    assert registry.by_clear_flow(CLEAR) is other


def test_attempts_are_counted_by_address() -> None:
    registry = Registry()
    attempts = [
        Attempt(phone, "t", Offer(AES, 1, 2, 3, 4, ()), None, 0.0)
        for phone in (HOME, Phone("a@x", UE, "", emergency=True), moved())
    ]
    for attempt in attempts:
        registry.put_attempt(attempt)
    assert (registry.attempts, registry.attempts_at(UE)) == (3, 2)
    for attempt in [*attempts, *attempts]:
        registry.drop_attempt(attempt)
    assert registry.attempts == 0
    assert not registry._attempts_at


def test_an_old_attempt_does_not_drop_the_new_one() -> None:
    registry = Registry()
    old, new = (Attempt(HOME, "t", Offer(AES, 1, 2, 3, 4, ()), None, 0.0) for _ in range(2))
    registry.put_attempt(old)
    registry.drop_attempt(old)
    registry.put_attempt(new)
    registry.drop_attempt(old)
    assert registry.attempt(attempt_key(HOME)) is new


def test_identities_are_those_of_all_bindings_default_first() -> None:
    registration = Registration(HOME, "t")
    registration.bindings = (
        Binding("sip:a@x", "sip:c", 0, (), ("<sip:a@x>", "<tel:+1>")),
        Binding("sip:b@x", "sip:c", 0, (), ()),
        Binding("sip:a@x", "sip:d", 0, (), ("<sip:a@x>",)),
    )
    assert registration.identities == ("<sip:a@x>", "<tel:+1>", "<sip:b@x>")
